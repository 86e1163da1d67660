"""The engine's SQL: personas, turns, pieces, idempotency keys, replicas, reports.

Each function runs one or two statements on the caller's connection and returns frozen rows.
Knows nothing of models, strategies or HTTP.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from undertone.resources import Connection

REPLICA_SILENT_S = 5
"""A replica beats once a second; after this many seconds of silence its turns are orphans."""


@dataclass(frozen=True, slots=True)
class PersonaRow:
    persona_id: str
    version: int
    card: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TurnRow:
    """One turn as stored. `replica_alive` tells whether the process that writes the reply was heard of lately."""

    user_id: UUID
    turn_id: UUID
    conversation_id: UUID
    persona_id: str
    persona_version: int
    user_message_id: UUID
    reply_id: UUID | None
    state: str
    replica_id: UUID
    replica_alive: bool
    strategy: str | None
    why: dict[str, Any]
    usage: dict[str, Any] | None
    problem: dict[str, Any] | None
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeyRow:
    user_id: UUID
    turn_id: UUID
    body_hash: bytes


async def active_persona(conn: Connection, persona_id: str) -> PersonaRow | None:
    async with conn.cursor(row_factory=class_row(PersonaRow)) as cursor:
        await cursor.execute(
            "select persona_id, version, card from personas where persona_id = %s and active", [persona_id]
        )
        return await cursor.fetchone()


async def active_personas(conn: Connection) -> list[PersonaRow]:
    async with conn.cursor(row_factory=class_row(PersonaRow)) as cursor:
        await cursor.execute("select persona_id, version, card from personas where active order by persona_id")
        return await cursor.fetchall()


async def add_persona(conn: Connection, persona_id: str, card: Mapping[str, Any]) -> bool:
    """Store version 1 of a persona unless there is one already; tells whether it did."""
    cursor = await conn.execute(
        "insert into personas (persona_id, version, active, card) values (%s, 1, true, %s) on conflict do nothing",
        [persona_id, json.dumps(card)],
    )
    return cursor.rowcount == 1


async def claim_key(
    conn: Connection, owner: str, key: str, *, user_id: UUID, turn_id: UUID, body_hash: bytes
) -> KeyRow | None:
    """Take an idempotency key for a new turn. Returns None when it was free, else what it already stands for."""
    cursor = await conn.execute(
        "insert into idempotency_keys (owner, key, user_id, turn_id, body_hash) values (%s, %s, %s, %s, %s)"
        " on conflict do nothing",
        [owner, key, user_id, turn_id, body_hash],
    )
    if cursor.rowcount == 1:
        return None
    async with conn.cursor(row_factory=class_row(KeyRow)) as rows:
        await rows.execute(
            "select user_id, turn_id, body_hash from idempotency_keys where owner = %s and key = %s", [owner, key]
        )
        return await rows.fetchone()


async def key_exists(conn: Connection, owner: str, key: str) -> bool:
    cursor = await conn.execute("select 1 from idempotency_keys where owner = %s and key = %s", [owner, key])
    return await cursor.fetchone() is not None


async def drop_old_keys(conn: Connection) -> int:
    cursor = await conn.execute("delete from idempotency_keys where created_at < now() - interval '24 hours'")
    return cursor.rowcount


async def start_turn(
    conn: Connection,
    *,
    user_id: UUID,
    turn_id: UUID,
    conversation_id: UUID,
    persona_id: str,
    persona_version: int,
    user_message_id: UUID,
    replica_id: UUID,
    why: Mapping[str, Any],
    now: datetime,
    kind: str = "said",
) -> None:
    await conn.execute(
        "insert into turns (user_id, turn_id, conversation_id, persona_id, persona_version, user_message_id,"
        " state, replica_id, why, started_at, kind) values (%s, %s, %s, %s, %s, %s, 'running', %s, %s, %s, %s)",
        [
            user_id,
            turn_id,
            conversation_id,
            persona_id,
            persona_version,
            user_message_id,
            replica_id,
            json.dumps(why, default=str),
            now,
            kind,
        ],
    )


async def holds_turn(conn: Connection, user_id: UUID, turn_id: UUID, replica_id: UUID) -> bool:
    """Whether a running turn is still this replica's, held so until the transaction ends."""
    cursor = await conn.execute(
        "select from turns where user_id = %s and turn_id = %s and state = 'running' and replica_id = %s for update",
        [user_id, turn_id, replica_id],
    )
    return cursor.rowcount == 1


