"""Summaries in PostgreSQL, by level: a conversation so far, a closed conversation, a month, all so far.

A closed conversation's stands with the conversation, the others in `summaries`. Each knows the range it was made from.
Knows no words of its own; `summaries` writes them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from psycopg.rows import class_row

from undertone.resources import Connection


@dataclass(frozen=True, slots=True)
class Summary:
    """One summary. `id` is the conversation's at the level "conversation"."""

    id: UUID
    level: str
    """so_far, conversation, month or life."""
    text: str
    first_at: datetime
    last_at: datetime
    covers_to: int = 0
    """The last position it covers, of a conversation so far."""


def name(user_id: UUID, persona_id: str, level: str, of: str) -> UUID:
    """A summary's id: the same when it is written anew, so that what was sent of it can be found and forgotten."""
    return uuid5(user_id, f"{persona_id}/{level}/{of}")


async def earlier(
    conn: Connection, user_id: UUID, persona_id: str, conversation_id: UUID, *, across_personas: bool = False
) -> list[Summary]:
    """What sums up the time before a conversation, from the whole to the latest: life, months, single conversations.

    A conversation within a month that is summed up stands in for nothing any more and is left out.
    """
    async with conn.cursor(row_factory=class_row(Summary)) as cursor:
        await cursor.execute(
            """
            with this as (
                select opened_at from conversations where user_id = %(user)s and id = %(conversation)s
            ), above as (
                select s.* from summaries s, this
                where s.user_id = %(user)s and (%(across)s or s.persona_id = %(persona)s)
                    and s.level <> 'so_far' and s.last_at < this.opened_at
            ), single as (
                select c.id, 'conversation' as level, c.summary as text, c.opened_at as first_at, c.last_at,
                    c.summarised_to as covers_to
                from conversations c, this
                where c.user_id = %(user)s and (%(across)s or c.persona_id = %(persona)s) and c.summary is not null
                    and c.last_at < this.opened_at and c.id <> %(conversation)s
                    and not exists (select from above a where a.level = 'month' and a.persona_id = c.persona_id
                        and a.of = to_char(c.opened_at at time zone 'UTC', 'YYYY-MM'))
                order by c.last_at desc limit 40
            )
            select id, level, text, first_at, last_at, covers_to from (
                select id, level, text, first_at, last_at, covers_to from above
                union all select id, level, text, first_at, last_at, covers_to from single
            ) as found
            order by case level when 'life' then 0 else 1 end, last_at, id
            """,
            {"user": user_id, "persona": persona_id, "conversation": conversation_id, "across": across_personas},
        )
        return await cursor.fetchall()


async def so_far(conn: Connection, user_id: UUID, conversation_id: UUID) -> Summary | None:
    """What sums up the beginning of a conversation that has grown long."""
    async with conn.cursor(row_factory=class_row(Summary)) as cursor:
        await cursor.execute(
            "select id, level, text, first_at, last_at, covers_to from summaries"
            " where user_id = %s and level = 'so_far' and of = %s",
            (user_id, str(conversation_id)),
        )
        return await cursor.fetchone()


async def keep(
    conn: Connection,
    *,
    user_id: UUID,
    persona_id: str,
    level: str,
    of: str,
    text: str,
    covers_to: int,
    first_at: datetime,
    last_at: datetime,
    made_by: str,
    now: datetime,
) -> None:
    """Write a summary, or write it anew under the id it had."""
    await conn.execute(
        """
        insert into summaries as s (user_id, id, persona_id, level, of, text, covers_to, first_at, last_at, made_by,
            made_at)
        values (%(user)s, %(id)s, %(persona)s, %(level)s, %(of)s, %(text)s, %(to)s, %(first)s, %(last)s, %(by)s,
            %(now)s)
        on conflict (user_id, persona_id, level, of) do update set text = excluded.text, covers_to = excluded.covers_to,
            first_at = excluded.first_at, last_at = excluded.last_at, made_by = excluded.made_by,
            made_at = excluded.made_at
        """,
        {
            "user": user_id,
            "id": name(user_id, persona_id, level, of),
            "persona": persona_id,
            "level": level,
            "of": of,
            "text": text,
            "to": covers_to,
            "first": first_at,
            "last": last_at,
            "by": made_by,
            "now": now,
        },
    )


