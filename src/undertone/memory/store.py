"""Conversations and messages in PostgreSQL: what was said, in order, with its branches.

`append` is on the path of every turn and makes one round trip: it numbers the message within its conversation and
within all that was said between this person and this persona, and stores it searchable by its words. Knows no ranking
(see `retrieval`) and no facts (see `kept`).
"""

from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.rows import TupleRow
from uuid_utils.compat import uuid7

from undertone.errors import NotFound
from undertone.memory import index, terms
from undertone.memory.vectors import from_halfvec, to_halfvec
from undertone.resources import Connection
from undertone.types import Message, Role, Vector

IDLE = timedelta(hours=6)
"""After so long a silence a new conversation begins."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """Turns in a row between one person and one persona."""

    user_id: UUID
    id: UUID
    persona_id: str
    opened_at: datetime
    last_at: datetime
    closed_at: datetime | None
    messages: int
    """How many messages were ever stored in it, those of left branches included."""
    title: str | None
    summary: str | None
    summarised_to: int
    """The last position that the summary covers; 0 when there is none."""


@dataclass(frozen=True, slots=True)
class UserTurn:
    """One of the person's messages with its vector (None until it has one)."""

    message: Message
    vector: Vector | None


async def find_conversation(
    conn: Connection,
    user_id: UUID,
    persona_id: str,
    *,
    conversation_id: UUID | None = None,
    now: datetime,
    idle: timedelta = IDLE,
) -> Conversation:
    """The named conversation, or the open one with this persona, or a new one after `idle`. Raises NotFound."""
    if conversation_id is not None:
        found = await get_conversation(conn, user_id, conversation_id)
        if found.persona_id != persona_id:
            raise NotFound(f"Conversation {conversation_id} is with another persona; leave `conversation` out.")
        return found
    cursor = await conn.execute(
        """
        select user_id, id, persona_id, opened_at, last_at, closed_at, next_position - 1, title, summary, summarised_to
        from conversations
        where user_id = %s and persona_id = %s and closed_at is null and last_at > %s
        order by last_at desc limit 1
        """,
        (user_id, persona_id, now - idle),
    )
    row = await cursor.fetchone()
    return Conversation(*row) if row else await open_conversation(conn, user_id, persona_id, now=now)


async def open_conversation(
    conn: Connection, user_id: UUID, persona_id: str, *, now: datetime, title: str | None = None
) -> Conversation:
    """Begin a new conversation."""
    conversation_id = uuid7()
    await conn.execute(
        """
        insert into conversations (user_id, id, persona_id, opened_at, last_at, title) values (%s, %s, %s, %s, %s, %s)
        """,
        (user_id, conversation_id, persona_id, now, now, title),
    )
    return Conversation(user_id, conversation_id, persona_id, now, now, None, 0, title, None, 0)


