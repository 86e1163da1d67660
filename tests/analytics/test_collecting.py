"""The collector beside a database that fails, and beside another process."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from undertone.analytics import visits_store
from undertone.analytics.collecting import Collector
from undertone.analytics.tracking import Agent, Beacon
from undertone.app import wire_privacy
from undertone.db import Pool, transaction
from undertone.people import identity, privacy

NOW = datetime.now(UTC)


def beacon(view: int = 1, after_s: float = 0, visitor: str = "v", **more: object) -> Beacon:
    at = NOW + timedelta(seconds=after_s)
    made = Beacon("shop.test", visitor, view, at, at, 0, f"/{view}", Agent("phone"))
    return replace(made, **more)  # pyright: ignore[reportArgumentType]


async def test_a_database_that_fails_is_waited_for_and_a_row_it_refuses_is_not_tried_for_ever(
    dsn: str, db: Pool
) -> None:
    collector = Collector(db)
    collector.add(beacon())
    async with db.connection() as conn:
        await conn.execute("alter table sessions rename to elsewhere")
        with pytest.raises(psycopg.errors.UndefinedTable):
            await collector.flush(NOW)
        await conn.execute("alter table elsewhere rename to sessions")
    assert await collector.flush(NOW) == 1
    collector.add(beacon(visitor="w", path="/\x00"))
    assert await collector.flush(NOW) == 0
    collector.add(beacon(visitor="x"))
    assert await collector.flush(NOW) == 1


async def test_two_processes_hear_one_visitor_and_make_one_session(db: Pool) -> None:
    first, second = Collector(db), Collector(db)
    for n in range(10):
        (first, second)[n % 2].add(beacon(n, after_s=n / 100))
    await asyncio.gather(first.flush(NOW + timedelta(1)), second.flush(NOW + timedelta(1)))
    async with db.connection() as conn:
        (session,) = await visits_store.list_sessions(conn)
        views = await visits_store.timeline(conn, session.id)
    assert session.pages == 10
    assert (session.entry_path, session.exit_path) == ("/0", "/9")
    assert [view.path for view in views] == [f"/{n}" for n in range(10)]


async def test_who_is_erased_while_beacons_wait_is_not_brought_back(db: Pool) -> None:
    """Erasing and writing at once, many times: whoever comes first, nothing is left that names the person."""
    wire_privacy()
    for n in range(10):
        async with transaction(db) as conn:
            anna = await identity.find_or_create_user(conn, f"anna-{n}")
        collector = Collector(db)
        collector.add(beacon(visitor=f"e{n}", user_id=anna.user_id))
        await collector.flush(NOW)
        collector.add(beacon(2, after_s=1, visitor=f"e{n}", user_id=anna.user_id))
        await asyncio.gather(_erase(db, anna.user_id), collector.flush(NOW + timedelta(seconds=2)))
        async with db.connection() as conn:
            assert await visits_store.export_sessions(conn, anna.user_id) == []


async def _erase(db: Pool, user_id: UUID) -> None:
    async with db.connection() as conn:
        await privacy.erase_person(conn, user_id)