async def keep_conversation(
    conn: Connection, user_id: UUID, conversation_id: UUID, *, text: str, title: str | None, to: int, made_by: str
) -> None:
    """Give a closed conversation its summary, and a title where it has none; its summary so far is done with."""
    await conn.execute(
        "update conversations set summary = %s, title = coalesce(title, %s), summarised_to = %s, summary_made_by = %s"
        " where user_id = %s and id = %s",
        (text, title, to, made_by, user_id, conversation_id),
    )
    await conn.execute(
        "delete from summaries where user_id = %s and level = 'so_far' and of = %s", (user_id, str(conversation_id))
    )


async def drop_quoting(conn: Connection, user_id: UUID, ids: Sequence[UUID]) -> list[UUID]:
    """Delete every summary that may quote one of these messages; returns the ids such summaries have, there or not.

    The job writes them anew from what is left. A conversation's title quotes it too.
    """
    cursor = await conn.execute(
        """
        with said as (
            select distinct c.id, c.persona_id, to_char(c.opened_at at time zone 'UTC', 'YYYY-MM') as month
            from messages m join conversations c on c.user_id = m.user_id and c.id = m.conversation_id
            where m.user_id = %(user)s and m.id = any(%(ids)s)
        ), above as (
            delete from summaries s using said where s.user_id = %(user)s and s.persona_id = said.persona_id
                and s.of = case s.level when 'so_far' then said.id::text when 'month' then said.month else '' end
        ), single as (
            update conversations set summary = null, title = null, summarised_to = 0, summary_made_by = null
            where user_id = %(user)s and id in (select id from said)
        )
        select id, persona_id, month from said
        """,
        {"user": user_id, "ids": list(ids)},
    )
    names: set[UUID] = set()
    for conversation_id, persona_id, month in await cursor.fetchall():
        levels = (("so_far", str(conversation_id)), ("month", month), ("life", ""))
        names |= {conversation_id, *(name(user_id, persona_id, level, of) for level, of in levels)}
    return sorted(names)


async def to_sum_up(conn: Connection, limit: int = 200) -> list[tuple[UUID, str]]:
    """(person, persona) with closed conversations that have no summary yet, the longest waiting first."""
    cursor = await conn.execute(
        "select user_id, persona_id from conversations where closed_at is not null and summary is null"
        " and next_position > 2 group by user_id, persona_id order by min(closed_at) limit %s",
        (limit,),
    )
    return await cursor.fetchall()


async def conversations_due(conn: Connection, user_id: UUID, persona_id: str, limit: int = 20) -> list[UUID]:
    """This pair's closed conversations without a summary, the oldest first."""
    cursor = await conn.execute(
        "select id from conversations where user_id = %s and persona_id = %s and closed_at is not null"
        " and summary is null and next_position > 2 order by closed_at limit %s",
        (user_id, persona_id, limit),
    )
    return [row[0] for row in await cursor.fetchall()]


async def grown(conn: Connection, user_id: UUID, persona_id: str, by: int) -> list[UUID]:
    """Open conversations of this pair with so many messages beyond what their summary so far covers."""
    cursor = await conn.execute(
        """
        select c.id from conversations c
        left join summaries s on s.user_id = c.user_id and s.level = 'so_far' and s.of = c.id::text
        where c.user_id = %s and c.persona_id = %s and c.closed_at is null
            and c.next_position - 1 - coalesce(s.covers_to, 0) >= %s
        """,
        (user_id, persona_id, by),
    )
    return [row[0] for row in await cursor.fetchall()]


async def remembered(conn: Connection, user_id: UUID, persona_id: str) -> bool:
    """Whether the person was ever remembered here, with their consent: extraction has read something."""
    cursor = await conn.execute(
        "select 1 from recall_streams where user_id = %s and persona_id = %s and extracted_to > 0",
        (user_id, persona_id),
    )
    return await cursor.fetchone() is not None


