"""The rows of reminders and of the clocks they go by.

Each function runs one statement on the caller's connection and returns frozen rows. Knows no language.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import class_row, dict_row

from undertone.engine.reminders import Kind, Place
from undertone.resources import Connection


@dataclass(frozen=True, slots=True)
class Reminder:
    """One reminder. `words` are the person's own."""

    user_id: UUID
    id: UUID
    persona_id: str
    turn_id: UUID | None
    kind: Kind
    words: str
    due_at: datetime
    state: str
    """proposed, set, delivered, cancelled, held (they were not well), or missed (nobody could deliver it in time)."""
    created_at: datetime
    delivered_at: datetime | None = None
    conversation_id: UUID | None = None
    message_id: UUID | None = None


async def place_of(conn: Connection, user_id: UUID) -> Place:
    """Somebody's clock and quiet hours; UTC and 22 to 8 until they say otherwise."""
    async with conn.cursor(row_factory=class_row(Place)) as cursor:
        await cursor.execute(
            "select time_zone, quiet_from, quiet_to from reminder_settings where user_id = %s", [user_id]
        )
        return await cursor.fetchone() or Place()


async def save_place(conn: Connection, user_id: UUID, place: Place) -> None:
    await conn.execute(
        """
        insert into reminder_settings (user_id, time_zone, quiet_from, quiet_to) values (%s, %s, %s, %s)
        on conflict (user_id) do update set time_zone = excluded.time_zone, quiet_from = excluded.quiet_from,
            quiet_to = excluded.quiet_to
        """,
        [user_id, place.time_zone, place.quiet_from, place.quiet_to],
    )


async def add(conn: Connection, reminder: Reminder, most: int) -> bool:
    """Keep a reminder unless `most` of them wait already."""
    cursor = await conn.execute(
        """
        insert into reminders (user_id, id, persona_id, turn_id, kind, words, due_at, state, created_at)
        select %(user)s, %(id)s, %(persona)s, %(turn)s, %(kind)s, %(words)s, %(due)s, %(state)s, %(now)s
        where (select count(*) from reminders where user_id = %(user)s and state = 'set') < %(most)s
        """,
        {
            "user": reminder.user_id,
            "id": reminder.id,
            "persona": reminder.persona_id,
            "turn": reminder.turn_id,
            "kind": reminder.kind,
            "words": reminder.words,
            "due": reminder.due_at,
            "state": reminder.state,
            "now": reminder.created_at,
            "most": most,
        },
    )
    return cursor.rowcount == 1


async def listed(conn: Connection, user_id: UUID, state: str | None = None) -> list[Reminder]:
    """A person's reminders, the next first."""
    async with conn.cursor(row_factory=class_row(Reminder)) as cursor:
        await cursor.execute(
            "select user_id, id, persona_id, turn_id, kind, words, due_at, state, created_at, delivered_at,"
            " conversation_id, message_id from reminders"
            " where user_id = %(user)s and (%(state)s::text is null or state = %(state)s)"
            " order by due_at, id limit 200",
            {"user": user_id, "state": state},
        )
        return await cursor.fetchall()


async def move(conn: Connection, user_id: UUID, reminder_id: UUID, *, before: list[str], after: str) -> bool:
    """Change a reminder's state from one of `before`; False when it is in another, or not there."""
    cursor = await conn.execute(
        "update reminders set state = %s where user_id = %s and id = %s and state = any(%s)",
        [after, user_id, reminder_id, before],
    )
    return cursor.rowcount == 1


async def due(conn: Connection, now: datetime, limit: int = 200) -> list[Reminder]:
    """Set reminders whose time has come, locked for this transaction; another worker sees the others."""
    async with conn.cursor(row_factory=class_row(Reminder)) as cursor:
        await cursor.execute(
            "select user_id, id, persona_id, turn_id, kind, words, due_at, state, created_at, delivered_at,"
            " conversation_id, message_id from reminders where state = 'set' and due_at <= %s"
            " order by due_at limit %s for update skip locked",
            [now, limit],
        )
        return await cursor.fetchall()


async def delay(conn: Connection, reminder: Reminder, until: datetime) -> None:
    await conn.execute(
        "update reminders set due_at = %s where user_id = %s and id = %s", [until, reminder.user_id, reminder.id]
    )


async def delivered(
    conn: Connection, reminder: Reminder, *, conversation_id: UUID, message_id: UUID, now: datetime
) -> None:
    await conn.execute(
        "update reminders set state = 'delivered', delivered_at = %s, conversation_id = %s, message_id = %s"
        " where user_id = %s and id = %s",
        [now, conversation_id, message_id, reminder.user_id, reminder.id],
    )


async def sent_since(conn: Connection, since: datetime, limit: int = 200) -> list[dict[str, Any]]:
    """What was delivered to anybody after a moment, oldest first: for a platform that asks instead of being called."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            "select u.external_id as user, r.id, r.persona_id as persona, r.kind, r.delivered_at,"
            " r.conversation_id as conversation, r.message_id as message, m.text"
            " from reminders r join users u using (user_id)"
            " left join messages m on m.user_id = r.user_id and m.id = r.message_id"
            " where r.state = 'delivered' and r.delivered_at > %s order by r.delivered_at, r.id limit %s",
            [since, limit],
        )
        return await cursor.fetchall()


async def export_reminders(conn: Connection, user_id: UUID) -> list[dict[str, Any]]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            "select id, persona_id, kind, words, due_at, state, created_at, delivered_at from reminders"
            " where user_id = %s order by due_at",
            [user_id],
        )
        return await cursor.fetchall()


async def erase_reminders(conn: Connection, user_id: UUID) -> int:
    return (await conn.execute("delete from reminders where user_id = %s", [user_id])).rowcount


async def export_place(conn: Connection, user_id: UUID) -> list[dict[str, Any]]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            "select time_zone, quiet_from, quiet_to from reminder_settings where user_id = %s", [user_id]
        )
        return await cursor.fetchall()


async def erase_place(conn: Connection, user_id: UUID) -> int:
    return (await conn.execute("delete from reminder_settings where user_id = %s", [user_id])).rowcount


HOLDINGS = {
    "reminders": (export_reminders, erase_reminders),
    "reminder_settings": (export_place, erase_place),
}
"""How the rows about a person are exported and erased."""
