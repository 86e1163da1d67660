"""Branches of a conversation: messages that left it come back, and what was said in place of what.

Each function runs on the caller's connection. Knows no turn and no reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from undertone.memory import index
from undertone.resources import Connection


@dataclass(frozen=True, slots=True)
class Version:
    """One wording of a message that was edited, or that an edit took the place of."""

    message_id: UUID
    instead_of: UUID | None
    turn_id: UUID | None
    text: str
    active: bool
    position: int
    created_at: datetime


async def revive(conn: Connection, user_id: UUID, ids: Sequence[UUID]) -> None:
    """Messages are part of their conversation again, and recalled again; those forgotten meanwhile stay so."""
    await _set_active(conn, user_id, ids, active=True)


async def deactivate(conn: Connection, user_id: UUID, ids: Sequence[UUID]) -> None:
    """Messages leave the branch they are in: kept, but neither history nor recalled."""
    await _set_active(conn, user_id, ids, active=False)


async def _set_active(conn: Connection, user_id: UUID, ids: Sequence[UUID], *, active: bool) -> None:
    cursor = await conn.execute(
        """
        update messages set active = %(active)s where user_id = %(user)s and id = any(%(ids)s) and active <> %(active)s
            and forgotten_at is null
        returning persona_id, seq
        """,
        {"user": user_id, "ids": list(ids), "active": active},
    )
    moved = await cursor.fetchall()
    for persona_id in {persona_id for persona_id, _ in moved}:
        await index.refresh(conn, user_id, persona_id, [seq for persona, seq in moved if persona == persona_id])


async def first_position(conn: Connection, user_id: UUID, ids: Sequence[UUID]) -> int | None:
    """The lowest position among messages; None when all of them were forgotten."""
    cursor = await conn.execute(
        "select min(position) from messages where user_id = %s and id = any(%s)", (user_id, list(ids))
    )
    row = await cursor.fetchone()
    return row[0] if row else None


async def versions(conn: Connection, user_id: UUID, conversation_id: UUID) -> list[Version]:
    """Every message of a person here that was edited or came by an edit, oldest first."""
    cursor = await conn.execute(
        """
        select id, parent_id, turn_id, text, active, position, created_at from messages m
        where user_id = %(user)s and conversation_id = %(conversation)s and role = 'user'
            and forgotten_at is null and (parent_id is not null
            or exists (select from messages e where e.user_id = %(user)s and e.conversation_id = %(conversation)s
                and e.role = 'user' and e.parent_id = m.id))
        order by position
        """,
        {"user": user_id, "conversation": conversation_id},
    )
    return [Version(*row) async for row in cursor]
