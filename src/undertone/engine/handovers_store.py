"""The rows of hand-overs: conversations in which a person was asked for, or answers. Knows no rule."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from psycopg.rows import class_row, dict_row

from undertone.resources import Connection

State = Literal["asked", "taken", "back"]


@dataclass(frozen=True, slots=True)
class Handover:
    """One conversation's; `back` once the AI answers again."""

    user: str
    """The platform's id for the person."""
    conversation_id: UUID
    persona_id: str
    state: State
    asked_at: datetime
    taken_at: datetime | None
    taken_by: str | None
    back_at: datetime | None
    incident_id: UUID | None


async def find(conn: Connection, user_id: UUID, conversation_id: UUID) -> Handover | None:
    async with conn.cursor(row_factory=class_row(Handover)) as cursor:
        await cursor.execute(
            "select u.external_id as user, h.conversation_id, c.persona_id, h.state, h.asked_at, h.taken_at,"
            " h.taken_by, h.back_at, h.incident_id from handovers h join users u using (user_id)"
            " join conversations c on c.user_id = h.user_id and c.id = h.conversation_id"
            " where h.user_id = %s and h.conversation_id = %s",
            [user_id, conversation_id],
        )
        return await cursor.fetchone()


async def going(conn: Connection, limit: int = 200) -> list[Handover]:
    """All that wait for a person or have one, the longest waiting first."""
    async with conn.cursor(row_factory=class_row(Handover)) as cursor:
        await cursor.execute(
            "select u.external_id as user, h.conversation_id, c.persona_id, h.state, h.asked_at, h.taken_at,"
            " h.taken_by, h.back_at, h.incident_id from handovers h join users u using (user_id)"
            " join conversations c on c.user_id = h.user_id and c.id = h.conversation_id"
            " where h.state <> 'back' order by h.asked_at limit %s",
            [limit],
        )
        return await cursor.fetchall()


async def ask(
    conn: Connection, user_id: UUID, conversation_id: UUID, *, incident_id: UUID | None, now: datetime
) -> None:
    """A person is asked for; asked again, it begins anew."""
    await conn.execute(
        "insert into handovers (user_id, conversation_id, state, asked_at, incident_id)"
        " values (%s, %s, 'asked', %s, %s)"
        " on conflict (user_id, conversation_id) do update set state = 'asked', asked_at = excluded.asked_at,"
        " incident_id = excluded.incident_id, taken_at = null, taken_by = null, back_at = null",
        [user_id, conversation_id, now, incident_id],
    )


async def take(conn: Connection, user_id: UUID, conversation_id: UUID, *, by: str, now: datetime) -> None:
    """A person is here, asked for or not."""
    await conn.execute(
        "insert into handovers (user_id, conversation_id, state, asked_at, taken_at, taken_by)"
        " values (%(user)s, %(conversation)s, 'taken', %(now)s, %(now)s, %(by)s)"
        " on conflict (user_id, conversation_id) do update set state = 'taken', taken_at = %(now)s, taken_by = %(by)s,"
        " back_at = null",
        {"user": user_id, "conversation": conversation_id, "now": now, "by": by},
    )


async def back(conn: Connection, user_id: UUID, conversation_id: UUID, now: datetime) -> None:
    """The AI answers again."""
    await conn.execute(
        "update handovers set state = 'back', back_at = %s where user_id = %s and conversation_id = %s",
        [now, user_id, conversation_id],
    )


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
