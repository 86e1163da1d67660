"""Outcomes: what came of turns, as the platform reports it; purchases, and the harm labels that stand beside them.

    kept = await add_outcome(conn, user_id, "purchase", value=Decimal("9.90"), currency="EUR", key="order-17")

Sent twice it is kept once. Nothing here reaches the policy: the engine may not import this room.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from psycopg.rows import class_row

from undertone.errors import Conflict
from undertone.resources import Connection

HARMS = ("complaint", "refund", "regret", "crisis")
"""Labels of harm: never a success, whatever was paid."""
KINDS = ("purchase", "subscription", "cancellation", "thanks", *HARMS)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One thing that came of talking. `value` is an amount in `currency` (ISO 4217); both or neither."""

    id: UUID
    kind: str
    value: Decimal | None
    currency: str | None
    turn_id: UUID | None
    at: datetime


async def add_outcome(
    conn: Connection,
    user_id: UUID,
    kind: str,
    *,
    at: datetime,
    value: Decimal | None = None,
    currency: str | None = None,
    turn_id: UUID | None = None,
    key: str,
) -> Outcome:
    """Keep an outcome under the caller's `key`. Raises Conflict when that key holds another one."""
    wanted = Outcome(uuid5(user_id, key), kind, value, currency, turn_id, at)
    await conn.execute(
        """
        insert into outcomes (user_id, id, kind, value, currency, turn_id, at)
        values (%s, %s, %s, %s, %s, %s, %s) on conflict do nothing
        """,
        [user_id, wanted.id, kind, value, currency, turn_id, at],
    )
    async with conn.cursor(row_factory=class_row(Outcome)) as cursor:
        await cursor.execute(
            "select id, kind, value, currency, turn_id, at from outcomes where user_id = %s and id = %s",
            [user_id, wanted.id],
        )
        kept = await cursor.fetchone()
    assert kept is not None
    if (kept.kind, kept.value, kept.currency, kept.turn_id) != (kind, value, currency, turn_id):
        raise Conflict("This Idempotency-Key was used for another outcome. Send a new key.")
    return kept


async def export_outcomes(conn: Connection, user_id: UUID) -> list[dict[str, Any]]:
    """A person's outcomes, oldest first."""
    async with conn.cursor(row_factory=class_row(Outcome)) as cursor:
        await cursor.execute(
            "select id, kind, value, currency, turn_id, at from outcomes where user_id = %s order by at, id", [user_id]
        )
        return [
            {name: None if value is None else str(value) for name, value in asdict(outcome).items()}
            for outcome in await cursor.fetchall()
        ]


async def erase_outcomes(conn: Connection, user_id: UUID) -> int:
    """Delete a person's outcomes; how many there were."""
    return (await conn.execute("delete from outcomes where user_id = %s", [user_id])).rowcount