async def finish_turn(
    conn: Connection,
    *,
    user_id: UUID,
    turn_id: UUID,
    replica_id: UUID,
    state: str,
    reply_id: UUID | None,
    strategy: str | None,
    why: Mapping[str, Any],
    usage: Mapping[str, Any] | None,
    problem: Mapping[str, Any] | None,
    sent: Mapping[str, Any] | None = None,
) -> bool:
    """Close a running turn that is still this replica's; False means another one took it over meanwhile."""
    cursor = await conn.execute(
        "update turns set state = %s, reply_id = %s, strategy = %s, why = %s, usage = %s, problem = %s, sent = %s,"
        " finished_at = clock_timestamp()"
        " where user_id = %s and turn_id = %s and state = 'running' and replica_id = %s",
        [
            state,
            reply_id,
            strategy,
            json.dumps(why, default=str),
            json.dumps(usage) if usage is not None else None,
            json.dumps(problem) if problem is not None else None,
            json.dumps(sent) if sent is not None else None,
            user_id,
            turn_id,
            replica_id,
        ],
    )
    return cursor.rowcount == 1


async def note_why(conn: Connection, user_id: UUID, turn_id: UUID, more: Mapping[str, Any]) -> None:
    """Change parts of what a running turn's row says of its reasons."""
    await conn.execute(
        "update turns set why = why || %s::jsonb where user_id = %s and turn_id = %s",
        [json.dumps(more, default=str), user_id, turn_id],
    )


async def find_turn(conn: Connection, turn_id: UUID) -> TurnRow | None:
    async with conn.cursor(row_factory=class_row(TurnRow)) as cursor:
        await cursor.execute(
            "select user_id, turn_id, conversation_id, persona_id, persona_version, user_message_id, reply_id, state,"
            " replica_id, coalesce((select seen_at > now() - make_interval(secs => %s) from replicas r"
            " where r.replica_id = t.replica_id), false) as replica_alive,"
            " strategy, why, usage, problem, started_at, finished_at from turns t where turn_id = %s",
            [REPLICA_SILENT_S, turn_id],
        )
        return await cursor.fetchone()


async def take_over(conn: Connection, turn: TurnRow, replica_id: UUID) -> bool:
    """Make an orphaned turn this replica's; False when somebody else was faster."""
    cursor = await conn.execute(
        "update turns set replica_id = %s, state = 'running' where user_id = %s and turn_id = %s and replica_id = %s"
        " and (state = 'running' or (state = 'interrupted' and reply_id is null and problem is null))",
        [replica_id, turn.user_id, turn.turn_id, turn.replica_id],
    )
    return cursor.rowcount == 1


async def orphans(conn: Connection, replica_id: UUID, limit: int = 100) -> list[UUID]:
    """Running turns whose replica has been silent, and old ones of this replica, which knows its own; oldest first."""
    cursor = await conn.execute(
        "select turn_id from turns t where state = 'running' and started_at < now() - make_interval(secs => %s)"
        " and (replica_id = %s or not exists (select 1 from replicas r where r.replica_id = t.replica_id"
        " and r.seen_at > now() - make_interval(secs => %s))) order by started_at limit %s",
        [REPLICA_SILENT_S * 4, replica_id, REPLICA_SILENT_S, limit],
    )
    return [row[0] for row in await cursor.fetchall()]


async def beat(conn: Connection, replica_id: UUID) -> list[UUID]:
    """Say that this replica lives; returns its running turns that somebody asked to stop."""
    await conn.execute(
        "insert into replicas (replica_id) values (%s) on conflict (replica_id) do update set seen_at = now()",
        [replica_id],
    )
    cursor = await conn.execute(
        "select turn_id from turns where replica_id = %s and state = 'running' and stop_requested", [replica_id]
    )
    return [row[0] for row in await cursor.fetchall()]


async def leave(conn: Connection, replica_id: UUID) -> None:
    await conn.execute("delete from replicas where replica_id = %s", [replica_id])


async def request_stop(conn: Connection, user_id: UUID, turn_id: UUID) -> None:
    await conn.execute(
        "update turns set stop_requested = true where user_id = %s and turn_id = %s and state = 'running'",
        [user_id, turn_id],
    )


