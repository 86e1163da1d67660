"""Visits, counted for pictures: sessions over time, what they came with, and whether anything has changed.

    series = await over_time(conn, at, filters, step=timedelta(hours=1), zone="Europe/Berlin")
    shares = await shares(conn, at, filters)
    if await pulse(conn, at) != last: ...

Everything takes the filters of `visits_store`; give them a `since`. Knows no picture.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString

from psycopg.rows import class_row

from undertone.analytics.tracking import ACTIVE
from undertone.analytics.visits_store import SessionFilters, where_of
from undertone.resources import Connection

MOST_SHARES = 5
"""Names told apart in each group; the rest is not listed."""


@dataclass(frozen=True, slots=True)
class Step:
    """A stretch of time in the reports' zone, and how many sessions began in it."""

    at: datetime
    """Without an offset: the clock on that zone's wall."""
    sessions: int


@dataclass(frozen=True, slots=True)
class Share:
    """One name in a group (device, browser, os, country, site, page, referrer), and how many sessions have it."""

    what: str
    name: str
    sessions: int


async def over_time(
    conn: Connection, at: datetime, filters: SessionFilters, *, step: timedelta, zone: str
) -> tuple[Step, ...]:
    """Sessions by the time they began, from `filters.since` to `at`, in even steps, the empty ones too."""
    assert filters.since is not None
    where, values = where_of(filters, at)
    began: LiteralString = """
        select date_bin(%(step)s, s.started_at at time zone %(zone)s, timestamp '2001-01-01') as at,
            count(*)::int as sessions
        from sessions s where
    """
    return await in_steps(conn, began + " and ".join(where), values | {"step": step, "zone": zone, "at": at})


async def in_steps(conn: Connection, counted: LiteralString, values: dict[str, Any]) -> tuple[Step, ...]:
    """What `counted` selects as `at` and `sessions`, grouped here, with the empty steps filled in."""
    before: LiteralString = "with counted as ("
    steps: LiteralString = """
            group by 1
        )
        select step.at, coalesce(counted.sessions, 0) as sessions
        from generate_series(
            date_bin(%(step)s, %(since)s at time zone %(zone)s, timestamp '2001-01-01'),
            %(at)s at time zone %(zone)s, %(step)s) step(at)
            left join counted using (at)
        order by step.at
    """
    async with conn.cursor(row_factory=class_row(Step)) as cursor:
        await cursor.execute(before + counted + steps, values)
        return tuple(await cursor.fetchall())


async def shares(
    conn: Connection, at: datetime, filters: SessionFilters, *, of_latest: int | None = None
) -> tuple[Share, ...]:
    """The most frequent names of each group, the most frequent first; the unknown are left out but for referrers.

    With `of_latest` only so many sessions of the stretch are looked at, the latest, whether they fit or not.
    """
    where, values = where_of(filters, at)
    looked_at: LiteralString = """
        with latest as (
            select * from sessions
            where started_at >= %(since)s and started_at < coalesce(%(until)s::timestamptz, 'infinity')
            order by started_at desc limit %(of_latest)s::bigint
        ), counted as (
            select case when grouping(s.device) = 0 then 'device' when grouping(s.browser) = 0 then 'browser'
                    when grouping(s.os) = 0 then 'os' when grouping(s.country) = 0 then 'country'
                    when grouping(s.site) = 0 then 'site' when grouping(s.entry_path) = 0 then 'page'
                    else 'referrer' end as what,
                coalesce(s.device, s.browser, s.os, s.country, s.site, s.entry_path, s.referrer, '') as name,
                count(*)::int as sessions
            from latest s where
    """
    ranked: LiteralString = """
            group by grouping sets (s.device, s.browser, s.os, s.country, s.site, s.entry_path, s.referrer)
        ), ranked as (
            select what, name, sessions, row_number() over (partition by what order by sessions desc, name) as rank
            from counted where name <> '' or what = 'referrer'
        )
        select what, name, sessions from ranked where rank <= %(most)s order by what, rank
    """
    values |= {"most": MOST_SHARES, "of_latest": of_latest}
    async with conn.cursor(row_factory=class_row(Share)) as cursor:
        await cursor.execute(looked_at + " and ".join(where) + ranked, values)
        return tuple(await cursor.fetchall())


async def pulse(conn: Connection, at: datetime) -> str:
    """A text that is another one as soon as a visit begins, goes on or ends, or a visitor falls silent."""
    cursor = await conn.execute(
        """
        select concat_ws(' ', (select max(last_seen_at) from sessions), count(*), sum(pages), sum(engaged_s),
            count(ended_at))
        from sessions where last_seen_at > %s
        """,
        [at - ACTIVE],
    )
    row = await cursor.fetchone()
    return row[0] if row else ""
