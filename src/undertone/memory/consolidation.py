"""From words to what is kept: new messages are read once, the same said again is one memory, the new replaces the old.

    await consolidate(conn, user_id, persona_id)

Harmless to run twice; needs no model. Knows no job and no prompt.
"""

from datetime import datetime
from uuid import UUID

from undertone import people
from undertone.db import transaction
from undertone.memory import kept_store
from undertone.memory.extraction import extract
from undertone.resources import Connection, Resources


async def consolidate(conn: Connection, user_id: UUID, persona_id: str) -> int:
    """Keep what the unread messages tell; returns how many memories are new. In the caller's transaction."""
    new = 0
    messages = await kept_store.unread(conn, user_id, persona_id)
    for message in messages:
        for fact in extract(message.text, message.created_at):
            known = await kept_store.of_subject(conn, user_id, persona_id, fact.subject, fact.text)
            same = next((k for k in known if k.text.casefold() == fact.text.casefold()), None)
            if same is not None:
                await kept_store.add_source(conn, user_id, same.id, message.id)
                continue
            added = await kept_store.add(
                conn,
                user_id=user_id,
                persona_id=persona_id,
                kind=fact.kind,
                text=fact.text,
                subject=fact.subject,
                confidence=fact.confidence,
                source=message.id,
                at=message.created_at,
            )
            for old in known:
                await kept_store.supersede(conn, user_id, old.id, added, message.created_at)
            new += 1
    if messages:
        await kept_store.mark_read(conn, user_id, persona_id, messages[-1].seq)
    return new


async def keep_told(resources: Resources, user_id: UUID, persona_id: str, *, now: datetime) -> int:
    """Keep what the unread messages tell; returns how many memories are new."""
    async with transaction(resources.db) as conn:
        if not await people.hold_user(conn, user_id):
            return 0
        return await consolidate(conn, user_id, persona_id)
