"""The demo's rows: events and visits by COPY, outcomes, and who of the people there is made up.

Knows no draw.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, LiteralString
from uuid import UUID, uuid5

from uuid_utils.compat import uuid7

from undertone import analytics
from undertone.ops.demo_visits import SITE, Visit
from undertone.resources import Connection

Row = tuple[UUID, datetime, str, dict[str, Any]]
"""An event: whose, when, its kind and its data."""
Talk = tuple[UUID, str, datetime, datetime]
"""A conversation: whose, with which persona, from when to when."""


async def demo_people(conn: Connection, mark: str) -> list[UUID]:
    """Everybody whose name begins with the mark."""
    cursor = await conn.execute(
        "select user_id from users where starts_with(external_id, %s) order by external_id", [mark]
    )
    return [user_id for (user_id,) in await cursor.fetchall()]


async def talks(conn: Connection, mark: str) -> list[Talk]:
    """The conversations of those people that are there as such, oldest first."""
    cursor = await conn.execute(
        """
        select c.user_id, c.persona_id, c.opened_at, c.last_at from conversations c join users u using (user_id)
        where starts_with(u.external_id, %s) order by u.external_id, c.opened_at
        """,
        [mark],
    )
    return [(user_id, persona, began, ended) for user_id, persona, began, ended in await cursor.fetchall()]


async def add_events(conn: Connection, rows: list[Row]) -> None:
    """Append events of the past."""
    async with (
        conn.cursor() as cursor,
        cursor.copy("copy events (id, user_id, kind, version, at, data) from stdin") as copy,
    ):
        for user_id, at, kind, data in rows:
            await copy.write_row((uuid7(), user_id, kind, 1, at, json.dumps(data)))


async def add_incident(conn: Connection, row: Row, state: str) -> None:
    """Keep an incident of somebody who asked for a human; those of a crisis belong to the ledger: none is made."""
    user_id, at, _, data = row
    await conn.execute(
        """
        insert into incidents (id, user_id, kind, level, opened_at, latest_at, state, seen_at, seen_by, closed_at,
            closed_by)
        values (%(id)s, %(user_id)s, 'human', 'human', %(at)s, %(at)s, %(state)s,
            case when %(state)s <> 'open' then %(at)s + interval '20 minutes' end,
            case when %(state)s <> 'open' then 'demo operator' end,
            case when %(state)s = 'closed' then %(at)s + interval '1 hour' end,
            case when %(state)s = 'closed' then 'demo operator' end)
        """,
        {"id": uuid5(user_id, f"incident {data['turn_id']}"), "user_id": user_id, "at": at, "state": state},
    )


async def remove_incidents(conn: Connection, mark: str) -> int:
    """Delete the incidents of those people, which would else outlive them without a name."""
    cursor = await conn.execute(
        "delete from incidents i using users u where u.user_id = i.user_id and starts_with(u.external_id, %s)", [mark]
    )
    return cursor.rowcount


async def add_outcome(
    conn: Connection, user_id: UUID, kind: str, at: datetime, euros: float | None, turn_id: str
) -> None:
    """Keep one outcome of a turn."""
    await analytics.add_outcome(
        conn,
        user_id,
        kind,
        at=at,
        value=None if euros is None else Decimal(str(euros)),
        currency=None if euros is None else "EUR",
        turn_id=UUID(turn_id),
        key=f"demo {turn_id} {kind}",
    )


async def pass_time(conn: Connection, user_id: UUID, time: timedelta) -> None:
    """Move all that happened to one person so far back in time."""
    moves: tuple[LiteralString, ...] = (
        "update messages set created_at = created_at - %(time)s where user_id = %(user_id)s",
        "update conversations set opened_at = opened_at - %(time)s, last_at = last_at - %(time)s"
        " where user_id = %(user_id)s",
        "update turns set started_at = started_at - %(time)s, finished_at = finished_at - %(time)s"
        " where user_id = %(user_id)s",
        "update events set at = at - %(time)s where user_id = %(user_id)s",
        "update care_states set disclosed_at = disclosed_at - %(time)s where user_id = %(user_id)s",
        "update admissions set minute_began = minute_began - %(time)s, day_began = day_began - %(time)s"
        " where user_id = %(user_id)s",
        "update profiles set updated_at = updated_at - %(time)s where user_id = %(user_id)s",
    )
    for query in moves:
        await conn.execute(query, {"time": time, "user_id": user_id})


async def add_visits(conn: Connection, visits: Sequence[Visit]) -> None:
    """Keep sessions and their pages."""
    async with (
        conn.cursor() as cursor,
        cursor.copy(
            "copy sessions (id, site, visitor, user_id, started_at, last_seen_at, engaged_s, pages, entry_path,"
            " exit_path, referrer, device, os, browser, browser_version, is_bot, country, address, consent) from stdin"
        ) as copy,
    ):
        for visit in visits:
            engaged = sum(view.engaged_s for view in visit.views)
            first, last = visit.views[0], visit.views[-1]
            await copy.write_row(
                (visit.id, SITE, visit.visitor, visit.user_id, first.at, visit.last_seen_at, engaged, len(visit.views),
                 first.path, last.path, visit.referrer, *visit.agent, visit.is_bot, visit.country, visit.address,
                 not visit.is_bot)
            )  # fmt: skip
    async with (
        conn.cursor() as cursor,
        cursor.copy("copy page_views (session_id, view, at, path, title, engaged_s) from stdin") as copy,
    ):
        for visit in visits:
            for n, view in enumerate(visit.views):
                await copy.write_row((visit.id, n, view.at, view.path, view.title, view.engaged_s))


async def remove_visits(conn: Connection) -> int:
    """Delete every visit to the demo's site, strangers' too, and its hours; how many visits there were."""
    await conn.execute("delete from visit_hours where site = %s", [SITE])
    return (await conn.execute("delete from sessions where site = %s", [SITE])).rowcount
