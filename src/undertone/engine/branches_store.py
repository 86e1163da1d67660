"""The rows of branches and preferences: what left a conversation, what took its place, what somebody preferred.

Each function runs one statement on the caller's connection. Knows no rule: `alternatives` and `branches` do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.rows import class_row, dict_row

from undertone.resources import Connection


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply to a message, in the living branch or not."""

    turn_id: UUID
    reply_id: UUID
    kind: str
    strategy: str | None
    text: str
    active: bool


async def replies(conn: Connection, user_id: UUID, message_id: UUID) -> list[Reply]:
    """The replies there were to one message, oldest first; forgotten ones and continuations are left out."""
    async with conn.cursor(row_factory=class_row(Reply)) as cursor:
        await cursor.execute(
            "select t.turn_id, t.reply_id, t.kind, t.strategy, m.text, m.active from turns t"
            " join messages m on m.user_id = t.user_id and m.id = t.reply_id"
            " where t.user_id = %s and t.user_message_id = %s and t.kind <> 'continue' and m.forgotten_at is null"
            " order by t.turn_id",
            [user_id, message_id],
        )
        return await cursor.fetchall()


async def add_branch(
    conn: Connection,
    *,
    user_id: UUID,
    branch_id: UUID,
    conversation_id: UUID,
    turn_id: UUID,
    kind: str,
    left: Sequence[UUID],
) -> None:
    await conn.execute(
        "insert into branches (user_id, id, conversation_id, turn_id, kind, left_ids) values (%s, %s, %s, %s, %s, %s)",
        [user_id, branch_id, conversation_id, turn_id, kind, list(left)],
    )


async def left_with(conn: Connection, user_id: UUID, message_id: UUID) -> list[UUID]:
    """The messages that left together with this one when it last did; [] when it never did."""
    cursor = await conn.execute(
        "select left_ids from branches where user_id = %s and %s = any(left_ids) order by id desc limit 1",
        [user_id, message_id],
    )
    row = await cursor.fetchone()
    return list(row[0]) if row else []


async def add_preference(
    conn: Connection,
    *,
    user_id: UUID,
    preference_id: UUID,
    turn_id: UUID,
    kind: str,
    over: Sequence[UUID],
    suggestion: str | None,
    trainable: bool,
) -> None:
    await conn.execute(
        "insert into preferences (user_id, id, turn_id, kind, over_turns, suggestion, trainable)"
        " values (%s, %s, %s, %s, %s, %s, %s)",
        [user_id, preference_id, turn_id, kind, list(over), suggestion, trainable],
    )


async def export_branches(conn: Connection, user_id: UUID) -> list[dict[str, Any]]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            "select conversation_id, turn_id, kind, created_at from branches where user_id = %s order by id", [user_id]
        )
        return await cursor.fetchall()


async def export_preferences(conn: Connection, user_id: UUID) -> list[dict[str, Any]]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            "select turn_id, kind, over_turns, suggestion, trainable, created_at from preferences"
            " where user_id = %s order by id",
            [user_id],
        )
        return await cursor.fetchall()


async def erase_branches(conn: Connection, user_id: UUID) -> int:
    return (await conn.execute("delete from branches where user_id = %s", [user_id])).rowcount


async def erase_preferences(conn: Connection, user_id: UUID) -> int:
    return (await conn.execute("delete from preferences where user_id = %s", [user_id])).rowcount


HOLDINGS = {
    "branches": (export_branches, erase_branches),
    "preferences": (export_preferences, erase_preferences),
}
"""How the rows about a person are exported and erased."""
