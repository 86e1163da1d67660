"""The rows of people's own limits, and of who does not want to be written to. Knows no rule: `own_limits` does."""

from typing import Any, Final
from uuid import UUID

from psycopg.rows import dict_row

from undertone.resources import Connection


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
