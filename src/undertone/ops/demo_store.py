"""The demo's rows: events and visits by COPY, outcomes, and who of the people there is made up.

Knows no draw.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from undertone import analytics
from undertone.ops.demo_visits import SITE, Visit
from undertone.resources import Connection

Row = tuple[UUID, datetime, str, dict[str, Any]]
"""An event: whose, when, its kind and its data."""


async def demo_people(conn: Connection, mark: str) -> list[UUID]:
    """Everybody whose name begins with the mark."""
    cursor = await conn.execute(
        "select user_id from users where starts_with(external_id, %s) order by external_id", [mark]
    )
    return [user_id for (user_id,) in await cursor.fetchall()]


async def add_events(conn: Connection, rows: list[Row]) -> None:
    """Append events of the past."""
    async with (
        conn.cursor() as cursor,
        cursor.copy("copy events (id, user_id, kind, version, at, data) from stdin") as copy,
    ):
        for user_id, at, kind, data in rows:
            await copy.write_row((uuid7(), user_id, kind, 1, at, json.dumps(data)))


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
    """Delete every visit to the demo's site, strangers' too; how many there were."""
    return (await conn.execute("delete from sessions where site = %s", [SITE])).rowcount
