"""Visits, written: what is known of visitors when a batch of beacons comes, and the batch's rows in two statements.

Batches of all processes take turns (one advisory lock), so that a visitor's two beacons never begin two sessions. Knows
no arithmetic: what a beacon means is `tracking`'s.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from undertone.analytics.tracking import Agent, Page, Place, Visit
from undertone.resources import Connection

VISITS_LOCK = 7_236_170_116
Key = tuple[str, str]
"""Site and visitor."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the database holds about the visitors of a batch."""

    visits: Mapping[Key, Visit]
    """Each visitor's newest session, held until the transaction ends."""
    pages: Mapping[tuple[UUID, int], Page]
    withdrawn: Collection[Key]
    people: Collection[UUID]
    """Those of the people asked about who are there; held against erasure until the transaction ends."""


async def load(conn: Connection, keys: Sequence[Key], views: Sequence[int], people: Sequence[UUID]) -> Known:
    """Take this batch's turn and read what is known. People are held before their sessions, as erasure does it."""
    await conn.execute("select pg_advisory_xact_lock(%s)", [VISITS_LOCK])
    cursor = await conn.execute("select user_id from users where user_id = any(%s) for key share", [list(people)])
    there = frozenset(user_id for (user_id,) in await cursor.fetchall())
    sites, visitors = [site for site, _ in keys], [visitor for _, visitor in keys]
    cursor = await conn.execute(
        """
        select site, visitor from withdrawals
        where (site, visitor) in (select * from unnest(%s::text[], %s::text[]))
        """,
        [sites, visitors],
    )
    withdrawn = frozenset((site, visitor) for site, visitor in await cursor.fetchall())
    async with conn.cursor(row_factory=dict_row) as rows:
        await rows.execute(
            """
            select s.*, abbrev(s.address) as client, coalesce(p.counted, 0)::int as counted_s,
                coalesce(p.latest, s.started_at) as exit_at
            from unnest(%s::text[], %s::text[]) as k(site, visitor)
            cross join lateral (select * from sessions where site = k.site and visitor = k.visitor
                order by started_at desc limit 1 for update) s
            cross join lateral (select sum(engaged_s) as counted, max(at) as latest from page_views
                where session_id = s.id) p
            """,
            [sites, visitors],
        )
        visits = [_visit(row) for row in await rows.fetchall()]
    pages = await _pages(conn, [visit.id for visit in visits], views)
    return Known({visit.key: visit for visit in visits}, pages, withdrawn, there)


async def _pages(conn: Connection, ids: list[UUID], views: Sequence[int]) -> dict[tuple[UUID, int], Page]:
    cursor = await conn.execute(
        """
        select session_id, view, at, path, title, engaged_s, skipped_s from page_views
        where session_id = any(%s) and view = any(%s)
        """,
        [ids, list(views)],
    )
    return {(session, view): Page(*rest) for session, view, *rest in await cursor.fetchall()}


def _visit(row: dict[str, Any]) -> Visit:
    return Visit(
        id=row["id"],
        site=row["site"],
        visitor=row["visitor"],
        started_at=row["started_at"],
        last_seen_at=row["last_seen_at"],
        entry_path=row["entry_path"],
        exit_path=row["exit_path"],
        exit_at=row["exit_at"],
        agent=Agent(row["device"], row["browser"], row["browser_version"], row["os"], row["is_bot"]),
        place=Place(row["country"], row["client"], row["address_truncated"]),
        ended_at=row["ended_at"],
        engaged_s=row["engaged_s"],
        counted_s=row["counted_s"],
        pages=row["pages"],
        referrer=row["referrer"],
        consent=row["consent"],
        user_id=row["user_id"],
    )


