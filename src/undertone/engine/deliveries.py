"""Reminders on their way: agreed to, taken off, and said in the conversation when their time has come.

    await deliveries.deliver_due(conn, now)         # by the timetable; each is said once, by whichever worker

A reminder waits out quiet hours, is dropped when it is late, and stays unsaid where somebody took their consent back,
is on a break, was read as not well since, or wants no contact. Knows no language: `reminders` has the words.
"""

from datetime import datetime, timedelta
from uuid import UUID

from undertone import events, guardrails, memory, observability, people
from undertone.engine import reminders, reminders_store
from undertone.errors import NotFound, UndertoneError, Unprocessable
from undertone.resources import Connection

log = observability.get_logger("engine.deliveries")


async def create(conn: Connection, reminder: reminders_store.Reminder) -> None:
    """Keep a reminder that somebody set. Raises Unprocessable when too many wait."""
    if not await reminders_store.add(conn, reminder, reminders.MOST_OPEN):
        raise Unprocessable(f"{reminders.MOST_OPEN} reminders are waiting already; take one off first.")
    await _changed(conn, reminder, reminder.state)


async def accept(conn: Connection, person: people.Person, reminder_id: UUID, now: datetime) -> None:
    """Set a proposed reminder. Raises ConsentRequired, NotFound, or Unprocessable when its time is over."""
    people.require(person, "reminders")
    found = [r for r in await reminders_store.listed(conn, person.user_id, "proposed") if r.id == reminder_id]
    if not found:
        raise NotFound(f"There is no proposed reminder {reminder_id} of this person.")
    if found[0].due_at <= now:
        raise Unprocessable("The time of this reminder is over.")
    if len(await reminders_store.listed(conn, person.user_id, "set")) >= reminders.MOST_OPEN:
        raise Unprocessable(f"{reminders.MOST_OPEN} reminders are waiting already; take one off first.")
    place = await reminders_store.place_of(conn, person.user_id)  # they may have told their clock only now
    wish = reminders.find(found[0].words, found[0].created_at, place)
    if wish is not None and wish.due_at > now:
        await reminders_store.delay(conn, found[0], wish.due_at)
    await reminders_store.move(conn, person.user_id, reminder_id, before=["proposed"], after="set")
    await _changed(conn, found[0], "set")


async def cancel(conn: Connection, user_id: UUID, reminder_id: UUID) -> None:
    """Take one off. Raises NotFound."""
    found = [r for r in await reminders_store.listed(conn, user_id) if r.id == reminder_id]
    if not found or not await reminders_store.move(
        conn, user_id, reminder_id, before=["proposed", "set", "held"], after="cancelled"
    ):
        raise NotFound(f"There is no waiting reminder {reminder_id} of this person.")
    await _changed(conn, found[0], "cancelled")


async def _changed(
    conn: Connection, reminder: reminders_store.Reminder, state: str, late: timedelta | None = None
) -> None:
    await events.record(
        conn,
        events.ReminderChanged(
            user_id=reminder.user_id,
            reminder_id=reminder.id,
            reminder_kind=reminder.kind,
            state=state,
            late_s=round(late.total_seconds(), 1) if late is not None else None,
        ),
    )


async def deliver_due(conn: Connection, now: datetime) -> int:
    """Say every reminder whose time has come; returns how many were said. Once each, whoever else is at it."""
    said = 0
    for reminder in await reminders_store.due(conn, now):
        if not await people.hold_user(conn, reminder.user_id):
            continue
        try:
            async with conn.transaction():
                said += await _deliver(conn, reminder, now)
        except UndertoneError as error:  # one that cannot be said must not keep the others waiting
            log.warning("reminder_failed", reminder=str(reminder.id), error=error.code)
            await reminders_store.move(conn, reminder.user_id, reminder.id, before=["set"], after="missed")
    return said


async def _deliver(conn: Connection, reminder: reminders_store.Reminder, now: datetime) -> int:
    user_id = reminder.user_id
    place = await reminders_store.place_of(conn, user_id)
    state, _ = await guardrails.load_care(conn, user_id)
    closed = await guardrails.limits.last_break(conn, user_id)
    if await people.refused(conn, user_id, "reminders"):
        await reminders_store.move(conn, user_id, reminder.id, before=["set"], after="cancelled")
        await _changed(conn, reminder, "cancelled")
        return 0
    stopped = await guardrails.limits_store.contact_stopped(conn, user_id)
    if state.level(now) != "none" or (closed is not None and now < closed) or stopped is not None:
        await reminders_store.move(conn, user_id, reminder.id, before=["set"], after="held")
        await _changed(conn, reminder, "held")
        return 0
    if now - reminder.due_at > reminders.LATE:
        await reminders_store.move(conn, user_id, reminder.id, before=["set"], after="missed")
        await _changed(conn, reminder, "missed", now - reminder.due_at)
        return 0
    if place.quiet(now):
        await reminders_store.delay(conn, reminder, place.loud(now))
        return 0
    conversation = await memory.find_conversation(conn, user_id, reminder.persona_id, now=now)
    message = await memory.append(
        conn,
        user_id=user_id,
        conversation_id=conversation.id,
        persona_id=reminder.persona_id,
        role="assistant",
        text=reminders.spoken(reminder.kind, reminder.words, reminder.created_at, reminder.due_at, place),
        now=now,
    )
    await reminders_store.delivered(conn, reminder, conversation_id=conversation.id, message_id=message.id, now=now)
    await _changed(conn, reminder, "delivered", now - reminder.due_at)
    return 1
