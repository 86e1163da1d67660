"""The blocks in PostgreSQL: packing 128 messages into one row, reading a whole stream, refreshing after a change.

Block n holds the messages with seq in (128 n, 128 (n + 1)] that may be recalled: active and not quarantined. The newest
messages are read from `messages` until their block is 64 messages old, when their vectors have long arrived.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from undertone.memory import terms
from undertone.memory.index.stream import HEAD, Packed, Stream, name_conversation, name_speaker
from undertone.memory.vectors import from_halfvecs, pack_codes
from undertone.resources import Connection
from undertone.types import Role

BLOCK = 128
SETTLED = 64
"""A block is packed when this many messages came after it."""


_LINE = np.dtype(
    [
        ("seq", ">i4"),
        ("conversation", "V16"),
        ("position", ">i4"),
        ("created", ">i8"),
        ("user", "u1"),
        ("terms", ">i4"),
        ("vector", "u1"),
    ]
)
"""One message on the wire, big-endian, as `_lines` writes it."""


@dataclass(frozen=True, slots=True)
class Row:
    """A message as recall shows it."""

    persona_id: str
    seq: int
    id: UUID
    conversation_id: UUID
    role: Role
    speaker: str | None
    text: str
    created_at: datetime
    use_count: int
    """How many requests it went into."""
    kept: bool
    """Something true now was kept of it."""
    pinned: bool


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


async def read_stream(conn: Connection, user_id: UUID, persona_ids: Sequence[str]) -> Stream:
    """All that may be recalled of what these personas were told; `Stream.persona` counts along `persona_ids`.

    Two queries in one round trip; a block packed between them is not read twice.
    """
    async with conn.pipeline():
        newest = await _lines(conn, user_id, persona_ids)
        blocks = conn.cursor(binary=True)
        await blocks.execute(
            """
            select persona_id, last_seq, heads, terms, vectors from recall_blocks
            where user_id = %s and persona_id = any(%s) order by persona_id, first_seq
            """,
            (user_id, list(persona_ids)),
        )
    packed: dict[str, list[TupleRow]] = defaultdict(list)
    for row in await blocks.fetchall():
        packed[row[0]].append(row)
    unpacked = {row[0]: row for row in await newest.fetchall()}
    parts: list[tuple[int, Packed]] = []
    for number, persona_id in enumerate(persona_ids):
        parts += [(number, Packed(*row[2:])) for row in packed[persona_id]]
        if persona_id in unpacked:
            last = packed[persona_id][-1][1] if packed[persona_id] else 0
            parts.append((number, _packed(unpacked[persona_id], after=last)))
    return Stream.of(parts)


async def read_rows(conn: Connection, user_id: UUID, places: Sequence[tuple[str, int]]) -> dict[tuple[str, int], Row]:
    """The messages at these places, persona and seq, of the streams."""
    cursor = await conn.execute(
        """
        with found as (
            select persona_id, seq, id, conversation_id, role, speaker, text, created_at, use_count from messages
            where user_id = %(user)s and persona_id = any(%(personas)s) and seq = any(%(seqs)s)
                and active and not quarantined
        ), sources as (
            select unnest(source_message_ids) as id, bool_or(pinned) as pinned from memories
            where user_id = %(user)s and valid_to is null and forgotten_at is null
                and source_message_ids && (select array_agg(id) from found)
            group by 1
        )
        select found.*, sources.id is not null, coalesce(pinned, false) from found left join sources using (id)
        """,
        {
            "user": user_id,
            "personas": list({persona_id for persona_id, _ in places}),
            "seqs": list({seq for _, seq in places}),
        },
    )
    wanted = set(places)
    return {(row[0], row[1]): Row(*row) async for row in cursor if (row[0], row[1]) in wanted}


async def _pack(conn: Connection, user_id: UUID, persona_id: str, numbers: Iterable[int]) -> None:
    for number in numbers:
        first, last = number * BLOCK + 1, (number + 1) * BLOCK
        cursor = await _lines(conn, user_id, [persona_id], first, last)
        row = await cursor.fetchone()
        block = _packed(row) if row else Packed(b"", b"", b"")
        await conn.execute(
            """
            insert into recall_blocks (user_id, persona_id, first_seq, last_seq, heads, terms, vectors)
            values (%s, %s, %s, %s, %s, %s, %s)
            on conflict (user_id, persona_id, first_seq)
            do update set heads = excluded.heads, terms = excluded.terms, vectors = excluded.vectors
            """,
            (user_id, persona_id, first, last, block.heads, block.terms, block.vectors),
        )


async def _lines(
    conn: Connection, user_id: UUID, persona_ids: Sequence[str], first: int | None = None, last: int | None = None
) -> AsyncCursor[TupleRow]:
    """Messages as one row a persona of joined bytes, since many small rows cost three times as much to fetch.

    From place `first` of each stream to `last`; those that no block holds when nothing is said.
    """
    cursor = conn.cursor(binary=True)
    return await cursor.execute(
        """
        select m.persona_id,
            string_agg(
                int4send(m.seq) || uuid_send(m.conversation_id) || int4send(m.position)
                || int8send(floor(extract(epoch from m.created_at))::bigint)
                || boolsend(m.role = 'user') || int4send(octet_length(m.terms)) || boolsend(m.embedding is not null),
                '' order by m.seq
            ),
            array_agg(m.speaker order by m.seq), string_agg(m.terms, '' order by m.seq),
            string_agg(halfvec_send(m.embedding), '' order by m.seq)
        from recall_streams s join messages m on m.user_id = s.user_id and m.persona_id = s.persona_id
        where s.user_id = %(user_id)s and s.persona_id = any(%(persona_ids)s) and m.active and not m.quarantined
            and m.seq >= coalesce(%(first)s::int, s.packed_to + 1) and m.seq <= coalesce(%(last)s::int, 2147483647)
        group by m.persona_id
        """,
        {"user_id": user_id, "persona_ids": list(persona_ids), "first": first, "last": last},
    )


def _packed(row: TupleRow, after: int = 0) -> Packed:
    """The messages of a row that `_lines` gives, after a place of the stream, as one part."""
    _, lines, speakers, stems, halves = row
    wire = np.frombuffer(lines, dtype=_LINE)
    vectors = from_halfvecs(halves or b"", int(wire["vector"].sum()))
    kept = wire["seq"] > after
    if not kept.all():
        stems = stems[int(wire["terms"][~kept].sum()) :]
        vectors = vectors[int(wire["vector"][~kept].sum()) :]
        wire, speakers = wire[kept], speakers[len(kept) - int(kept.sum()) :]
    heads = np.zeros(len(wire), dtype=HEAD)
    for field in ("seq", "position", "created", "user", "vector"):
        heads[field] = wire[field]
    heads["terms"] = wire["terms"] // terms.TERM.itemsize
    conversations = wire["conversation"].tolist()
    names = {conversation: name_conversation(UUID(bytes=conversation)) for conversation in set(conversations)}
    voices = {speaker: name_speaker(speaker) for speaker in set(speakers)}
    heads["conversation"] = [names[conversation] for conversation in conversations]
    heads["speaker"] = [voices[speaker] for speaker in speakers]
    return Packed(heads.tobytes(), stems, pack_codes(vectors))