async def save(conn: Connection, visits: Sequence[Visit], pages: Mapping[tuple[UUID, int], Page]) -> None:
    """Write sessions and pages as they now stand, in two statements."""
    rows = [_row(visit) for visit in visits]
    await conn.execute(
        """
        insert into sessions (id, site, visitor, user_id, started_at, last_seen_at, ended_at, engaged_s, pages,
            entry_path, exit_path, referrer, device, browser, browser_version, os, is_bot, country, address,
            address_truncated, consent)
        select * from unnest(%s::uuid[], %s::text[], %s::text[], %s::uuid[], %s::timestamptz[], %s::timestamptz[],
            %s::timestamptz[], %s::int[], %s::int[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
            %s::text[], %s::text[], %s::bool[], %s::text[], %s::inet[], %s::bool[], %s::bool[])
        on conflict (id) do update set user_id = excluded.user_id, started_at = excluded.started_at,
            last_seen_at = excluded.last_seen_at, ended_at = excluded.ended_at, engaged_s = excluded.engaged_s,
            pages = excluded.pages, entry_path = excluded.entry_path, exit_path = excluded.exit_path,
            referrer = excluded.referrer, country = excluded.country, address = excluded.address,
            address_truncated = excluded.address_truncated, consent = excluded.consent
        """,
        [list(column) for column in zip(*rows, strict=True)],
    )
    views = [(session, view, p.at, p.path, p.title, p.engaged_s, p.skipped_s) for (session, view), p in pages.items()]
    await conn.execute(
        """
        insert into page_views (session_id, view, at, path, title, engaged_s, skipped_s)
        select * from unnest(%s::uuid[], %s::bigint[], %s::timestamptz[], %s::text[], %s::text[], %s::int[], %s::int[])
        on conflict (session_id, view) do update set title = excluded.title, engaged_s = excluded.engaged_s
        """,
        [list(column) for column in zip(*views, strict=True)],
    )


def _row(visit: Visit) -> tuple[Any, ...]:
    agent, place = visit.agent, visit.place
    return (
        *(visit.id, visit.site, visit.visitor, visit.user_id, visit.started_at, visit.last_seen_at, visit.ended_at),
        *(visit.engaged_s, visit.pages, visit.entry_path, visit.exit_path, visit.referrer),
        *(agent.device, agent.browser, agent.browser_version, agent.os, agent.is_bot),
        *(place.country, place.address, place.truncated, visit.consent),
    )


async def withdraw(conn: Connection, key: Key, *, delete: bool) -> int:
    """End a visitor's session, or delete all they have on this site; how many sessions. Late beacons find it closed."""
    await conn.execute("select pg_advisory_xact_lock(%s)", [VISITS_LOCK])
    await conn.execute("insert into withdrawals (site, visitor) values (%s, %s) on conflict do nothing", list(key))
    if delete:
        return (await conn.execute("delete from sessions where site = %s and visitor = %s", list(key))).rowcount
    ended = await conn.execute(
        "update sessions set ended_at = last_seen_at where site = %s and visitor = %s and ended_at is null", list(key)
    )
    return ended.rowcount


async def set_rules(conn: Connection, visit_days: int, address_days: int) -> None:
    """Say for how many days visits, and addresses that are whole, are kept."""
    await conn.execute("update visit_rules set visit_days = %s, address_days = %s", [visit_days, address_days])


async def drop_old(conn: Connection, most: int = 20_000) -> tuple[int, int]:
    """Delete visits and cut addresses that are past their days, at most so many of each; how many of each."""
    deleted = await conn.execute(
        """
        delete from sessions where id in (select s.id from sessions s, visit_rules
            where s.last_seen_at < now() - make_interval(days => visit_days) limit %s)
        """,
        [most],
    )
    cut = await conn.execute(
        """
        update sessions set address_truncated = true,
            address = network(set_masklen(address, case family(address) when 4 then 24 else 48 end))
        where id in (select s.id from sessions s, visit_rules where s.address is not null and not s.address_truncated
            and s.started_at < now() - make_interval(days => address_days) limit %s)
        """,
        [most],
    )
    await conn.execute("delete from withdrawals where at < now() - %s", [timedelta(days=1)])
    return deleted.rowcount, cut.rowcount
