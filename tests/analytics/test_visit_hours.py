"""Visits by the hour against a count of the sessions themselves: numbers, series, shares, what comes late."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from uuid_utils.compat import uuid7

from undertone.analytics import run_report, visit_hours_store, visit_overview, visit_shares_store, visits_store
from undertone.analytics.visits_store import SessionFilters
from undertone.db import Connection

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
WEEK = SessionFilters(since=NOW - timedelta(days=7))
BROWSERS, COUNTRIES = ("Firefox", "Chrome", "Edge"), ("PT", "DE", None)


async def add(conn: Connection, at: datetime, lasts_s: int = 60, **more: object) -> None:
    row: dict[str, object] = {
        "id": uuid7(), "site": "shop.test", "visitor": "v", "started_at": at,
        "last_seen_at": at + timedelta(seconds=lasts_s), "engaged_s": lasts_s // 2, "pages": 2, "entry_path": "/",
        "exit_path": "/", "device": "phone", "is_bot": False,
    } | more  # fmt: skip
    names = ", ".join(row)
    places = ", ".join(f"%({name})s" for name in row)
    await conn.execute(f"insert into sessions ({names}) values ({places})".encode(), row)


async def week(conn: Connection) -> None:
    lot = random.Random(4)
    for n in range(300):
        bot = lot.random() < 0.1
        await add(
            conn, NOW - timedelta(minutes=lot.randint(0, 7 * 1440 - 120)), lot.randint(0, 900), visitor=f"v{n % 90}",
            browser=lot.choice(BROWSERS), country=lot.choice(COUNTRIES), device="bot" if bot else "phone", is_bot=bot,
            entry_path=lot.choice(("/", "/plans")),
        )  # fmt: skip


async def test_hours_add_up_to_the_sessions(conn: Connection) -> None:
    await week(conn)
    assert await visit_hours_store.roll_up_visits(conn, NOW) > 50
    for filters in (WEEK, replace(WEEK, bot=False), replace(WEEK, browser="Edge", country="PT"), replace(WEEK, os="x")):
        hours = await visit_hours_store.numbers_of(conn, filters)
        exact = await visits_store.stats(conn, NOW, filters)
        assert (hours.sessions, hours.pages) == (exact.sessions, exact.pages)
        assert hours.engaged_s == round(exact.engaged_s * exact.sessions)
        assert hours.elapsed_s == round(exact.elapsed_s * exact.sessions)
        step, zone = timedelta(days=1), "Europe/Berlin"
        assert await visit_hours_store.over_time(
            conn, NOW, filters, step=step, zone=zone
        ) == await visit_shares_store.over_time(conn, NOW, filters, step=step, zone=zone)
        told = await visit_shares_store.shares(conn, NOW, filters)
        assert list(await visit_hours_store.shares(conn, filters)) == [
            share for share in told if share.what not in ("page", "referrer")
        ]


async def test_a_visit_that_goes_on_and_one_that_comes_late_are_counted_in_their_hour(conn: Connection) -> None:
    await add(conn, NOW - timedelta(hours=3))
    assert await visit_hours_store.roll_up_visits(conn, NOW) == 1
    assert await visit_hours_store.roll_up_visits(conn, NOW) == 0
    await conn.execute("update sessions set last_seen_at = %s, pages = 9", [NOW])
    await add(conn, NOW - timedelta(hours=5), 5 * 3600)
    assert await visit_hours_store.roll_up_visits(conn, NOW) == 2
    numbers = await visit_hours_store.numbers_of(conn, WEEK)
    assert (numbers.sessions, numbers.pages, numbers.elapsed_s) == (2, 11, 8 * 3600)
    report = await run_report(conn, "visits", NOW.date(), NOW.date())
    assert [tuple(map(float, row[1:])) for row in report.rows] == [(2, 11, 4515, 14400, 0)]
    await conn.execute("delete from sessions")
    await visit_hours_store.roll_up_visits(conn, NOW, rebuild=True)
    assert (await visit_hours_store.numbers_of(conn, WEEK)).sessions == 2, "who was erased stays counted"


async def test_a_sample_looks_at_the_latest_only(conn: Connection) -> None:
    for hour in range(20):
        await add(conn, NOW - timedelta(hours=hour), entry_path="/new" if hour < 5 else "/old")
    shares = await visit_shares_store.shares(conn, NOW, WEEK, of_latest=8)
    assert [(s.name, s.sessions) for s in shares if s.what == "page"] == [("/new", 5), ("/old", 3)]


async def test_few_visits_are_counted_one_by_one(conn: Connection) -> None:
    await week(conn)
    await visit_hours_store.roll_up_visits(conn, NOW)
    overview = await visit_overview.overview_of(conn, NOW, WEEK, step=timedelta(hours=3), zone="UTC")
    assert overview.numbers.exact
    assert overview.numbers.visitors == 90
    assert sum(step.sessions for step in overview.steps) == overview.numbers.sessions == 300
