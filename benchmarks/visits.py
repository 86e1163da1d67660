"""Whether visits are written and read quickly where there are many: `.venv/bin/python benchmarks/visits.py [--quick]`.

Fills an embedded PostgreSQL in a scratch folder with sessions of 90 days, four pages each (`--page-views`, ten million;
100 000 with --quick), then writes batches through the collector and reads as the API does: p50 and p95 in milliseconds
as one JSON object, beside the same on an empty database. Visitors who come back are drawn from all over the table.
"""

import argparse
import asyncio
import hashlib
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, LiteralString

from undertone.analytics import visits_store
from undertone.analytics.collecting import BATCH, Collector
from undertone.analytics.tracking import Agent, Beacon, Place
from undertone.analytics.visits_store import SessionFilters
from undertone.db import Connection, Pool, migrate, open_pool
from undertone.postgres import start

PHONE, HOME = Agent("phone", "Chrome", "146.0", "Android"), Place("DE", "203.0.113.7")
FILL: tuple[LiteralString, ...] = (
    "set statement_timeout = 0",
    "set session_replication_role = replica",
    """
    insert into sessions (id, site, visitor, started_at, last_seen_at, engaged_s, pages, entry_path, exit_path, device,
        browser, os, is_bot, country, address)
    select ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'shop.test',
        md5((n %% %(visitors)s)::text), at, at + interval '200 s', 100, 4, '/', '/p/4', 'phone', 'Chrome', 'Android',
        false, 'DE', '203.0.113.7'
    from (select n, now() - interval '90 days' * (1 - n::float / %(sessions)s) - interval '1 hour' as at
        from generate_series(1, %(sessions)s) n) made
    """,
    """
    insert into page_views (session_id, view, at, path, title, engaged_s)
    select s.id, v, s.started_at + interval '50 s' * v, '/p/' || v, 'A page of the shop', 25
    from sessions s cross join generate_series(1, 4) v
    """,
    "set session_replication_role = origin",
    "vacuum analyze",
)


async def fill(conn: Connection, page_views: int) -> None:
    """Sessions and their pages, unchecked, as they were checked when they were written one by one."""
    for query in FILL:
        wanted = {"sessions": page_views // 4, "visitors": page_views // 10}
        await conn.execute(query, wanted if "%(" in query else None)


async def measure(dsn: str, page_views: int, runs: int) -> dict[str, Any]:
    """Fill, write, read."""
    pool, lot, now = await open_pool(dsn, max_size=2), random.Random(1), datetime.now(UTC)
    try:
        async with pool.connection() as conn:
            if page_views:
                began = time.perf_counter()
                await fill(conn, page_views)
                print(f"filled in {time.perf_counter() - began:.0f} s", file=sys.stderr)
            found = await _write(pool, lot, page_views // 10, now, runs)
            for name, read in _reads(conn, now).items():
                found[name] = await _timed(read, runs)
            cursor = await conn.execute(
                "select pg_total_relation_size('sessions') / 1e6, pg_total_relation_size('page_views') / 1e6"
            )
            row = await cursor.fetchone()
        assert row is not None
        return {"ms": found, "mb": {"sessions": round(row[0]), "page_views": round(row[1])}}
    finally:
        await pool.close()


async def _write(pool: Pool, lot: random.Random, visitors: int, at: datetime, runs: int) -> dict[str, Any]:
    collector, found = Collector(pool), dict[str, Any]()
    last: list[Beacon] = []

    async def batch(made: Callable[[], str]) -> None:
        nonlocal at, last
        at += timedelta(seconds=0.5)
        last = [
            Beacon("shop.test", made(), lot.getrandbits(50), at, at, 0, "/x", PHONE, place=HOME) for _ in range(BATCH)
        ]
        await write()

    async def presence() -> None:
        nonlocal at, last
        at += timedelta(seconds=61)
        last = [replace(beacon, received_at=at, engaged_s=beacon.engaged_s + 60) for beacon in last]
        await write()

    async def write() -> None:
        for beacon in last:
            collector.add(beacon)
        await collector.flush(at)

    found["500 new visitors"] = await _timed(partial(batch, lambda: f"{lot.getrandbits(128):032x}"), runs)
    if visitors:
        back = partial(batch, lambda: hashlib.md5(str(lot.randrange(visitors)).encode()).hexdigest())
        found["500 visitors who come back"] = await _timed(back, runs)
    found["presence of 500"] = await _timed(presence, runs)
    return found


def _reads(conn: Connection, now: datetime) -> dict[str, Callable[[], Awaitable[Any]]]:
    listed = partial(visits_store.list_sessions, conn)
    return {
        "list": listed,
        "list, active": partial(listed, filters=SessionFilters(active=True)),
        "list, a visitor's country": partial(listed, filters=SessionFilters(country="DE", bot=False)),
        "numbers of a day": partial(
            visits_store.stats, conn, now, SessionFilters(bot=False, since=now - timedelta(days=1))
        ),
    }


async def _timed(work: Callable[[], Awaitable[Any]], runs: int) -> dict[str, float]:
    took: list[float] = []
    for _ in range(runs + 1):
        began = time.perf_counter()
        await work()
        took.append((time.perf_counter() - began) * 1000)
    cuts = statistics.quantiles(took[1:], n=20, method="inclusive")
    return {"p50": round(cuts[9], 1), "p95": round(cuts[18], 1)}


def on_a_new_database(page_views: int, runs: int) -> dict[str, Any]:
    """Measure in a scratch folder, which is deleted."""
    with tempfile.TemporaryDirectory(prefix="undertone-visits-") as folder:
        Path(folder).chmod(0o755)
        embedded = start(Path(folder) / "postgres")
        try:
            migrate(embedded.dsn)
            return asyncio.run(measure(embedded.dsn, page_views, runs))
        finally:
            embedded.stop()


def main() -> None:
    """Measure twice and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--page-views", type=int, default=10_000_000)
    wanted = parser.parse_args()
    page_views, runs = (100_000, 10) if wanted.quick else (wanted.page_views, 30)
    empty = on_a_new_database(0, runs)
    print(json.dumps({"page_views": page_views, "filled": on_a_new_database(page_views, runs), "empty": empty}))


if __name__ == "__main__":
    main()
