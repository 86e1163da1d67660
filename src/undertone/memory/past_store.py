"""Words as they stood at a time: what a request quoted is shown in the words of then, unless it was forgotten since.

SQL only. An edit keeps the text before it (`changes_store`); the first one after a time has the text of that time.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from undertone.resources import Connection
from undertone.types import Role


async def as_of(conn: Connection, user_id: UUID, ids: Sequence[UUID], at: datetime) -> dict[UUID, str]:
    """Messages and memories by id in the words they had at `at`; what was forgotten since is left out."""
    cursor = await conn.execute(
        """
        select h.id, coalesce((
            select c.before -> h.id::text ->> 'text' from memory_changes c
            where c.user_id = %(user)s and h.id = any(c.memory_ids) and c.at > %(at)s
            order by c.id limit 1), h.text)
        from (
            select id, text from messages where user_id = %(user)s and id = any(%(ids)s) and forgotten_at is null
            union all
            select id, text from memories where user_id = %(user)s and id = any(%(ids)s) and forgotten_at is null
        ) as h
        """,
        {"user": user_id, "ids": list(ids), "at": at},
    )
    return dict(await cursor.fetchall())


async def said_at(
    conn: Connection, user_id: UUID, conversation_id: UUID, ranges: Sequence[tuple[int, int]], at: datetime
) -> dict[int, tuple[Role, UUID, str | None]]:
    """Role, id and text at `at` of a conversation's messages in these ranges of positions (both ends in), by position.

    The text is None where it was forgotten; one deleted for good is left out.
    """
    cursor = await conn.execute(
        """
        select m.position, m.role, m.id, m.forgotten_at is null from messages m
        join unnest(%s::int[], %s::int[]) as r (first, last) on m.position between r.first and r.last
        where m.user_id = %s and m.conversation_id = %s
        """,
        ([first for first, _ in ranges], [last for _, last in ranges], user_id, conversation_id),
    )
    rows = await cursor.fetchall()
    words = await as_of(conn, user_id, [row[2] for row in rows if row[3]], at)
    return {position: (role, id, words.get(id)) for position, role, id, _ in rows}


async def with_forgotten(conn: Connection, user_id: UUID, conversation_ids: Sequence[UUID]) -> frozenset[UUID]:
    """Those of these conversations in which something is forgotten that can still be taken back."""
    cursor = await conn.execute(
        "select distinct conversation_id from messages"
        " where user_id = %s and conversation_id = any(%s) and forgotten_at is not null",
        (user_id, list(conversation_ids)),
    )
    return frozenset(row[0] for row in await cursor.fetchall())