async def months_due(conn: Connection, user_id: UUID, persona_id: str, now: datetime) -> list[str]:
    """Months that are over, whose closed conversations are all summed up, and that have no summary themselves."""
    cursor = await conn.execute(
        """
        select to_char(c.opened_at at time zone 'UTC', 'YYYY-MM') as month from conversations c
        where c.user_id = %(user)s and c.persona_id = %(persona)s
        group by 1
        having bool_and(c.closed_at is not null or c.next_position = 1) and bool_or(c.summary is not null)
            and bool_and(c.summary is not null or c.next_position <= 2)
            and to_char(max(c.opened_at) at time zone 'UTC', 'YYYY-MM') < to_char(%(now)s at time zone 'UTC', 'YYYY-MM')
            and not exists (select from summaries s where s.user_id = %(user)s and s.persona_id = %(persona)s
                and s.level = 'month' and s.of = to_char(max(c.opened_at) at time zone 'UTC', 'YYYY-MM'))
        order by 1
        """,
        {"user": user_id, "persona": persona_id, "now": now},
    )
    return [row[0] for row in await cursor.fetchall()]


async def of_month(conn: Connection, user_id: UUID, persona_id: str, month: str) -> list[Summary]:
    """The summaries of a month's conversations, the oldest first."""
    async with conn.cursor(row_factory=class_row(Summary)) as cursor:
        await cursor.execute(
            """
            select c.id, 'conversation' as level, c.summary as text, least(c.opened_at, min(m.created_at)) as first_at,
                greatest(c.last_at, max(m.created_at)) as last_at, c.summarised_to as covers_to
            from conversations c join messages m on m.user_id = c.user_id and m.conversation_id = c.id
            where c.user_id = %s and c.persona_id = %s and c.summary is not null
                and to_char(c.opened_at at time zone 'UTC', 'YYYY-MM') = %s
            group by c.user_id, c.id, c.summary, c.opened_at, c.last_at, c.summarised_to order by c.opened_at
            """,
            (user_id, persona_id, month),
        )
        return await cursor.fetchall()


async def months(conn: Connection, user_id: UUID, persona_id: str) -> list[Summary]:
    """The months summed up, the oldest first."""
    async with conn.cursor(row_factory=class_row(Summary)) as cursor:
        await cursor.execute(
            "select id, level, text, first_at, last_at, covers_to from summaries"
            " where user_id = %s and persona_id = %s and level = 'month' order by of",
            (user_id, persona_id),
        )
        return await cursor.fetchall()


async def life_is_current(conn: Connection, user_id: UUID, persona_id: str) -> bool:
    """Whether the summary of all so far is there and covers the last month summed up."""
    cursor = await conn.execute(
        """
        select coalesce(bool_or(level = 'life') and max(made_at) filter (where level = 'life')
            >= max(made_at) filter (where level = 'month'), false) or count(*) filter (where level = 'month') = 0
        from summaries where user_id = %s and persona_id = %s
        """,
        (user_id, persona_id),
    )
    row = await cursor.fetchone()
    return bool(row and row[0])


async def spend(conn: Connection, user_id: UUID, persona_id: str, tokens: int, most: int, now: datetime) -> bool:
    """Take tokens from a pair's budget of the day; False, and nothing is taken, when they are not there."""
    cursor = await conn.execute(
        """
        update recall_streams set asked_on = %(day)s,
            asked_tokens = case when asked_on = %(day)s then asked_tokens else 0 end + %(tokens)s
        where user_id = %(user)s and persona_id = %(persona)s
            and case when asked_on = %(day)s then asked_tokens else 0 end + %(tokens)s <= %(most)s
        """,
        {"user": user_id, "persona": persona_id, "tokens": tokens, "most": most, "day": now.date()},
    )
    return cursor.rowcount == 1


async def export_summaries(conn: Connection, user_id: UUID) -> list[dict[str, Any]]:
    cursor = await conn.execute(
        "select persona_id, level, of, text, made_by, made_at from summaries where user_id = %s order by level, of",
        (user_id,),
    )
    names = ("persona_id", "level", "of", "text", "made_by", "made_at")
    return [dict(zip(names, row, strict=True)) for row in await cursor.fetchall()]


async def erase_summaries(conn: Connection, user_id: UUID) -> int:
    return (await conn.execute("delete from summaries where user_id = %s", (user_id,))).rowcount


HOLDINGS = {"summaries": (export_summaries, erase_summaries)}
"""How this table is exported and erased."""
