"""Visits by the hour: counted from sessions, made anew while visits of that hour go on, and read for long periods.

    touched = await roll_up_visits(conn, now)              # in a transaction; one at a time
    numbers = await numbers_of(conn, filters)
    series = await over_time(conn, at, filters, step=timedelta(days=1), zone="Europe/Berlin")

A visit counts in the hour it began. Erased visits stay counted: the hours name nobody. Knows no visitor.
"""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString

from psycopg.rows import class_row

from undertone.analytics.visit_shares_store import MOST_SHARES, Share, Step, in_steps
from undertone.analytics.visits_store import SessionFilters
from undertone.resources import Connection

VISITS_LOCK = 7_236_170_117
LATE = timedelta(minutes=15)
"""A visit whose row commits so much later than it was seen is still counted by the next run."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Sums over the sessions that fit."""

    sessions: int
    pages: int
    engaged_s: int
    elapsed_s: int


async def roll_up_visits(conn: Connection, now: datetime, *, rebuild: bool = False) -> int:
    """Count the hours anew in which a visit began that was heard of since the last run; how many hours those are."""
    await conn.execute("select pg_advisory_xact_lock(%s)", [VISITS_LOCK])
    cursor = await conn.execute(
        """
        select distinct date_trunc('hour', started_at, 'UTC') from sessions
        where last_seen_at >= (select case when %(all)s then '-infinity' else visits_seen - %(late)s end
            from rollup_state)
        """,
        {"all": rebuild, "late": LATE},
    )
    hours = [hour for (hour,) in await cursor.fetchall()]
    await conn.execute("delete from visit_hours where hour = any(%s)", [hours])
    await conn.execute(
        """
        insert into visit_hours
        select h.hour, s.site, s.device, s.browser, s.os, coalesce(s.country, ''), s.is_bot, count(*), sum(s.pages),
            sum(s.engaged_s), sum(extract(epoch from s.last_seen_at - s.started_at))
        from unnest(%s::timestamptz[]) h(hour)
            join sessions s on s.started_at >= h.hour and s.started_at < h.hour + interval '1 hour'
        group by h.hour, s.site, s.device, s.browser, s.os, coalesce(s.country, ''), s.is_bot
        """,
        [hours],
    )
    await conn.execute("update rollup_state set visits_seen = %s", [now])
    return len(hours)


async def numbers_of(conn: Connection, filters: SessionFilters) -> Numbers:
    """Sums over the hours from `since` to `until`; the filters by person and by activity are not looked at."""
    where, values = _where(filters)
    query: LiteralString = """
        select coalesce(sum(sessions), 0)::int as sessions, coalesce(sum(pages), 0)::bigint as pages,
            coalesce(sum(engaged_s), 0)::bigint as engaged_s, coalesce(sum(elapsed_s), 0)::bigint as elapsed_s
        from visit_hours where
    """
    async with conn.cursor(row_factory=class_row(Numbers)) as cursor:
        await cursor.execute(query + where, values)
        found = await cursor.fetchone()
    assert found is not None
    return found


async def over_time(
    conn: Connection, at: datetime, filters: SessionFilters, *, step: timedelta, zone: str
) -> tuple[Step, ...]:
    """Sessions by the time they began, from `filters.since` to `at`, in even steps of hours, the empty ones too."""
    where, values = _where(filters)
    counted: LiteralString = """
        select date_bin(%(step)s, hour at time zone %(zone)s, timestamp '2001-01-01') as at,
            sum(sessions)::int as sessions
        from visit_hours where
    """
    return await in_steps(conn, counted + where, values | {"step": step, "zone": zone, "at": at})


async def shares(conn: Connection, filters: SessionFilters) -> tuple[Share, ...]:
    """The most frequent devices, browsers, systems, countries and sites, each group's most frequent first."""
    where, values = _where(filters)
    counted: LiteralString = """
        with counted as (
            select case when grouping(device) = 0 then 'device' when grouping(browser) = 0 then 'browser'
                    when grouping(os) = 0 then 'os' when grouping(country) = 0 then 'country' else 'site' end as what,
                coalesce(device, browser, os, country, site) as name, sum(sessions)::int as sessions
            from visit_hours where
    """
    ranked: LiteralString = """
            group by grouping sets (device, browser, os, country, site)
        ), ranked as (
            select what, name, sessions, row_number() over (partition by what order by sessions desc, name) as rank
            from counted where name <> ''
        )
        select what, name, sessions from ranked where rank <= %(most)s order by what, rank
    """
    async with conn.cursor(row_factory=class_row(Share)) as cursor:
        await cursor.execute(counted + where + ranked, values | {"most": MOST_SHARES})
        return tuple(await cursor.fetchall())


def _where(filters: SessionFilters) -> tuple[LiteralString, dict[str, Any]]:
    tests: dict[str, LiteralString] = {
        "since": "hour >= date_trunc('hour', %(since)s, 'UTC')",
        "until": "hour < date_trunc('hour', %(until)s, 'UTC')",
        "device": "device = %(device)s",
        "browser": "browser = %(browser)s",
        "os": "os = %(os)s",
        "country": "country = %(country)s",
        "site": "site = %(site)s",
        "bot": "is_bot = %(bot)s",
    }
    values = asdict(filters)
    return " and ".join(["true", *(test for name, test in tests.items() if values[name] is not None)]), values
