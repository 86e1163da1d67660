"""Messages that came from a log: which are known already, and the conversations they stood in.

A message that was forgotten stays known, so that reading the log again does not bring it back. Knows no file.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from undertone.resources import Connection


async def imported(conn: Connection, user_id: UUID, message_ids: Sequence[UUID]) -> set[UUID]:
    """Which of these came from a log before, those forgotten since included."""
    cursor = await conn.execute(
        "select message_id from imported_messages where user_id = %s and message_id = any(%s)",
        (user_id, list(message_ids)),
    )
    return {row[0] for row in await cursor.fetchall()}


async def mark_imported(conn: Connection, user_id: UUID, message_ids: Sequence[UUID]) -> list[UUID]:
    """Claim these for the caller's transaction, which stores them; returns those nobody claimed before."""
    cursor = await conn.execute(
        """
        insert into imported_messages (user_id, message_id) select %s, id from unnest(%s::uuid[]) as id order by id
        on conflict do nothing returning message_id
        """,
        (user_id, list(message_ids)),
    )
    return [row[0] for row in await cursor.fetchall()]


async def reopen(
    conn: Connection, user_id: UUID, conversation_id: UUID, persona_id: str, *, opened_at: datetime
) -> bool:
    """Make sure a conversation of a log is there; True when it is new. It closes like any other, by its silence."""
    cursor = await conn.execute(
        """
        insert into conversations (user_id, id, persona_id, opened_at, last_at) values (%s, %s, %s, %s, %s)
        on conflict (user_id, id) do nothing
        """,
        (user_id, conversation_id, persona_id, opened_at, opened_at),
    )
    return cursor.rowcount == 1