async def add_pieces(conn: Connection, replica_id: UUID, rows: Iterable[tuple[UUID, UUID, int, str]]) -> None:
    """Append pieces (user, turn, offset, text) of many turns in one statement.

    Only of turns that are still this replica's: neither one taken over nor one whose person is being erased.
    """
    columns = list(zip(*rows, strict=True))
    if not columns:
        return
    await conn.execute(
        "insert into turn_pieces (user_id, turn_id, offset_chars, text)"
        " select p.* from unnest(%s::uuid[], %s::uuid[], %s::int[], %s::text[])"
        " as p (user_id, turn_id, offset_chars, text) join turns t using (user_id, turn_id)"
        " where t.state = 'running' and t.replica_id = %s for key share of t on conflict do nothing",
        [*map(list, columns), replica_id],
    )


async def pieces_text(conn: Connection, user_id: UUID, turn_id: UUID) -> str:
    """The reply so far, as the piece log has it."""
    cursor = await conn.execute(
        "select coalesce(string_agg(text, '' order by offset_chars), '') from turn_pieces"
        " where user_id = %s and turn_id = %s",
        [user_id, turn_id],
    )
    row = await cursor.fetchone()
    return row[0] if row else ""


async def drop_pieces(conn: Connection, user_id: UUID, turn_id: UUID) -> None:
    await conn.execute("delete from turn_pieces where user_id = %s and turn_id = %s", [user_id, turn_id])


async def last_strategy(conn: Connection, user_id: UUID, conversation_id: UUID, before: UUID) -> str | None:
    """The strategy of the conversation's latest finished turn."""
    cursor = await conn.execute(
        "select strategy from turns where user_id = %s and conversation_id = %s and turn_id < %s"
        " and strategy is not null order by turn_id desc limit 1",
        [user_id, conversation_id, before],
    )
    row = await cursor.fetchone()
    return row[0] if row else None


async def add_report(conn: Connection, *, user_id: UUID, report_id: UUID, turn_id: UUID, reason: str) -> None:
    await conn.execute(
        "insert into reports (user_id, id, turn_id, reason) values (%s, %s, %s, %s)",
        [user_id, report_id, turn_id, reason],
    )


async def export_turns(conn: Connection, user_id: UUID) -> list[dict[str, Any]]:
    cursor = await conn.execute(
        "select turn_id, conversation_id, persona_id, persona_version, state, strategy, why, usage, sent, started_at,"
        " finished_at from turns where user_id = %s order by turn_id",
        [user_id],
    )
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in await cursor.fetchall()]


async def export_reports(conn: Connection, user_id: UUID) -> list[dict[str, Any]]:
    cursor = await conn.execute(
        "select turn_id, reason, created_at from reports where user_id = %s order by id", [user_id]
    )
    return [{"turn_id": turn, "reason": reason, "created_at": at} for turn, reason, at in await cursor.fetchall()]


async def export_pieces(conn: Connection, user_id: UUID) -> list[dict[str, Any]]:
    cursor = await conn.execute(
        "select turn_id, offset_chars, text from turn_pieces where user_id = %s order by turn_id, offset_chars",
        [user_id],
    )
    return [{"turn_id": turn, "offset": offset, "text": text} for turn, offset, text in await cursor.fetchall()]


async def export_keys(conn: Connection, user_id: UUID) -> list[dict[str, Any]]:
    cursor = await conn.execute("select turn_id, created_at from idempotency_keys where user_id = %s", [user_id])
    return [{"turn_id": turn, "created_at": at} for turn, at in await cursor.fetchall()]


async def erase_turns(conn: Connection, user_id: UUID) -> int:
    return (await conn.execute("delete from turns where user_id = %s", [user_id])).rowcount


async def erase_pieces(conn: Connection, user_id: UUID) -> int:
    return (await conn.execute("delete from turn_pieces where user_id = %s", [user_id])).rowcount


async def erase_keys(conn: Connection, user_id: UUID) -> int:
    return (await conn.execute("delete from idempotency_keys where user_id = %s", [user_id])).rowcount


async def erase_reports(conn: Connection, user_id: UUID) -> int:
    return (await conn.execute("delete from reports where user_id = %s", [user_id])).rowcount


HOLDINGS = {
    "turns": (export_turns, erase_turns),
    "turn_pieces": (export_pieces, erase_pieces),
    "idempotency_keys": (export_keys, erase_keys),
    "reports": (export_reports, erase_reports),
}
"""How the engine's tables about a person are exported and erased."""
