"""The blocks in PostgreSQL: packing 128 messages into one row, reading a whole stream, refreshing after a change.

Block n holds the messages with seq in (128 n, 128 (n + 1)] that may be recalled: active and not quarantined. The newest
messages are read from `messages` until their block is 64 messages old, when their vectors have long arrived.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
from psycopg.rows import TupleRow

from undertone.memory import terms
from undertone.memory.index.stream import HEAD, Packed, Stream, name_conversation, name_speaker
from undertone.memory.vectors import from_halfvecs, pack_codes
from undertone.resources import Connection
from undertone.types import Role

BLOCK = 128
SETTLED = 64
"""A block is packed when this many messages came after it."""


@dataclass(frozen=True, slots=True)
class Row:
    """A message as recall shows it."""

    seq: int
    id: UUID
    conversation_id: UUID
    role: Role
    speaker: str | None
    text: str
    created_at: datetime


async def pack_if_due(conn: Connection, user_id: UUID, persona_id: str, seq: int) -> None:
    """Pack the block that message number `seq` makes old enough; call it in the transaction that stores the message."""
    if seq > SETTLED and (seq - SETTLED) % BLOCK == 0:
        await _pack(conn, user_id, persona_id, [(seq - SETTLED) // BLOCK - 1])
        await conn.execute(
            "update recall_streams set packed_to = %s where user_id = %s and persona_id = %s",
            (seq - SETTLED, user_id, persona_id),
        )


async def refresh(conn: Connection, user_id: UUID, persona_id: str, seqs: Iterable[int]) -> None:
    """Rebuild the blocks of messages that changed or went. Locks the stream until the transaction ends."""
    cursor = await conn.execute(
        "select packed_to from recall_streams where user_id = %s and persona_id = %s for update", (user_id, persona_id)
    )
    row = await cursor.fetchone()
    packed_to = row[0] if row else 0
    await _pack(conn, user_id, persona_id, sorted({(seq - 1) // BLOCK for seq in seqs if seq <= packed_to}))


async def seqs_of(conn: Connection, user_id: UUID, message_ids: Sequence[UUID]) -> dict[str, list[int]]:
    """The places of messages in their streams, by persona."""
    cursor = await conn.execute(
        "select persona_id, array_agg(seq) from messages where user_id = %s and id = any(%s) group by persona_id",
        (user_id, list(message_ids)),
    )
    return {persona_id: seqs async for persona_id, seqs in cursor}


async def read_stream(conn: Connection, user_id: UUID, persona_id: str) -> Stream:
    """All that may be recalled. Two queries in one round trip; a block packed between them is not read twice."""
    async with conn.pipeline():
        newest = conn.cursor(binary=True)
        await newest.execute(
            """
            select seq, conversation_id, position, created_at, speaker, role, terms, embedding
            from messages
            where user_id = %(user_id)s and persona_id = %(persona_id)s and active and not quarantined and seq > (
                select coalesce(max(packed_to), 0) from recall_streams
                where user_id = %(user_id)s and persona_id = %(persona_id)s
            )
            order by seq
            """,
            {"user_id": user_id, "persona_id": persona_id},
        )
        blocks = conn.cursor(binary=True)
        await blocks.execute(
            """
            select last_seq, heads, terms, vectors from recall_blocks
            where user_id = %s and persona_id = %s order by first_seq
            """,
            (user_id, persona_id),
        )
    packed = await blocks.fetchall()
    last = packed[-1][0] if packed else 0
    parts = [Packed(heads, terms, vectors) for _, heads, terms, vectors in packed]
    parts.append(_packed([row for row in await newest.fetchall() if row[0] > last]))
    return Stream.of(parts)


async def read_rows(conn: Connection, user_id: UUID, persona_id: str, seqs: Sequence[int]) -> dict[int, Row]:
    """The messages at these places of the stream, by seq."""
    cursor = await conn.execute(
        """
        select seq, id, conversation_id, role, speaker, text, created_at from messages
        where user_id = %s and persona_id = %s and seq = any(%s) and active and not quarantined
        """,
        (user_id, persona_id, list(seqs)),
    )
    return {row[0]: Row(*row) async for row in cursor}


async def _pack(conn: Connection, user_id: UUID, persona_id: str, numbers: Iterable[int]) -> None:
    for number in numbers:
        first, last = number * BLOCK + 1, (number + 1) * BLOCK
        cursor = conn.cursor(binary=True)
        await cursor.execute(
            """
            select seq, conversation_id, position, created_at, speaker, role, terms, embedding
            from messages
            where user_id = %s and persona_id = %s and seq between %s and %s and active and not quarantined
            order by seq
            """,
            (user_id, persona_id, first, last),
        )
        block = _packed(await cursor.fetchall())
        await conn.execute(
            """
            insert into recall_blocks (user_id, persona_id, first_seq, last_seq, heads, terms, vectors)
            values (%s, %s, %s, %s, %s, %s, %s)
            on conflict (user_id, persona_id, first_seq)
            do update set heads = excluded.heads, terms = excluded.terms, vectors = excluded.vectors
            """,
            (user_id, persona_id, first, last, block.heads, block.terms, block.vectors),
        )


def _packed(rows: Sequence[TupleRow]) -> Packed:
    """Rows of the queries above as one part: seq, conversation, position, created, speaker, role, terms, embedding."""
    heads = np.zeros(len(rows), dtype=HEAD)
    if rows:
        seqs, conversations, positions, created, speakers, roles, packed, embeddings = zip(*rows, strict=True)
        names = {conversation: name_conversation(conversation) for conversation in set(conversations)}
        voices = {speaker: name_speaker(speaker) for speaker in set(speakers)}
        heads["seq"], heads["position"] = seqs, positions
        heads["conversation"] = [names[conversation] for conversation in conversations]
        heads["speaker"] = [voices[speaker] for speaker in speakers]
        heads["created"] = [int(at.timestamp()) for at in created]
        heads["user"] = [role == "user" for role in roles]
        heads["terms"] = [len(record) // terms.TERM.itemsize for record in packed]
        heads["vector"] = [embedding is not None for embedding in embeddings]
    vectors = from_halfvecs([row[7] for row in rows if row[7] is not None])
    return Packed(heads.tobytes(), b"".join(row[6] for row in rows), pack_codes(vectors))
