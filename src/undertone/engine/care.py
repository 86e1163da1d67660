"""After the turn: jobs that cross rooms. What a rail quarantined is not learned from; that verdict is on the message.

    await after_reply(conn, ...)         # queued in the closing transaction
    await work(resources, dsn)           # run by `undertone serve` and `undertone worker`

Knows which room does what, and nothing of how.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from undertone import events, jobs, memory, people
from undertone.db import transaction
from undertone.engine import deliveries, forgetting, store
from undertone.resources import Connection, Resources

READ_AFTER = timedelta(minutes=2)
"""How long a model's reading waits for more messages, so that one call reads several."""


async def after_reply(conn: Connection, *, user_id: UUID, persona_id: str, remembers: bool) -> None:
    """Queue what a finished turn leaves to do; at most one such job waits for each person and persona."""
    await jobs.defer(
        conn,
        "after_turn",
        lock=str(user_id),
        once=f"after:{user_id}:{persona_id}",
        user_id=user_id,
        persona_id=persona_id,
        remembers=remembers,
    )


@jobs.job("after_turn")
async def after_turn(resources: Resources, *, user_id: str, persona_id: str, remembers: bool) -> None:
    """Give this person's new messages their vectors and, where they agreed to be remembered, see that what they told
    is kept: by rules at once, by a model when a few more messages may have come."""
    person = UUID(user_id)
    await _embed_new(resources, person)
    if not remembers:
        return
    if resources.clerk is None:
        await keep_told(resources, user_id=user_id, persona_id=persona_id)
        return
    async with transaction(resources.db) as conn:
        if await people.hold_user(conn, person):
            await jobs.defer(
                conn,
                "keep_told",
                lock=user_id,
                once=f"told:{user_id}:{persona_id}",
                at=datetime.now(UTC) + READ_AFTER,
                user_id=user_id,
                persona_id=persona_id,
            )


@jobs.job("keep_told")
async def keep_told(resources: Resources, *, user_id: str, persona_id: str) -> None:
    """Keep what new messages tell, and sum up the beginning of a conversation that has grown long."""
    person = UUID(user_id)
    await memory.keep_told(resources, person, persona_id, now=datetime.now(UTC))
    await memory.sum_up_so_far(resources, person, persona_id, now=datetime.now(UTC))


async def _embed_new(resources: Resources, person: UUID) -> None:
    async with resources.db.connection() as conn:
        waiting = await memory.without_vector(conn, person)
    if not waiting:
        return
    vectors = await resources.recall_embed.embed([message.text for message in waiting])
    async with transaction(resources.db) as conn:
        for message, vector in zip(waiting, vectors, strict=True):
            await memory.set_vector(conn, user_id=person, message_id=message.id, vector=vector)


@jobs.job("close_conversations", timetable="*/10 * * * *")
async def close_conversations(resources: Resources) -> None:
    """End conversations that have been silent long enough, so that the next message begins a new one."""
    async with transaction(resources.db) as conn:
        closed = await memory.close_idle(conn, now=datetime.now(UTC))
        await events.record(
            conn,
            *(
                events.ConversationClosed(user_id=found.user_id, conversation_id=found.id, messages=found.messages)
                for found in closed
            ),
        )


@jobs.job("sum_up_conversations", timetable="5-59/10 * * * *")
async def sum_up_conversations(resources: Resources) -> None:
    """Queue the summing up of closed conversations, one job a person and persona."""
    async with transaction(resources.db) as conn:
        for user_id, persona_id in await memory.to_sum_up(conn):
            await jobs.defer(
                conn,
                "sum_up",
                lock=str(user_id),
                once=f"sum_up:{user_id}:{persona_id}",
                user_id=user_id,
                persona_id=persona_id,
            )


@jobs.job("sum_up")
async def sum_up(resources: Resources, *, user_id: str, persona_id: str) -> None:
    """Give closed conversations their title and summary; for whom we may remember also months and life so far."""
    person = UUID(user_id)
    async with resources.db.connection() as conn:
        remembers = await memory.remembered(conn, person, persona_id) and not await people.refused(
            conn, person, "memory"
        )
    await memory.sum_up(resources, person, persona_id, remembers=remembers, now=datetime.now(UTC))


@jobs.job("cool_memories", timetable="41 2 * * *")
async def cool_memories(resources: Resources) -> None:
    """Move what is old, long unused and weak out of what is volunteered."""
    async with transaction(resources.db) as conn:
        await memory.cool(conn, now=datetime.now(UTC))


@jobs.job("delete_forgotten", timetable="11 * * * *")
async def delete_forgotten(resources: Resources) -> None:
    """Delete for good what was forgotten longer ago than it can be taken back."""
    async with transaction(resources.db) as conn:
        await forgetting.delete_forgotten(conn, now=datetime.now(UTC))


@jobs.job("deliver_reminders", timetable="* * * * *")
async def deliver_reminders(resources: Resources) -> None:
    """Say the reminders whose time has come."""
    async with transaction(resources.db) as conn:
        await deliveries.deliver_due(conn, datetime.now(UTC))


@jobs.job("drop_old_keys", timetable="23 3 * * *")
async def drop_old_keys(resources: Resources) -> None:
    """Forget idempotency keys after a day."""
    async with transaction(resources.db) as conn:
        await store.drop_old_keys(conn)


async def work(resources: Resources, dsn: str) -> None:
    """Run these jobs until cancelled."""
    await jobs.work(resources, dsn, concurrency=2)
