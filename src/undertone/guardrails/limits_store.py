"""The rows of people's own limits, and of who does not want to be written to. Knows no rule: `own_limits` does."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from psycopg.rows import dict_row

from undertone.guardrails.own_limits import Kept, Limits, from_json
from undertone.resources import Connection

Side = Literal["person", "platform"]


async def load_limits(conn: Connection, user_id: UUID) -> dict[Side, Kept]:
    """What the person and their platform set; a side that set nothing has no entry."""
    cursor = await conn.execute(
        """
        select jsonb_object_agg(set_by, to_jsonb(l)) from person_limits l where user_id = %s
        """,
        (user_id,),
    )
    row = await cursor.fetchone()
    return kept_from(row[0] if row else None)


def kept_from(stored: Mapping[str, Any] | None) -> dict[Side, Kept]:
    """Both sides out of `{"person": row, "platform": row}` as the database writes rows in JSON."""
    found: dict[Side, Kept] = {}
    for side in ("person", "platform"):
        if stored and (row := stored.get(side)):
            names = asdict(Limits())
            now = from_json({name: _cents(row[name]) if "spend" in name else row[name] for name in names})
            later = from_json(row["later"]) if row["later"] else None
            later_at = datetime.fromisoformat(row["later_at"]) if row["later_at"] else None
            found[side] = Kept(now, later, later_at)
    return found


def _cents(amount: float | None) -> str | None:
    """An amount as JSON has it, with the two decimals its column keeps."""
    return None if amount is None else f"{amount:.2f}"


async def save_limits(conn: Connection, user_id: UUID, side: Side, kept: Kept, now: datetime) -> None:
    """Keep what one side set, in place of what it set before."""
    await conn.execute(
        """
        insert into person_limits (user_id, set_by, minutes_a_day, spend_a_day, spend_a_week, spend_a_month, currency,
                                   break_after, later, later_at, changed_at)
        values (%(user)s, %(side)s, %(minutes_a_day)s, %(spend_a_day)s, %(spend_a_week)s, %(spend_a_month)s,
                %(currency)s, %(break_after)s, %(later)s, %(later_at)s, %(now)s)
        on conflict (user_id, set_by) do update set minutes_a_day = excluded.minutes_a_day,
            spend_a_day = excluded.spend_a_day, spend_a_week = excluded.spend_a_week,
            spend_a_month = excluded.spend_a_month, currency = excluded.currency, break_after = excluded.break_after,
            later = excluded.later, later_at = excluded.later_at, changed_at = excluded.changed_at
        """,
        asdict(kept.now)
        | {
            "user": user_id,
            "side": side,
            "later": json.dumps(kept.later.as_json()) if kept.later else None,
            "later_at": kept.later_at,
            "now": now,
        },
    )


async def stop_contact(conn: Connection, user_id: UUID, said: str, now: datetime) -> bool:
    """Write to this person unasked no more; False when they had said so already."""
    cursor = await conn.execute(
        "insert into contact_stops (user_id, stopped_at, said) values (%s, %s, %s) on conflict do nothing",
        (user_id, now, said),
    )
    return cursor.rowcount == 1


async def allow_contact(conn: Connection, user_id: UUID) -> bool:
    """Take that back; False when there was nothing to take back."""
    return (await conn.execute("delete from contact_stops where user_id = %s", (user_id,))).rowcount == 1


async def contact_stopped(conn: Connection, user_id: UUID) -> datetime | None:
    """Since when this person is not to be written to; None when they may be."""
    row = await (await conn.execute("select stopped_at from contact_stops where user_id = %s", (user_id,))).fetchone()
    return row[0] if row else None


async def export_limits(conn: Connection, user_id: UUID) -> list[dict[str, Any]]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute("select * from person_limits where user_id = %s order by set_by", (user_id,))
        return await cursor.fetchall()


async def erase_limits(conn: Connection, user_id: UUID) -> int:
    return (await conn.execute("delete from person_limits where user_id = %s", (user_id,))).rowcount


async def export_stop(conn: Connection, user_id: UUID) -> list[dict[str, Any]]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute("select stopped_at, said from contact_stops where user_id = %s", (user_id,))
        return await cursor.fetchall()


async def erase_stop(conn: Connection, user_id: UUID) -> int:
    return (await conn.execute("delete from contact_stops where user_id = %s", (user_id,))).rowcount


HOLDINGS: Final = {
    "person_limits": (export_limits, erase_limits),
    "contact_stops": (export_stop, erase_stop),
}
"""How the rows about a person are exported and erased."""
