"""What is kept beside the words themselves: facts, preferences, people, events; and summaries of conversations.

Superseded rows stay, with the time they stopped being true and what replaced them. Knows no rule of extraction.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row
from uuid_utils.compat import uuid7

from undertone.memory import terms
from undertone.memory.vectors import to_halfvec
from undertone.resources import Connection
from undertone.types import Vector


@dataclass(frozen=True, slots=True)
class Kept:
    """One kept memory that is true now."""

    id: UUID
    kind: str
    text: str
    subject: str
    pinned: bool
    valid_from: datetime
    close: bool
    """Close in meaning to what was asked for."""


@dataclass(frozen=True, slots=True)
class Unread:
    """One message of the person that extraction has not read."""

    id: UUID
    seq: int
    text: str
    created_at: datetime


async def unread(
    conn: Connection, user_id: UUID, persona_id: str, limit: int = 200, *, hold: bool = False
) -> list[Unread]:
    """The person's messages that extraction has not read, oldest first; quarantined ones and left branches never are.

    `hold` keeps others from reading them until the transaction ends.
    """
    query = "select extracted_to from recall_streams where user_id = %s and persona_id = %s"
    cursor = await conn.execute(query + " for update" if hold else query, (user_id, persona_id))
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
    return await alike(conn, user_id, persona_id, "", subject, text, None, 1.0)


async def alike(
    conn: Connection,
    user_id: UUID,
    persona_id: str,
    kind: str,
    subject: str,
    text: str,
    vector: Vector | None,
    cosine: float,
) -> list[Kept]:
    """What is kept and true now that a text may repeat or contradict: of its subject, in its words, or of its kind and
    at least so close in meaning to `vector`, shape (d,)."""
    async with conn.cursor(row_factory=class_row(Kept)) as cursor:
        await cursor.execute(
            """
            select id, kind, text, subject, pinned, valid_from, close from (
                select *, coalesce(kind = %(kind)s and embedding <=> %(vector)s::halfvec <= %(far)s, false) as close
                from memories where user_id = %(user)s and persona_id = %(persona)s and valid_to is null
                    and forgotten_at is null and kind <> 'summary'
            ) as m
            where close or (%(subject)s <> '' and subject = %(subject)s) or lower(text) = lower(%(text)s)
            order by valid_from, id
            """,
            {
                "user": user_id,
                "persona": persona_id,
                "kind": kind,
                "subject": subject,
                "text": text,
                "vector": to_halfvec(vector),
                "far": 1 - cosine,
            },
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
    sensitivity: str = "normal",
    vector: Vector | None = None,
) -> UUID:
    """Keep one memory; `source` is the message it comes from, `made_by` rules, model, person or operator."""
    memory_id = uuid7()
    await conn.execute(
        """
        insert into memories (user_id, id, persona_id, kind, text, subject, terms, source_message_ids, confidence,
            valid_from, created_at, made_by, sensitivity, embedding)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
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
            sensitivity,
            to_halfvec(vector),
        ),
    )
    return memory_id


async def add_source(conn: Connection, user_id: UUID, memory_id: UUID, source: UUID, confidence: float) -> None:
    """The same was said once more."""
    await conn.execute(
        "update memories set source_message_ids = source_message_ids || %s, confidence = greatest(confidence, %s),"
        " tier = 'hot' where user_id = %s and id = %s and not %s = any(source_message_ids)",
        (source, confidence, user_id, memory_id, source),
    )


async def end(conn: Connection, user_id: UUID, memory_id: UUID, at: datetime) -> None:
    """It is no longer true, and nothing took its place."""
    await conn.execute("update memories set valid_to = %s where user_id = %s and id = %s", (at, user_id, memory_id))


async def supersede(conn: Connection, user_id: UUID, old: UUID, new: UUID, at: datetime) -> None:
    await conn.execute(
        "update memories set valid_to = %s, superseded_by = %s where user_id = %s and id = %s", (at, new, user_id, old)
    )
