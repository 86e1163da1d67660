"""Visits as they are read: filters, cursor, numbers, addresses for named readers only, export and erasure."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from uuid_utils.compat import uuid7

from undertone import analytics
from undertone.analytics import visits_store
from undertone.analytics.visits_store import Reader, SessionFilters
from undertone.app import wire_privacy
from undertone.db import Connection
from undertone.errors import BadInput
from undertone.people import identity, privacy

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


async def visit(conn: Connection, began_s: int, seen_s: int | None = None, **more: Any) -> UUID:
    """A session that began and was last seen so many seconds before NOW."""
    row: dict[str, Any] = {
        "id": uuid7(),
        "site": "shop.test",
        "visitor": "v1",
        "started_at": NOW - timedelta(seconds=began_s),
        "last_seen_at": NOW - timedelta(seconds=began_s if seen_s is None else seen_s),
        "entry_path": "/",
        "exit_path": "/",
        "device": "phone",
        "is_bot": False,
    } | more
    names, places = map(sql.Identifier, row), [sql.Placeholder()] * len(row)
    insert = sql.SQL("insert into sessions ({}) values ({})")
    await conn.execute(insert.format(sql.SQL(",").join(names), sql.SQL(",").join(places)), list(row.values()))
    return row["id"]


async def test_a_session_is_active_then_silent_then_over(conn: Connection) -> None:
    await visit(conn, 900, 60)
    await visit(conn, 1800, 600)
    await visit(conn, 4000, 1800)
    fresh, silent, over = await visits_store.list_sessions(conn, at=NOW)
    assert (fresh.active, fresh.ended_at, fresh.elapsed_s) == (True, None, 840)
    assert (silent.active, silent.ended_at) == (False, None)
    assert (over.active, over.ended_at) == (False, NOW - timedelta(seconds=1800))
    assert await visits_store.active_now(conn, NOW) == 1


async def test_filters_and_numbers(conn: Connection) -> None:
    anna = await identity.find_or_create_user(conn, "anna")
    mine = await visit(conn, 100, 40, user_id=anna.user_id, country="DE", engaged_s=30, pages=3, browser="Firefox")
    await visit(conn, 5000, 4900, device="desktop", site="blog.test", visitor="v2", pages=1, os="Linux")
    await visit(conn, 50, device="bot", is_bot=True)

    async def found(**filters: Any) -> int:
        return len(await visits_store.list_sessions(conn, at=NOW, filters=SessionFilters(**filters)))

    assert await found() == 3
    for filters in (
        {"user": "anna"}, {"country": "DE"}, {"device": "phone"}, {"site": "blog.test"}, {"browser": "Firefox"},
        {"os": "Linux"}, {"bot": True}, {"active": True, "bot": False}, {"active": False},
        {"until": NOW - timedelta(hours=1)},
    ):  # fmt: skip
        assert await found(**filters) == 1, filters
    assert await found(user="nobody") == 0
    stats = await visits_store.stats(conn, NOW, SessionFilters(bot=False, since=NOW - timedelta(hours=3)))
    assert (stats.sessions, stats.active, stats.visitors, stats.pages) == (2, 1, 2, 4)
    assert (stats.elapsed_s, stats.engaged_s) == (80, 15)
    session = await visits_store.find_session(conn, mine, at=NOW)
    assert session is not None
    assert (session.user, session.country, session.elapsed_s) == ("anna", "DE", 60)


async def test_a_cursor_goes_on_where_the_list_ended(conn: Connection) -> None:
    expected = [await visit(conn, second) for second in (10, 20, 20, 30)]
    seen: list[UUID] = []
    cursor = None
    while found := await visits_store.list_sessions(conn, at=NOW, cursor=cursor, limit=1):
        seen.append(found[0].id)
        cursor = visits_store.cursor_after(found[-1])
    assert seen == [expected[0], *sorted(expected[1:3], reverse=True), expected[3]]
    for wrong in ("x", "!!!", "é"):
        with pytest.raises(BadInput, match="cursor"):
            await visits_store.list_sessions(conn, cursor=wrong)


async def test_addresses_are_for_named_readers_and_each_read_is_kept(conn: Connection) -> None:
    number = await visit(conn, 30, address="203.0.113.7")
    await visit(conn, 40, address="2001:db8:1::/48", address_truncated=True)
    await visit(conn, 50)
    assert {s.address for s in await visits_store.list_sessions(conn, at=NOW)} == {None}
    assert await visits_store.list_address_reads(conn) == ()
    reader = Reader("key 1a", "addresses")
    filters = SessionFilters(device="phone")
    read = await visits_store.list_sessions(conn, at=NOW, filters=filters, addresses_for=reader)
    assert [s.address for s in read] == ["203.0.113.7", "2001:db8:1::/48", None]
    await visits_store.find_session(conn, number, addresses_for=reader)
    one, many = await visits_store.list_address_reads(conn)
    assert (many.who, many.scope, many.how_many, many.filters) == ("key 1a", "addresses", 2, {"device": "phone"})
    assert (one.how_many, one.filters) == (1, {"id": str(number)})
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        await conn.execute("update address_reads set who = 'nobody'")


async def test_a_persons_visits_are_exported_and_erased_with_their_pages(conn: Connection) -> None:
    wire_privacy()
    anna = await identity.find_or_create_user(conn, "anna")
    theirs = await visit(conn, 60, user_id=anna.user_id, address="203.0.113.7")
    before = await visit(conn, 900)
    other = await visit(conn, 60, visitor="v2")
    ben = await identity.find_or_create_user(conn, "ben")
    bens = await visit(conn, 30, user_id=ben.user_id)
    for session in (theirs, other):
        await conn.execute(
            "insert into page_views (session_id, view, at, path, title) values (%s, 1, %s, '/a', 'A')", [session, NOW]
        )
    exported = (await privacy.export_person(conn, anna.user_id))["sessions"]
    assert [(s["address"], [p["path"] for p in s["pages"]]) for s in exported] == [("203.0.113.7", ["/a"])]
    assert (await privacy.erase_person(conn, anna.user_id))["sessions"] == 2, (
        "what their browser did before they signed in goes too"
    )
    left = {session.id for session in await visits_store.list_sessions(conn, at=NOW)}
    assert left == {other, bens}, before
    assert await visits_store.timeline(conn, theirs) == ()
    assert [page.path for page in await visits_store.timeline(conn, other)] == ["/a"]


async def test_a_report_tells_devices_and_countries_apart_but_not_a_few_people(conn: Connection) -> None:
    for n in range(30):
        more: dict[str, Any] = {"device": "phone", "country": "DE"} if n < 20 else {"device": "desktop"}
        await visit(conn, 3600, 3500, visitor=f"v{n}", pages=2, engaged_s=n, **more)
    for n in range(9):
        await visit(conn, 3600, visitor=f"few{n}", device="tablet", country="LI")
    await visit(conn, 3600, device="bot", is_bot=True)
    await analytics.roll_up_visits(conn, NOW)
    report = await analytics.run_report(conn, "visits_by", NOW.date(), NOW.date())
    rows = {(by, name): tuple(map(float, rest)) for by, name, *rest in report.rows}
    assert rows["device", "phone"] == (20, 0.6667, 2, 9.5, 100)
    assert rows["device", "desktop"] == (10, 0.3333, 2, 24.5, 100)
    assert rows["country", "DE"][:2] == (20, 0.6667)
    assert ("device", "tablet") not in rows
    assert ("country", "LI") not in rows
    assert ("device", "bot") not in rows
    assert rows["site", "shop.test"][:2] == (39, 1)