async def get_conversation(conn: Connection, user_id: UUID, conversation_id: UUID) -> Conversation:
    """One conversation. Raises NotFound when it is unknown or another person's."""
    cursor = await conn.execute(
        """
        select user_id, id, persona_id, opened_at, last_at, closed_at, next_position - 1, title, summary, summarised_to
        from conversations where user_id = %s and id = %s
        """,
        (user_id, conversation_id),
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound(f"There is no conversation {conversation_id} of this person; leave `conversation` out to go on.")
    return Conversation(*row)


async def list_conversations(
    conn: Connection, user_id: UUID, *, persona_id: str | None = None, limit: int = 50
) -> list[Conversation]:
    """A person's conversations, the latest first."""
    cursor = await conn.execute(
        """
        select user_id, id, persona_id, opened_at, last_at, closed_at, next_position - 1, title, summary, summarised_to
        from conversations
        where user_id = %s and (%s::text is null or persona_id = %s)
        order by last_at desc limit %s
        """,
        (user_id, persona_id, persona_id, limit),
    )
    return [Conversation(*row) async for row in cursor]


async def close_conversation(conn: Connection, user_id: UUID, conversation_id: UUID, *, now: datetime) -> None:
    """The next message without a conversation begins a new one."""
    await conn.execute(
        "update conversations set closed_at = coalesce(closed_at, %s) where user_id = %s and id = %s",
        (now, user_id, conversation_id),
    )


async def append(
    conn: Connection,
    *,
    user_id: UUID,
    conversation_id: UUID,
    persona_id: str,
    role: Role,
    text: str,
    now: datetime,
    message_id: UUID | None = None,
    turn_id: UUID | None = None,
    parent_id: UUID | None = None,
    vector: Vector | None = None,
    speaker: str | None = None,
    response_time_s: float | None = None,
    typing_stops: int | None = None,
    quarantined: bool = False,
    finish: str = "complete",
    model: str | None = None,
    persona_version: int | None = None,
    by_human: bool = False,
) -> Message:
    """Store one message at the end of its conversation, found by its words from this transaction on.

    `vector` of shape (d,) may come later by `set_vector`; `speaker` is for chats with named speakers.
    One round trip. Raises NotFound when the conversation is not this person's with this persona.
    """
    message = Message(
        user_id=user_id,
        id=message_id or uuid7(),
        conversation_id=conversation_id,
        persona_id=persona_id,
        turn_id=turn_id,
        parent_id=parent_id,
        position=0,
        role=role,
        text=text,
        created_at=now,
        response_time_s=response_time_s,
        typing_stops=typing_stops,
        quarantined=quarantined,
        by_human=by_human,
    )
    cursor = await conn.execute(
        """
        with place as (
            update conversations set next_position = next_position + 1, last_at = greatest(last_at, %(created_at)s)
            where user_id = %(user_id)s and id = %(conversation_id)s and persona_id = %(persona_id)s
            returning next_position - 1 as position
        ), stream as (
            insert into recall_streams as s (user_id, persona_id, next_seq)
            select %(user_id)s, %(persona_id)s, 2 from place
            on conflict (user_id, persona_id) do update set next_seq = s.next_seq + 1
            returning next_seq - 1 as seq
        )
        insert into messages (user_id, id, conversation_id, persona_id, turn_id, parent_id, position, seq,
            role, speaker, text, created_at, response_time_s, typing_stops, quarantined, finish, model,
            persona_version, terms, embedding, by_human)
        select %(user_id)s, %(id)s, %(conversation_id)s, %(persona_id)s, %(turn_id)s, %(parent_id)s, position, seq,
            %(role)s, %(speaker)s, %(text)s, %(created_at)s, %(response_time_s)s, %(typing_stops)s, %(quarantined)s,
            %(finish)s, %(model)s, %(persona_version)s, %(terms)s, %(embedding)s,
            %(by_human)s
        from place, stream
        returning position, seq
        """,
        asdict(message)
        | {
            "speaker": speaker,
            "finish": finish,
            "model": model,
            "persona_version": persona_version,
            "terms": terms.pack(terms.analyse(text)),
            "embedding": to_halfvec(vector),
        },
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound(f"There is no conversation {conversation_id} of this person with {persona_id}.")
    await index.pack_if_due(conn, user_id, persona_id, seq=row[1])
    return replace(message, position=row[0])


async def set_vector(
    conn: Connection, *, user_id: UUID, message_id: UUID, vector: Vector, quarantined: bool | None = None
) -> None:
    """Give a stored message its vector of shape (d,), and with `quarantined` the rails' verdict. Raises NotFound."""
    cursor = await conn.execute(
        """
        update messages set embedding = %s, quarantined = coalesce(%s, quarantined)
        where user_id = %s and id = %s returning persona_id, seq
        """,
        (to_halfvec(vector), quarantined, user_id, message_id),
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound(f"There is no message {message_id} of this person.")
    await index.refresh(conn, user_id, row[0], [row[1]])


async def deactivate_from(conn: Connection, user_id: UUID, conversation_id: UUID, position: int) -> list[UUID]:
    """Leave a branch: messages from `position` on are kept, but neither history nor recalled. Returns their ids."""
    cursor = await conn.execute(
        """
        update messages set active = false
        where user_id = %s and conversation_id = %s and position >= %s and active returning persona_id, seq, id
        """,
        (user_id, conversation_id, position),
    )
    left = await cursor.fetchall()
    for persona_id in {persona_id for persona_id, _, _ in left}:
        await index.refresh(conn, user_id, persona_id, [seq for persona, seq, _ in left if persona == persona_id])
    return [message_id for _, _, message_id in left]


async def get_message(conn: Connection, user_id: UUID, message_id: UUID) -> Message:
    """One message, of a left branch too. Raises NotFound, also for one that was forgotten."""
    cursor = await conn.execute(
        """
        select user_id, id, conversation_id, persona_id, turn_id, parent_id, position, role, text, created_at,
            response_time_s, typing_stops, quarantined, by_human, model, persona_version
        from messages where user_id = %s and id = %s and forgotten_at is null
        """,
        (user_id, message_id),
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound(f"There is no message {message_id} of this person.")
    return _message(row)


async def history(
    conn: Connection, user_id: UUID, conversation_id: UUID, limit: int = 200, *, after: int = 0
) -> list[Message]:
    """The last `limit` messages of the branch that is alive, oldest first, quarantined ones included.

    Those up to position `after` are left out.
    """
    cursor = await conn.execute(
        """
        select user_id, id, conversation_id, persona_id, turn_id, parent_id, position, role, text, created_at,
            response_time_s, typing_stops, quarantined, by_human, model, persona_version
        from messages where user_id = %s and conversation_id = %s and position > %s and active
        order by position desc limit %s
        """,
        (user_id, conversation_id, after, limit),
    )
    return [_message(row) async for row in cursor][::-1]


async def last_said(conn: Connection, user_id: UUID, persona_id: str, *, before: UUID | None = None) -> datetime | None:
    """When the person last said something to this persona, message `before` aside; None when they never did."""
    cursor = await conn.execute(
        """
        select max(created_at) from messages where user_id = %s and persona_id = %s and role = 'user'
            and id is distinct from %s
        """,
        (user_id, persona_id, before),
    )
    row = await cursor.fetchone()
    return row[0] if row else None


async def recent_user_turns(conn: Connection, user_id: UUID, conversation_id: UUID, limit: int = 12) -> list[UserTurn]:
    """The person's last messages of a conversation with their vectors, oldest first; for reading the person."""
    cursor = conn.cursor(binary=True)
    await cursor.execute(
        """
        select user_id, id, conversation_id, persona_id, turn_id, parent_id, position, role, text, created_at,
            response_time_s, typing_stops, quarantined, embedding
        from messages where user_id = %s and conversation_id = %s and active and role = 'user'
        order by position desc limit %s
        """,
        (user_id, conversation_id, limit),
    )
    return [UserTurn(_message(row[:-1]), from_halfvec(row[-1])) async for row in cursor][::-1]


async def every_user_turn(conn: Connection, user_id: UUID) -> AsyncIterator[UserTurn]:
    """All of the person's messages with all personas, oldest first, as `recent_user_turns` gives them."""
    async with conn.cursor(name="every_user_turn", binary=True) as cursor:
        await cursor.execute(
            """
            select user_id, id, conversation_id, persona_id, turn_id, parent_id, position, role, text, created_at,
                response_time_s, typing_stops, quarantined, embedding
            from messages where user_id = %s and active and role = 'user' order by created_at, id
            """,
            (user_id,),
        )
        async for row in cursor:
            yield UserTurn(_message(row[:-1]), from_halfvec(row[-1]))


def _message(row: TupleRow) -> Message:
    values: tuple[Any, ...] = row
    return Message(*values)
