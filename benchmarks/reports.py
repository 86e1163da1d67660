"""How fast every report and the console's visits answer: `.venv/bin/python benchmarks/reports.py [--quick]`.

Copies 90 days of made-up turns (a million; 20 000 with --quick) and visits (ten million page views; 100 000), the same
each time, into an embedded PostgreSQL in a scratch folder, rolls them up, asks every report over the last 30 days and
over all 90, and what `/console/sessions` asks for each of its periods, and prints p50 and p95 in milliseconds as one
JSON object. `--plans FILE` writes what EXPLAIN (ANALYZE, BUFFERS) says of each report. Deletes the folder.
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID

from undertone.analytics import (
    REPORTS,
    reports,
    roll_up,
    roll_up_visits,
    run_report,
    visit_overview,
    visit_shares_store,
    visits_store,
)
from undertone.analytics.visits_store import SessionFilters
from undertone.console.views import PERIODS
from undertone.db import Connection, migrate, open_pool
from undertone.postgres import start

DAYS = 90
TYPES = ("LONELY_SINGLE", "MARRIED_GUILTY", "CURIOUS_TOURIST", "HORNY_ADDICT")
STRATEGIES = ("companion", "comfort", "lighten", "candid", "gentle", "unhurried", "discreet", "steady")
MODELS = ("grok-4.3", "grok-4.3", "grok-4.5", "llama")
MOODS, STATES = ("low", "neutral", "neutral", "bright"), ("done",) * 19 + ("stopped",)
PATHS = tuple(f"/page-{n}" for n in range(9))
AGENTS = (
    *(("phone", "iOS", "Mobile Safari"), ("phone", "Android", "Chrome Mobile"), ("desktop", "Windows", "Chrome")),
    *(("desktop", "Linux", "Firefox"), ("tablet", "iOS", "Mobile Safari"), ("bot", "", "Googlebot")),
)
COUNTRIES = ("DE", "US", "GB", "PT", None)
KINDS = ("purchase",) * 6 + ("refund", "complaint", "regret", "thanks")
ENDED = (
    '{"turn_id":"%s","conversation_id":"%s","persona":"mira","state":"%s","strategy":"%s","user_type":"%s","mood":"%s",'
    '"valence":%.3f,"engagement":"steady","memories":%d,"model":"%s","prompt_tokens":%d,"cached_tokens":%d,'
    '"completion_tokens":90,"cost_usd":%.6f,"ttft_ms":%.1f}'
)
Row = tuple[Any, ...]


def told(lot: random.Random, turns: int, now: datetime) -> Iterator[tuple[list[Row], list[Row]]]:
    """Conversation by conversation: its events, and what came of it. A third of the people talk nine tenths."""
    people = max(50, turns // 50)
    made = talk = 0
    while made < turns:
        person = UUID(int=1 + (lot.randrange(people // 3) if lot.random() < 0.9 else lot.randrange(people)))
        label, talk = TYPES[person.int % 4], talk + 1
        at = now - timedelta(days=DAYS * lot.random() ** 1.3)
        events: list[Row] = [(UUID(int=talk << 64), person, "NoticeShown", 1, at, '{"reason":"start"}')]
        outcomes: list[Row] = []
        valence, length = lot.uniform(-0.5, 0.5), min(turns - made, lot.randint(1, 15))
        for n in range(length):
            at += timedelta(seconds=30 + 60 * lot.random())
            turn, known = UUID(int=(talk << 64) + (n << 8)), label if made % 3 else "undecided"
            valence, prompt = max(-1.0, min(1.0, valence + lot.uniform(-0.2, 0.22))), lot.randint(900, 7000)
            data = ENDED % (
                turn, UUID(int=talk), lot.choice(STATES), lot.choice(STRATEGIES), known, lot.choice(MOODS), valence,
                n % 3, lot.choice(MODELS), prompt, prompt * 3 // 4, prompt * 1e-6, lot.lognormvariate(6.2, 0.5),
            )  # fmt: skip
            events.append((UUID(int=turn.int + 1), person, "TurnStarted", 1, at, f'{{"turn_id":"{turn}"}}'))
            events.append((UUID(int=turn.int + 2), person, "TurnFinished", 1, at + timedelta(seconds=3), data))
            if n == 7:
                rail = lot.choice(("injection", "asks_human", "concern", "crisis"))
                events.append(
                    (UUID(int=turn.int + 3), person, "RailTripped", 1, at, f'{{"side":"input","rail":"{rail}"}}')
                )
            if lot.random() < 0.02:
                kind = lot.choice(KINDS)
                paid = kind in ("purchase", "refund")
                outcomes.append((person, turn, kind, 9.9 if paid else None, "EUR" if paid else None, turn, at))
        made += length
        yield events, outcomes


async def load(conn: Connection, turns: int, now: datetime) -> None:
    """Everybody and everything, by COPY."""
    ends = ((UUID(int=n + 1), f"p{n}") for n in range(max(50, turns // 50)))
    await _copy(conn, "copy users (user_id, external_id) from stdin", ends)
    kept: list[Row] = []

    def events() -> Iterator[Row]:
        for happened, came in told(random.Random(1), turns, now):
            kept.extend(came)
            yield from happened

    await _copy(conn, "copy events (id, user_id, kind, version, at, data) from stdin", events())
    await _copy(conn, "copy outcomes (user_id, id, kind, value, currency, turn_id, at) from stdin", iter(kept))
    month, ago = now.date(), timedelta
    ledger = ((month - ago(days=n % DAYS), "crisis", "crisis", "US") for n in range(turns // 1000))
    await _copy(conn, "copy referral_ledger (day, kind, level, country) from stdin", ledger)


def visited(lot: random.Random, page_views: int, now: datetime) -> Iterator[tuple[Row, list[Row]]]:
    """Visit by visit: its session and its pages, 1 to 7 of them; the latest days have the most."""
    made = number = 0
    while made < page_views:
        number, length = number + 1, lot.randint(1, 7)
        at = now - timedelta(days=DAYS * lot.random() ** 1.3)
        session, pages, begun = UUID(int=number << 64), [], at
        for n in range(length):
            pages.append((session, n, at, PATHS[lot.randrange(9)], "A page", lot.randrange(60)))
            at += timedelta(seconds=1 + 80 * lot.random())
        device, system, browser = AGENTS[lot.randrange(len(AGENTS))]
        yield (
            (session, "shop.example", f"{lot.randrange(page_views // 8):016x}", begun, min(at, now), 30 * length,
             length, pages[0][3], pages[-1][3], "", device, system, browser, "146.0", device == "bot",
             COUNTRIES[lot.randrange(5)], f"203.0.113.{number % 250}"),
            pages,
        )  # fmt: skip
        made += length


async def load_visits(conn: Connection, page_views: int, now: datetime) -> None:
    """Sessions by COPY a hundred thousand at a time, each lot followed by its pages, unchecked."""
    await conn.execute("set session_replication_role = replica")
    found = visited(random.Random(2), page_views, now)
    while lot := [visit for visit, _ in zip(found, range(100_000), strict=False)]:
        await _copy(
            conn,
            "copy sessions (id, site, visitor, started_at, last_seen_at, engaged_s, pages, entry_path, exit_path,"
            " referrer, device, os, browser, browser_version, is_bot, country, address) from stdin",
            iter(session for session, _ in lot),
        )
        pages = (page for _, pages in lot for page in pages)
        await _copy(conn, "copy page_views (session_id, view, at, path, title, engaged_s) from stdin", pages)
    await conn.execute("set session_replication_role = origin")


async def ask_visits(conn: Connection, now: datetime, runs: int) -> dict[str, dict[str, float]]:
    """What the console asks: its whole page in each period, the first and a filtered list, one visit, its pulse."""
    asked: dict[str, Callable[[], Awaitable[Any]]] = {}
    for name, period in PERIODS.items():
        filters = SessionFilters(bot=False, since=now - period.span)
        earlier = replace(filters, since=now - 2 * period.span, until=filters.since)
        asked |= {
            f"{name}: overview": partial(visit_overview.overview_of, conn, now, filters, step=period.step, zone="UTC"),
            f"{name}: what it is compared with": partial(visit_overview.numbers_of, conn, now, earlier),
            f"{name}: list": partial(visits_store.list_sessions, conn, at=now, filters=filters),
        }
    rare = SessionFilters(bot=False, country="PT", browser="Firefox", since=now - timedelta(days=30))
    asked["30d: list, filtered"] = partial(visits_store.list_sessions, conn, at=now, filters=rare)
    asked["30d: overview, filtered"] = partial(
        visit_overview.overview_of, conn, now, rare, step=timedelta(days=1), zone="UTC"
    )
    asked["one visit"] = partial(visits_store.timeline, conn, UUID(int=7 << 64))
    asked["pulse"] = partial(visit_shares_store.pulse, conn, now)
    return {name: await _asked(work, name, runs) for name, work in asked.items()}


async def _copy(conn: Connection, query: LiteralString, rows: Iterator[Row]) -> None:
    async with conn.cursor() as cursor, cursor.copy(query) as copy:
        for row in rows:
            await copy.write_row(row)


async def measure(dsn: str, turns: int, page_views: int, runs: int, plans: bool) -> tuple[dict[str, Any], str]:
    """Load, roll up, tell of a late row, ask; the figures and the plans."""
    pool = await open_pool(dsn, max_size=2)
    now = datetime.now(UTC)
    try:
        async with pool.connection() as conn:
            await conn.execute("set statement_timeout = 0")
            loading = await _timed(lambda: load(conn, turns, now), "loaded turns")
            visiting = await _timed(lambda: load_visits(conn, page_views, now), "loaded visits")
            await conn.execute("vacuum analyze")
            whole = await _timed(lambda: _roll(conn), "rolled up")
            hours = await _timed(lambda: _roll_visits(conn, now), "rolled up visits")
            await conn.execute("vacuum analyze")
            await _late(conn, now, now)
            today = await _timed(lambda: _roll(conn), "rolled up again: today")
            await _late(conn, now - timedelta(days=40), now)
            late = await _timed(lambda: _roll(conn), "rolled up again: 40 days ago")
            last = now.date()
            found = {name: await _ask(conn, name, last - timedelta(days=30), last, runs) for name in REPORTS}
            long = {name: await _ask(conn, name, last - timedelta(days=DAYS), last, runs) for name in REPORTS}
            visits = await ask_visits(conn, now, runs)
            shown = [await _plan(conn, name, last) for name in REPORTS] if plans else []
        slowest = max(figures["p95"] for figures in [*found.values(), *long.values()])
        return {
            "turns": turns,
            "page_views": page_views,
            "load_s": loading,
            "load_visits_s": visiting,
            "rollup_visits_s": hours,
            "rollup_s": whole,
            "today_again_s": today,
            "late_day_again_s": late,
            "slowest_p95_ms": slowest,
            "ms_30_days": found,
            "ms_90_days": long,
            "ms_console": visits,
        }, "\n".join(shown)
    finally:
        await pool.close()


async def _roll(conn: Connection) -> None:
    async with conn.transaction():
        await roll_up(conn)


async def _roll_visits(conn: Connection, now: datetime) -> None:
    async with conn.transaction():
        await roll_up_visits(conn, now)


async def _late(conn: Connection, at: datetime, now: datetime) -> None:
    """A hundred turns that happened then and arrive now."""
    await conn.execute(
        "insert into events (id, user_id, kind, version, at, data) select gen_random_uuid(), user_id, kind, version,"
        " %s, data from events where kind = 'TurnFinished' and at > %s limit 100",
        [at, now - timedelta(days=3)],
    )


async def _timed(work: Callable[[], Any], what: str) -> float:
    began = time.perf_counter()
    await work()
    took = time.perf_counter() - began
    print(f"{what} in {took:.2f} s", file=sys.stderr)
    return round(took, 2)


async def _ask(conn: Connection, name: str, first: date, last: date, runs: int) -> dict[str, float]:
    return await _asked(partial(run_report, conn, name, first, last), f"{name}, {(last - first).days} days", runs)


async def _asked(work: Callable[[], Awaitable[Any]], name: str, runs: int) -> dict[str, float]:
    took: list[float] = []
    for _ in range(runs):
        began = time.perf_counter()
        await work()
        took.append((time.perf_counter() - began) * 1000)
    cuts = statistics.quantiles(took, n=20, method="inclusive")
    print(f"{name:30} p50 {cuts[9]:8.1f} ms  p95 {cuts[18]:8.1f} ms", file=sys.stderr)
    return {"p50": round(cuts[9], 1), "p95": round(cuts[18], 1)}


async def _plan(conn: Connection, name: str, last: date) -> str:
    values = reports.values_of(last - timedelta(days=30), last)
    cursor = await conn.execute("explain (analyze, buffers, costs off) " + REPORTS[name].query, values)
    return f"## {name}\n" + "\n".join(line for (line,) in await cursor.fetchall()) + "\n"


def main() -> None:
    """Load, ask, print, delete."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--turns", type=int, default=1_000_000)
    parser.add_argument("--page-views", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--plans", type=Path)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="undertone-reports-") as folder:
        Path(folder).chmod(0o755)
        embedded = start(Path(folder) / "postgres")
        try:
            migrate(embedded.dsn)
            turns, page_views = (20_000, 100_000) if wanted.quick else (wanted.turns, wanted.page_views)
            figures, plans = asyncio.run(
                measure(embedded.dsn, turns, page_views, wanted.runs, wanted.plans is not None)
            )
            if wanted.plans:
                wanted.plans.write_text(plans, "utf-8")
            print(json.dumps(figures))
        finally:
            embedded.stop()


if __name__ == "__main__":
    main()
