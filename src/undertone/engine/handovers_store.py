"""The rows of hand-overs: conversations in which a person was asked for, or answers. Knows no rule."""

from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from undertone.resources import Connection


async def export_handovers(conn: Connection, user_id: UUID) -> list[dict[str, Any]]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            "select conversation_id, state, asked_at, taken_at, back_at from handovers where user_id = %s"
            " order by asked_at",
            [user_id],
        )
        return await cursor.fetchall()


async def erase_handovers(conn: Connection, user_id: UUID) -> int:
    return (await conn.execute("delete from handovers where user_id = %s", [user_id])).rowcount


HOLDINGS = {"handovers": (export_handovers, erase_handovers)}
"""How the rows about a person are exported and erased."""
