"""What is kept beside the words themselves: facts, preferences, people, events; and summaries of conversations.

Superseded rows stay, with the time they stopped being true and what replaced them. Knows no rule of extraction.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row
from uuid_utils.compat import uuid7

from undertone.memory import terms
from undertone.resources import Connection


@dataclass(frozen=True, slots=True)
class Kept:
    """One kept memory that is true now."""

    id: UUID
    kind: str
    text: str
    subject: str


@dataclass(frozen=True, slots=True)
class Unread:
    """One message of the person that extraction has not read."""

    id: UUID
    seq: int
    text: str
    created_at: datetime


async def unread(conn: Connection, user_id: UUID, persona_id: str, limit: int = 200) -> list[Unread]:
    """The person's messages that extraction has not read, oldest first. Holds the stream until the transaction ends."""
    cursor = await conn.execute(
        "select extracted_to from recall_streams where user_id = %s and persona_id = %s for update",
        (user_id, persona_id),
    )
    row = await cursor.fetchone()
    async with conn.cursor(row_factory=class_row(Unread)) as messages:
        await messages.execute(
            "select id, seq, text, created_at from messages where user_id = %s and persona_id = %s and seq > %s"
            " and role = 'user' and active and not quarantined order by seq limit %s",
            (user_id, persona_id, row[0] if row else 0, limit),
        )
        return await messages.fetchall()


async def mark_read(conn: Connection, user_id: UUID, persona_id: str, seq: int) -> None:
    await conn.execute(
        "update recall_streams set extracted_to = greatest(extracted_to, %s) where user_id = %s and persona_id = %s",
        (seq, user_id, persona_id),
    )


async def of_subject(conn: Connection, user_id: UUID, persona_id: str, subject: str, text: str) -> list[Kept]:
    """What is kept and true now of this subject, or in these very words."""
    async with conn.cursor(row_factory=class_row(Kept)) as cursor:
        await cursor.execute(
            "select id, kind, text, subject from memories where user_id = %s and persona_id = %s and valid_to is null"
            " and forgotten_at is null and ((subject <> '' and subject = %s) or lower(text) = lower(%s))",
            (user_id, persona_id, subject, text),
        )
        return await cursor.fetchall()


async def add(
    conn: Connection,
    *,
    user_id: UUID,
    persona_id: str,
    kind: str,
    text: str,
    subject: str,
    confidence: float,
    source: UUID | None,
    at: datetime,
    made_by: str = "rules",
) -> UUID:
    """Keep one memory; `source` is the message it comes from, `made_by` rules, model, person or operator."""
    memory_id = uuid7()
    await conn.execute(
        """
        insert into memories (user_id, id, persona_id, kind, text, subject, terms, source_message_ids, confidence,
            valid_from, created_at, made_by)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            user_id,
            memory_id,
            persona_id,
            kind,
            text,
            subject,
            terms.pack(terms.analyse(text)),
            [source] if source else [],
            confidence,
            at,
            at,
            made_by,
        ),
    )
    return memory_id


async def add_source(conn: Connection, user_id: UUID, memory_id: UUID, source: UUID) -> None:
    """The same was said once more."""
    await conn.execute(
        "update memories set source_message_ids = source_message_ids || %s where user_id = %s and id = %s"
        " and not %s = any(source_message_ids)",
        (source, user_id, memory_id, source),
    )


async def supersede(conn: Connection, user_id: UUID, old: UUID, new: UUID, at: datetime) -> None:
    await conn.execute(
        "update memories set valid_to = %s, superseded_by = %s where user_id = %s and id = %s", (at, new, user_id, old)
    )
