"""From words to what is kept: new messages are read once, the same said again is one memory, the new replaces the old.

    await consolidate(conn, user_id, persona_id)
    await summarise(conn, user_id, conversation_id)

Both are harmless to run twice and need no model. Knows no job and no prompt.
"""

import re
from uuid import UUID

from undertone.memory import kept_store, store
from undertone.memory.extraction import extract
from undertone.resources import Connection

LINES = 3
"""A summary quotes at most this many of the person's own statements."""
TITLE = 48
"""Most characters of a title."""


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


async def summarise(conn: Connection, user_id: UUID, conversation_id: UUID) -> str:
    """Write a conversation's title and summary from the person's own longest statements, in their order."""
    said = [m for m in await store.history(conn, user_id, conversation_id, limit=400) if m.role == "user"]
    statements: list[tuple[int, str]] = []
    for message in said:
        if not message.quarantined:
            sentences = (s.strip() for s in re.findall(r"[^.!?\n]+[.!?]*", message.text))
            statements += [(message.position, s) for s in sentences if s and not s.endswith("?") and len(s.split()) > 3]
    best = sorted(sorted(statements, key=lambda s: -len(s[1]))[:LINES])
    date = f"{said[0].created_at:%d %B %Y}" if said else ""
    summary = f"{date}: " + " / ".join(text[:160] for _, text in best) if best else f"{date}: small talk"
    title = (best[0][1] if best else said[0].text if said else "")[:TITLE].rstrip(" .,!") or None
    last = said[-1].position if said else 0
    await store.set_summary(conn, user_id, conversation_id, summary=summary, title=title, summarised_to=last)
    return summary
