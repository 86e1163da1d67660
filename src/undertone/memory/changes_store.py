"""Changes by hand in PostgreSQL: rows as they were, put back, and gone for good. `changes` says what each one means."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from undertone.memory import index, summaries_store
from undertone.resources import Connection


@dataclass(frozen=True, slots=True)
class Change:
    """One change a person or an operator made."""

    id: UUID
    change: str
    made_by: str
    memory_ids: list[UUID]
    at: datetime
    undone_at: datetime | None
    before: dict[str, dict[str, Any]]


async def snapshot(conn: Connection, user_id: UUID, ids: Sequence[UUID]) -> dict[str, dict[str, Any]]:
    """These rows as they are, by id; held until the transaction ends, so that two changes never cross."""
    cursor = await conn.execute(
        """
        select id::text, jsonb_build_object('of', 'memory', 'text', text, 'terms', encode(terms, 'base64'),
            'embedding', embedding::text, 'pinned', pinned, 'sensitivity', sensitivity, 'made_by', made_by,
            'confidence', confidence, 'source_message_ids', source_message_ids, 'valid_from', valid_from,
            'valid_to', valid_to, 'superseded_by', superseded_by, 'forgotten_at', forgotten_at)
        from memories where user_id = %s and id = any(%s) order by id for update
        """,
        (user_id, list(ids)),
    )
    found: dict[str, dict[str, Any]] = dict(await cursor.fetchall())
    cursor = await conn.execute(
        """
        select id::text, jsonb_build_object('of', 'message', 'text', text, 'terms', encode(terms, 'base64'),
            'embedding', embedding::text, 'active', active, 'forgotten_at', forgotten_at)
        from messages where user_id = %s and id = any(%s) order by id for update
        """,
        (user_id, list(ids)),
    )
    return found | dict(await cursor.fetchall())


async def add_change(
    conn: Connection,
    *,
    user_id: UUID,
    change_id: UUID,
    change: str,
    made_by: str,
    memory_ids: Sequence[UUID],
    before: dict[str, dict[str, Any]],
    at: datetime,
) -> None:
    await conn.execute(
        "insert into memory_changes (user_id, id, change, made_by, memory_ids, before, at)"
        " values (%s, %s, %s, %s, %s, %s, %s)",
        (user_id, change_id, change, made_by, list(memory_ids), json.dumps(before), at),
    )


async def changes_of(conn: Connection, user_id: UUID, ids: Sequence[UUID] | None = None) -> list[Change]:
    """The changes that touched one of these memories (any when None), the newest first."""
    async with conn.cursor(row_factory=class_row(Change)) as cursor:
        await cursor.execute(
            "select id, change, made_by, memory_ids, at, undone_at, before from memory_changes"
            " where user_id = %s and (%s::uuid[] is null or memory_ids && %s) order by id desc limit 500",
            (user_id, ids and list(ids), ids and list(ids)),
        )
        return await cursor.fetchall()


async def mark_undone(conn: Connection, user_id: UUID, change_id: UUID, at: datetime) -> None:
    await conn.execute(
        "update memory_changes set undone_at = %s where user_id = %s and id = %s", (at, user_id, change_id)
    )


async def put_back(conn: Connection, user_id: UUID, before: dict[str, dict[str, Any]]) -> None:
    """Make these rows what they were; rows that are gone for good stay gone."""
    await conn.execute(
        """
        update memories m set text = b.row ->> 'text', terms = decode(b.row ->> 'terms', 'base64'),
            embedding = (b.row ->> 'embedding')::halfvec, pinned = (b.row ->> 'pinned')::boolean,
            sensitivity = b.row ->> 'sensitivity', made_by = b.row ->> 'made_by',
            confidence = (b.row ->> 'confidence')::real,
            source_message_ids = array(select jsonb_array_elements_text(b.row -> 'source_message_ids')::uuid),
            valid_from = (b.row ->> 'valid_from')::timestamptz, valid_to = (b.row ->> 'valid_to')::timestamptz,
            superseded_by = (b.row ->> 'superseded_by')::uuid, forgotten_at = (b.row ->> 'forgotten_at')::timestamptz
        from jsonb_each(%s) as b (id, row)
        where m.user_id = %s and m.id = b.id::uuid and b.row ->> 'of' = 'memory'
        """,
        (json.dumps(before), user_id),
    )
    cursor = await conn.execute(
        """
        update messages m set text = b.row ->> 'text', terms = decode(b.row ->> 'terms', 'base64'),
            embedding = (b.row ->> 'embedding')::halfvec, active = (b.row ->> 'active')::boolean,
            forgotten_at = (b.row ->> 'forgotten_at')::timestamptz
        from jsonb_each(%s) as b (id, row)
        where m.user_id = %s and m.id = b.id::uuid and b.row ->> 'of' = 'message'
        returning m.persona_id, m.seq
        """,
        (json.dumps(before), user_id),
    )
    await _refresh(conn, user_id, await cursor.fetchall())
    await summaries_store.drop_quoting(conn, user_id, [UUID(name) for name in before])


async def edit_memory(
    conn: Connection,
    user_id: UUID,
    memory_id: UUID,
    *,
    text: str | None,
    terms: bytes | None,
    embedding: object,
    pinned: bool | None,
    sensitivity: str | None,
    made_by: str,
) -> None:
    """Change what is given. A text by hand is certain, and says whose it is."""
    await conn.execute(
        """
        update memories set pinned = coalesce(%(pinned)s, pinned), sensitivity = coalesce(%(sensitivity)s, sensitivity),
            text = coalesce(%(text)s, text), terms = coalesce(%(terms)s, terms),
            embedding = case when %(text)s::text is null then embedding else %(embedding)s end,
            made_by = case when %(text)s::text is null then made_by else %(made_by)s end,
            confidence = case when %(text)s::text is null then confidence else 1 end
        where user_id = %(user)s and id = %(id)s
        """,
        {
            "user": user_id,
            "id": memory_id,
            "text": text,
            "terms": terms,
            "embedding": embedding,
            "pinned": pinned,
            "sensitivity": sensitivity,
            "made_by": made_by,
        },
    )


async def merge_into(
    conn: Connection, user_id: UUID, memory_id: UUID, others: Sequence[UUID], *, now: datetime
) -> None:
    """Give one memory the sources, the pin and the first day of the others, which end now and point to it."""
    await conn.execute(
        """
        update memories m set pinned = m.pinned or o.pinned, valid_from = least(m.valid_from, o.valid_from),
            confidence = greatest(m.confidence, o.confidence), source_message_ids = array(
                select distinct unnest(m.source_message_ids || o.sources) order by 1)
        from (
            select bool_or(pinned) as pinned, min(valid_from) as valid_from, max(confidence) as confidence, array(
                select unnest(source_message_ids) from memories where user_id = %(user)s and id = any(%(others)s)
                ) as sources
            from memories where user_id = %(user)s and id = any(%(others)s)
        ) as o
        where m.user_id = %(user)s and m.id = %(id)s
        """,
        {"user": user_id, "id": memory_id, "others": list(others)},
    )
    await conn.execute(
        "update memories set valid_to = %s, superseded_by = %s where user_id = %s and id = any(%s)",
        (now, memory_id, user_id, list(others)),
    )


async def end_drawn_from(conn: Connection, user_id: UUID, message_id: UUID, *, now: datetime) -> None:
    """What was drawn by program from this message alone is no longer true: its words were corrected."""
    await conn.execute(
        "update memories set valid_to = %s where user_id = %s and source_message_ids = array[%s]::uuid[]"
        " and made_by in ('rules', 'model') and valid_to is null",
        (now, user_id, message_id),
    )


async def reach(conn: Connection, user_id: UUID, memory_id: UUID, *, sources: bool) -> list[UUID]:
    """All that forgetting one memory takes: a message takes its replies and what was drawn from it; a kept memory takes
    what was merged into it, and with `sources` the messages it comes from. Empty when there is none by that id."""
    cursor = await conn.execute(
        """
        with recursive named as (
            select id, source_message_ids from memories where user_id = %(user)s and id = %(id)s
            union select m.id, m.source_message_ids from memories m join memory_changes c
                on c.user_id = m.user_id and c.change = 'merge' and c.undone_at is null and m.id = any(c.memory_ids)
            join named n on c.memory_ids[1] = n.id
            where m.user_id = %(user)s and m.superseded_by = n.id
        ), said as (
            select id from messages where user_id = %(user)s and (id = %(id)s
                or (%(sources)s and id in (select unnest(source_message_ids) from named)))
        ), replies as (
            select r.id from messages r join said s on r.parent_id = s.id
            where r.user_id = %(user)s and r.role = 'assistant'
        ), drawn as (
            select id from memories where user_id = %(user)s and source_message_ids && array(select id from said)
        )
        select id from named union select id from said union select id from replies union select id from drawn
        """,
        {"user": user_id, "id": memory_id, "sources": sources},
    )
    return [row[0] for row in await cursor.fetchall()]


async def hide(conn: Connection, user_id: UUID, ids: Sequence[UUID], *, now: datetime) -> None:
    """Forgotten from now on, and not yet deleted."""
    await conn.execute(
        "update memories set forgotten_at = %s where user_id = %s and id = any(%s) and forgotten_at is null",
        (now, user_id, list(ids)),
    )
    cursor = await conn.execute(
        "update messages set forgotten_at = %s, active = false where user_id = %s and id = any(%s)"
        " and forgotten_at is null returning persona_id, seq",
        (now, user_id, list(ids)),
    )
    await _refresh(conn, user_id, await cursor.fetchall())
    await summaries_store.drop_quoting(conn, user_id, ids)


async def delete(conn: Connection, user_id: UUID, ids: Sequence[UUID]) -> list[UUID]:
    """Delete these messages and memories for good, and every trace of their words in earlier changes.

    Returns the ids of the summaries that may have quoted them; a closed conversation's is its own.
    """
    summaries = await summaries_store.drop_quoting(conn, user_id, ids)
    cursor = await conn.execute(
        "delete from messages where user_id = %s and id = any(%s) returning persona_id, seq", (user_id, list(ids))
    )
    gone = await cursor.fetchall()
    await conn.execute("delete from memories where user_id = %s and id = any(%s)", (user_id, list(ids)))
    await conn.execute(
        """
        update memory_changes set before = before - %(names)s::text[],
            memory_ids = array(select id from unnest(memory_ids) with ordinality as t (id, n)
                where id <> all(%(ids)s) order by n)
        where user_id = %(user)s and memory_ids && %(ids)s
        """,
        {"user": user_id, "ids": list(ids), "names": [str(id) for id in ids]},
    )
    await conn.execute("delete from memory_changes where user_id = %s and memory_ids = '{}'", (user_id,))
    await _refresh(conn, user_id, gone)
    return summaries


async def due(conn: Connection, before: datetime, limit: int = 500) -> dict[UUID, list[UUID]]:
    """What was forgotten before this moment and is still there, by person; held, and passed over where held already."""
    found: dict[UUID, list[UUID]] = {}
    for query in (
        "select user_id, id from messages where forgotten_at < %s limit %s for update skip locked",
        "select user_id, id from memories where forgotten_at < %s limit %s for update skip locked",
    ):
        for user_id, row_id in await (await conn.execute(query, (before, limit))).fetchall():
            found.setdefault(user_id, []).append(row_id)
    return found


async def export_changes(conn: Connection, user_id: UUID) -> list[dict[str, Any]]:
    """The changes a person made, with the texts that stood there before."""
    return [
        {
            "id": c.id,
            "change": c.change,
            "made_by": c.made_by,
            "memory_ids": c.memory_ids,
            "at": c.at,
            "undone_at": c.undone_at,
            "texts_before": {id: row["text"] for id, row in c.before.items()},
        }
        for c in await changes_of(conn, user_id)
    ]


async def erase_changes(conn: Connection, user_id: UUID) -> int:
    return (await conn.execute("delete from memory_changes where user_id = %s", (user_id,))).rowcount


async def _refresh(conn: Connection, user_id: UUID, moved: list[Any]) -> None:
    """Pack the blocks anew in which these (persona, seq) stand."""
    for persona_id in {persona_id for persona_id, _ in moved}:
        await index.refresh(conn, user_id, persona_id, [seq for persona, seq in moved if persona == persona_id])
