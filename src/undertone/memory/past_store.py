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


async def with_forgotten(conn: Connection, user_id: UUID, ids: Sequence[UUID]) -> frozenset[UUID]:
    """Those of these conversations and summaries that something was said in which is forgotten and can still be taken
    back, and those that are gone."""
    cursor = await conn.execute(
        """
        with forgotten as (
            select m.persona_id, m.conversation_id as id, to_char(c.opened_at at time zone 'UTC', 'YYYY-MM') as month
            from messages m join conversations c on c.user_id = m.user_id and c.id = m.conversation_id
            where m.user_id = %(user)s and m.forgotten_at is not null
        )
        select wanted.id from unnest(%(ids)s::uuid[]) as wanted (id)
        left join summaries s on s.user_id = %(user)s and s.id = wanted.id
        left join conversations c on c.user_id = %(user)s and c.id = wanted.id
        where s.id is null and c.id is null or exists (select from forgotten f where f.id = c.id
            or f.persona_id = s.persona_id
                and s.of = case s.level when 'so_far' then f.id::text when 'month' then f.month else '' end)
        """,
        {"user": user_id, "ids": list(ids)},
    )
    return frozenset(row[0] for row in await cursor.fetchall())
