"""Beacons on their way to the database: gathered for half a second, and presence for a minute, then written together.

    collector = Collector(pool)
    collector.add(beacon)                  # never waits
    await collector.flush(now)             # `keep` does it all the time

A new page is written with the next batch. That somebody is still there is written at most once a minute a session, and
what they counted waits with it. A process that is killed loses what waited. Knows no HTTP.
"""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
from uuid_utils.compat import uuid7

from undertone.analytics import beacons_store
from undertone.analytics.beacons_store import Key, Known
from undertone.analytics.tracking import IDLE, Beacon, Page, Visit, merge, place
from undertone.analytics.user_agent import read_agent
from undertone.db import Pool, transaction
from undertone.errors import NotReady
from undertone.jobs import job
from undertone.observability import BEACONS, get_logger
from undertone.resources import Resources

EVERY_S = 0.5
"""How often what came is written."""
PRESENCE = timedelta(seconds=60)
"""How often the presence of one session is written."""
MOST_VISITORS = 100_000
"""Visitors held at once; beacons of more are dropped and counted."""
BATCH = 500
"""Visitors written in one transaction."""

log = get_logger(__name__)


class Collector:
    """The beacons of one process."""

    def __init__(self, db: Pool) -> None:
        self._db = db
        self._waiting: dict[Key, dict[int, Beacon]] = {}
        self._due: dict[Key, datetime] = {}
        self._wrote: dict[Key, datetime] = {}
        self._seen: dict[Key, set[int]] = {}
        self._flushing = asyncio.Lock()

    def add(self, beacon: Beacon) -> bool:
        """Take a beacon; False when too many wait already."""
        key = beacon.key
        waiting = self._waiting.get(key)
        if waiting is None:
            if len(self._waiting) >= MOST_VISITORS:
                BEACONS.labels("dropped").inc()
                return False
            waiting = self._waiting[key] = {}
        before = waiting.get(beacon.view)
        waiting[beacon.view] = merge(before, beacon) if before else beacon
        due = beacon.received_at
        if beacon.view in self._seen.get(key, ()) and key in self._wrote:
            due = max(due, self._wrote[key] + PRESENCE)
        self._due[key] = min(self._due.get(key, due), due)
        BEACONS.labels("taken").inc()
        return True

    async def withdraw(self, key: Key, *, delete: bool) -> int:
        """Stop counting a visitor, and where asked delete what was counted; how many sessions that concerned."""
        async with self._flushing:
            for held in (self._waiting, self._due, self._wrote, self._seen):
                held.pop(key, None)
            async with transaction(self._db) as conn:
                return await beacons_store.withdraw(conn, key, delete=delete)

    async def keep(self) -> None:
        """Write what is due, until cancelled; a lost database is waited for."""
        await asyncio.to_thread(read_agent, "Mozilla/5.0")  # half a second, once, before anybody waits for it
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.flush(datetime.now(UTC))
            except (NotReady, psycopg.Error) as error:
                log.warning("beacons_wait", error=type(error).__name__, visitors=len(self._waiting))

    async def close(self) -> None:
        """Write everything that waits, on the way out."""
        try:
            await self.flush(datetime.now(UTC), everything=True)
        except (NotReady, psycopg.Error) as error:
            log.warning("beacons_lost", error=type(error).__name__, visitors=len(self._waiting))

    async def flush(self, now: datetime, *, everything: bool = False) -> int:
        """Write what is due at `now`; how many sessions were written. What could not be written stays."""
        written = 0
        async with self._flushing:
            due = [key for key, at in self._due.items() if everything or at <= now]
            for start in range(0, len(due), BATCH):
                written += await self._write(due[start : start + BATCH], now, hold=not everything)
            self._forget_idle(now)
        return written

    async def _write(self, keys: list[Key], now: datetime, *, hold: bool) -> int:
        taken = {key: self._waiting.pop(key) for key in keys}
        try:
            async with transaction(self._db) as conn:
                beacons = [beacon for views in taken.values() for beacon in views.values()]
                known = await beacons_store.load(
                    conn, keys, [b.view for b in beacons], sorted({b.user_id for b in beacons if b.user_id})
                )
                held = {key for key, views in taken.items() if hold and self._is_presence(known, key, views, now)}
                visits, pages = fold(known, [beacon for beacon in beacons if beacon.key not in held])
                if visits:
                    await beacons_store.save(conn, visits, pages)
        except (psycopg.DataError, psycopg.IntegrityError) as error:  # the same again would fail again
            log.error("beacons_refused", error=type(error).__name__, visitors=len(keys))
            BEACONS.labels("dropped").inc(sum(map(len, taken.values())))
            for key in keys:
                if key not in self._waiting:
                    self._due.pop(key, None)
            return 0
        except BaseException:
            for key, views in taken.items():
                self._put_back(key, views)
            raise
        for key, views in taken.items():
            if key in held:
                self._put_back(key, views)
                self._due[key] = known.visits[key].last_seen_at + PRESENCE
                continue
            if key not in self._waiting:
                self._due.pop(key, None)
            self._wrote[key] = now
            self._seen.setdefault(key, set()).update(views)
        return len(visits)

    def _is_presence(self, known: Known, key: Key, views: dict[int, Beacon], now: datetime) -> bool:
        """Is there nothing in it but that somebody is still there, which another process wrote within the minute?"""
        visit = known.visits.get(key)
        if visit is None or visit.ended_at is not None or visit.last_seen_at <= now - PRESENCE:
            return False
        return all((visit.id, view) in known.pages for view in views)

    def _put_back(self, key: Key, views: dict[int, Beacon]) -> None:
        came = self._waiting.setdefault(key, {})
        for view, beacon in views.items():
            came[view] = merge(beacon, came[view]) if view in came else beacon

    def _forget_idle(self, now: datetime) -> None:
        for key in [key for key, at in self._wrote.items() if at < now - IDLE and key not in self._waiting]:
            del self._wrote[key]
            self._seen.pop(key, None)


def fold(known: Known, beacons: list[Beacon]) -> tuple[list[Visit], dict[tuple[UUID, int], Page]]:
    """The sessions and pages that a batch makes of what was known, as they are to be written."""
    latest, all_pages = dict(known.visits), dict(known.pages)
    visits: dict[UUID, Visit] = {}
    pages: dict[tuple[UUID, int], Page] = {}
    for beacon in sorted(beacons, key=lambda beacon: (beacon.received_at, beacon.opened_at)):
        if beacon.key in known.withdrawn:
            continue
        if beacon.user_id is not None and beacon.user_id not in known.people:
            beacon = replace(beacon, user_id=None)
        placed = place(latest.get(beacon.key), all_pages, beacon, uuid7())
        if placed is None:
            continue
        if placed.ended is not None:
            visits[placed.ended.id] = placed.ended
        visit, number = placed.visit, (placed.visit.id, beacon.view)
        latest[beacon.key] = visits[visit.id] = visit
        all_pages[number] = pages[number] = placed.page
    return list(visits.values()), pages


@job("drop_old_visits", timetable="23 * * * *")
async def drop_old_visits(resources: Resources) -> None:
    """Delete visits and cut addresses that are past their days."""
    async with transaction(resources.db) as conn:
        deleted, cut = await beacons_store.drop_old(conn)
    log.info("old_visits_dropped", visits=deleted, addresses=cut)
