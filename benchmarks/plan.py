"""A request of a million tokens laid out from a real store, and what the same code costs somebody with fifty messages.

    .venv/bin/python benchmarks/plan.py [--quick]

Fills an embedded PostgreSQL with one long past (40,000 messages over 400 conversations), one short one, and other
people's rows beside them, then reads and lays out the next request of each: `ms` is the reading and the layout
together, `rows` what PostgreSQL read for it, by its own counters.
"""

import argparse
import asyncio
import json
import random
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from uuid_utils.compat import uuid7

from undertone import db, memory, postgres
from undertone.engine import context, personas, reach
from undertone.engine.strategies import CATALOGUE, DEFAULT
from undertone.guardrails.care import Duties
from undertone.resources import Connection, Pool

TEXT = "the and to of that it was with you this have from we there can your which they will about out then she so these"
MORE = "into has more her like him time could first its people over down only way use water little garden sister piano"
WORDS = f"{TEXT} {MORE}".split()
NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Somebody:
    """A person of the store and their present conversation."""

    user_id: UUID
    talk: UUID
    messages: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the past, a window of 100,000")
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="undertone-plan-"))
    home.chmod(0o755)
    server = postgres.start(home / "postgres", lambda line: print(line, file=sys.stderr))
    try:
        with db.scratch_database(server.dsn) as dsn:
            print(json.dumps(asyncio.run(_measure(dsn, given.quick, given.rounds))))
    finally:
        server.stop()
        shutil.rmtree(home)


async def _measure(dsn: str, quick: bool, rounds: int) -> dict[str, Any]:
    pool = await db.open_pool(dsn)
    dice = random.Random(7)
    window, most = (100_000, 4_000) if quick else (1_000_000, 40_000)
    try:
        async with pool.connection() as conn:
            await personas.load_samples(conn)
            long = await _fill(conn, dice, most)
            short = await _fill(conn, dice, 50)
            for _ in range(3 if quick else 20):
                await _fill(conn, dice, 2_000)
            await conn.execute("vacuum analyze messages")
        return {
            "window": window,
            "million": await _plan(pool, long, window, rounds),
            "fifty": await _plan(pool, short, window, rounds),
            "fifty_in_16k": await _plan(pool, short, 16_000, rounds),
        }
    finally:
        await pool.close()


async def _fill(conn: Connection, dice: random.Random, messages: int) -> Somebody:
    """A past of so many messages in conversations of a hundred; the last ten are the present one."""
    user_id, at = uuid7(), NOW - timedelta(days=messages / 100 + 1)
    rows: list[tuple[Any, ...]] = []
    talks: list[tuple[Any, ...]] = []
    talk = uuid7()
    for number in range(messages):
        if number % 100 == 0 or number == messages - 10:
            talk, position, at = uuid7(), 0, at + timedelta(days=1)
            talks.append((user_id, talk, at, at))
        position = (rows[-1][3] if rows and rows[-1][2] == talk else 0) + 1
        text = " ".join(dice.choices(WORDS, k=dice.randint(8, 36)))
        at += timedelta(seconds=20)
        role = "assistant" if number % 2 else "user"
        rows.append((user_id, uuid7(), talk, position, number + 1, role, text, at))
    async with conn.transaction(), conn.cursor() as cursor:
        await cursor.executemany(
            "insert into conversations (user_id, id, persona_id, opened_at, last_at, next_position)"
            " values (%s, %s, 'mira', %s, %s, 101)",
            talks,
        )
        async with cursor.copy(
            "copy messages (user_id, id, conversation_id, position, seq, role, text, created_at, persona_id, terms)"
            " from stdin"
        ) as copy:
            for row in rows:
                await copy.write_row((*row, "mira", b""))
    print(f"{messages} messages", file=sys.stderr)
    return Somebody(user_id, talk, messages)


async def _plan(pool: Pool, who: Somebody, window: int, rounds: int) -> dict[str, Any]:
    times: list[float] = []
    reading: list[float] = []
    plan: context.Plan | None = None
    async with pool.connection() as conn:
        mira = await personas.get(conn, "mira")
        before = await _rows_read(conn)
        for _ in range(rounds):
            began = time.perf_counter()
            past = await reach.read(conn, who.user_id, "mira", who.talk, position=10, window=window)
            known = await memory.background(conn, who.user_id, "mira", who.talk)
            reading.append((time.perf_counter() - began) * 1_000)
            given = context.Ingredients(
                persona=mira,
                strategy=CATALOGUE[DEFAULT],
                duties=Duties(),
                text="What did I tell you about the garden?",
                now=NOW,
                history=past.history,
                whole=past.whole,
                pages=past.pages,
                memory_tokens=900,
                card=known.card,
                summaries=known.summaries,
            )
            plan = context.assemble(given, window)
            times.append((time.perf_counter() - began) * 1_000)
        rows = (await _rows_read(conn) - before) / rounds
    assert plan is not None
    p50, p95 = np.percentile(times, [50, 95])
    return {
        "messages": who.messages,
        "tokens": plan.prompt_tokens,
        "prompt_bytes": sum(len(m.content.encode()) for m in plan.request.messages),
        "rows": round(rows),
        "ms_first": round(times[0], 1),
        "ms_best": round(min(times), 1),
        "reading_ms_best": round(min(reading), 1),
        "ms_p50": round(float(p50), 1),
        "ms_p95": round(float(p95), 1),
    }


async def _rows_read(conn: Connection) -> int:
    """Rows of messages that this database has fetched so far."""
    await conn.execute("select pg_stat_force_next_flush()")
    await conn.execute("select pg_stat_clear_snapshot()")
    row = await (
        await conn.execute(
            "select sum(idx_tup_fetch + seq_tup_read) from pg_stat_user_tables where relname ~ '^messages_'"
        )
    ).fetchone()
    return int(row[0]) if row else 0


if __name__ == "__main__":
    main()
