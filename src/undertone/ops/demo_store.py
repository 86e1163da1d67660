"""The demo's rows: events by COPY, outcomes, and who of the people there is made up.

Knows no draw.
"""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from undertone import analytics
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
