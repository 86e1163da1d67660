"""What was said before the conversation at hand, word for word, in pages: for windows that hold a person's past.

    pages = await read_pages(conn, user_id, persona_id, conversation_id, before=1, most_bytes=400_000)

A page is 32 places of the stream, written out by PostgreSQL in one piece, so that a past of a million tokens is a
thousand rows and not forty thousand. What a rail quarantined, what was forgotten and left branches are not in it.
"""

from dataclasses import dataclass
from uuid import UUID

from undertone.resources import Connection

PAGE = 32
FEWEST_BYTES = 24
"""A message with its frame is rarely shorter on average: bounds how many rows are looked at for so many bytes."""


@dataclass(frozen=True, slots=True)
class Page:
    """Neighbouring messages as one text, a line each under the date of their conversation."""

    number: int
    """The same page has the same number for good: an eviction can begin at a round one."""
    first_seq: int
    last_seq: int
    messages: int
    text: str
    size: int
    """UTF-8 bytes of the text."""


async def read_pages(
    conn: Connection,
    user_id: UUID,
    persona_id: str,
    conversation_id: UUID,
    *,
    before: int,
    most_bytes: int,
    between: tuple[int, int] | None = None,
) -> list[Page]:
    """The newest pages of at most `most_bytes` in all, oldest first; they end where position `before` begins.

    `before` is the first position of this conversation that the request shows as messages. `between` names the
    first and the last place of the stream instead. One round trip; a person with fifty messages costs fifty rows.
    """
    cursor = conn.cursor(binary=True)
    await cursor.execute(
        """
        with edge as (
            select coalesce(%(last)s::integer + 1, (
                select seq from messages
                where user_id = %(user)s and conversation_id = %(conversation)s and position >= %(before)s and active
                order by position limit 1
            )) as seq
        ), pages as (
            select number, page.*, octet_length(page.text) as size
            from edge
            cross join generate_series(
                greatest(0, coalesce(%(first)s::integer - 1, edge.seq - %(rows)s) / %(page)s), (edge.seq - 2) / %(page)s
            ) as number
            cross join lateral (
                select min(seq) as first_seq, max(seq) as last_seq, count(*)::integer as messages,
                    string_agg(date || line, E'\n' order by seq) as text
                from (
                    select seq,
                        case role when 'user' then 'They: ' else 'You: ' end || replace(text, E'\n', ' ') as line,
                        case when lag(conversation_id) over (order by seq) is distinct from conversation_id
                            then to_char(created_at at time zone 'UTC', '"["DD Mon YYYY"]"') || E'\n' else ''
                        end as date
                    from messages
                    where user_id = %(user)s and persona_id = %(persona)s and active and not quarantined
                      and seq > number * %(page)s and seq <= least((number + 1) * %(page)s, edge.seq - 1)
                ) as said
            ) as page
            where page.messages > 0
        ), sized as (
            select *, sum(size + 1) over (order by number desc) as so_far from pages
        )
        select number, first_seq, last_seq, messages, text, size from sized where so_far <= %(bytes)s order by number
        """,
        {
            "user": user_id,
            "persona": persona_id,
            "conversation": conversation_id,
            "before": before,
            "page": PAGE,
            "first": between[0] if between else None,
            "last": between[1] if between else None,
            "rows": min(most_bytes // FEWEST_BYTES, 2**30),
            "bytes": most_bytes,
        },
    )
    return [Page(*row) async for row in cursor]
