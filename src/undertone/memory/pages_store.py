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
        ), said as (
            select seq, (seq - 1) / %(page)s as page, conversation_id, created_at,
                case role when 'user' then 'They: ' else 'You: ' end || translate(text, E'\n\r', '  ') as line
            from messages
            where user_id = %(user)s and persona_id = %(persona)s and active and not quarantined
              and seq < (select seq from edge)
              and seq >= coalesce(%(first)s::integer, (select seq from edge) - %(rows)s)
        ), dated as (
            select seq, page, line, case
                when lag(conversation_id) over (partition by page order by seq) is distinct from conversation_id
                then to_char(created_at at time zone 'UTC', '"["DD Mon YYYY"]"') || E'\n' else '' end as date
            from said
        ), pages as (
            select page, min(seq) as first_seq, max(seq) as last_seq, count(*)::integer as messages,
                string_agg(date || line, E'\n' order by seq) as text
            from dated group by page
        ), sized as (
            select *, octet_length(text) as size, sum(octet_length(text) + 1) over (order by page desc) as so_far
            from pages
        )
        select page, first_seq, last_seq, messages, text, size from sized where so_far <= %(bytes)s order by page
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
