"""Hand-over to a human: somebody asks for a person, the AI pauses and says so, an operator writes, and hands back.

    word = await handovers.step(conn, engine, ...)        # with each message: what is said in place of a reply, or ""
    await handovers.take(conn, person, conversation_id, by="key 0a1b", now=now)

Who asked may go on with the AI at any time by saying so. Crisis words come before all of it. Knows no HTTP.
"""

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from undertone import events, guardrails, memory, people
from undertone.engine import handovers_store as store
from undertone.engine.handovers_store import Handover, State
from undertone.engine.nouns import Engine
from undertone.errors import Conflict
from undertone.guardrails.care import Duties
from undertone.resources import Connection
from undertone.types import Message

Word = Literal["", "asked", "waiting", "taken", "nobody", "resumed"]

GIVE_UP: timedelta = timedelta(hours=12)
"""Nobody came for so long: the AI answers again, and says so."""

__all__ = ["Handover", "Word", "back", "going", "say", "state_of", "step", "take"]


async def step(
    conn: Connection,
    engine: Engine,
    person: people.Person,
    conversation: memory.Conversation,
    text: str,
    now: datetime,
    duties: Duties,
) -> Word:
    """What a message does to its conversation's hand-over, and what is said in place of a reply."""
    wishes = guardrails.wishes.of(text)
    if not engine.handover:
        return "nobody" if "human" in wishes and not duties.check_in else ""
    found = await store.find(conn, person.user_id, conversation.id)
    if found is not None and found.state != "back":
        if "ai" in wishes or (found.state == "asked" and now - found.asked_at > GIVE_UP):
            await store.back(conn, person.user_id, conversation.id, now)
            await _tell(conn, person.user_id, conversation.id, "back", "person" if "ai" in wishes else "clock")
            return "resumed"
        return "waiting" if found.state == "asked" else "taken"
    if "human" not in wishes:
        return ""
    incident_id = await guardrails.incidents.opened(
        conn,
        user_id=person.user_id,
        conversation_id=conversation.id,
        persona_id=conversation.persona_id,
        kind="human",
        level="human",
        country=person.country or "",
        now=now,
        told=engine.resources.hook is not None,
    )
    await store.ask(conn, person.user_id, conversation.id, incident_id=incident_id, now=now)
    await _tell(conn, person.user_id, conversation.id, "asked", "person")
    return "asked"


async def state_of(conn: Connection, user_id: UUID, conversation_id: UUID) -> State:
    """asked, taken, or back where the AI answers."""
    found = await store.find(conn, user_id, conversation_id)
    return found.state if found else "back"


async def going(conn: Connection) -> list[Handover]:
    """All conversations that wait for a person or have one, the longest waiting first."""
    return await store.going(conn)


async def take(conn: Connection, person: people.Person, conversation_id: UUID, *, by: str, now: datetime) -> Message:
    """An operator takes over, asked or not; the person is told. Raises NotFound, or Conflict when it is taken."""
    conversation = await memory.get_conversation(conn, person.user_id, conversation_id)
    found = await store.find(conn, person.user_id, conversation_id)
    if found is not None and found.state == "taken":
        raise Conflict(f"{found.taken_by} has this conversation.")
    await store.take(conn, person.user_id, conversation_id, by=by, now=now)
    if found is not None and found.incident_id is not None and found.state == "asked":
        await guardrails.incidents.see(conn, found.incident_id, by=by, now=now)
    await _tell(conn, person.user_id, conversation_id, "taken", "operator")
    words = guardrails.spoken.words("arrived", person.language)
    return await _append(conn, conversation, words, now, by_human=False)


async def say(conn: Connection, person: people.Person, conversation_id: UUID, text: str, now: datetime) -> Message:
    """An operator writes into a conversation they took over. Raises NotFound, Conflict, BadInput."""
    conversation = await memory.get_conversation(conn, person.user_id, conversation_id)
    if await state_of(conn, person.user_id, conversation_id) != "taken":
        raise Conflict("Take the conversation over first, so that the AI pauses and the person is told.")
    return await _append(conn, conversation, guardrails.limits.check_text(text), now, by_human=True)


async def back(conn: Connection, person: people.Person, conversation_id: UUID, now: datetime) -> Message:
    """The operator leaves and the AI answers again; the person is told. Raises NotFound, Conflict."""
    conversation = await memory.get_conversation(conn, person.user_id, conversation_id)
    if await state_of(conn, person.user_id, conversation_id) == "back":
        raise Conflict("The AI answers in this conversation already.")
    await store.back(conn, person.user_id, conversation_id, now)
    await _tell(conn, person.user_id, conversation_id, "back", "operator")
    words = guardrails.spoken.words("left", person.language)
    return await _append(conn, conversation, words, now, by_human=False)


async def _append(
    conn: Connection, conversation: memory.Conversation, text: str, now: datetime, *, by_human: bool
) -> Message:
    return await memory.append(
        conn,
        user_id=conversation.user_id,
        conversation_id=conversation.id,
        persona_id=conversation.persona_id,
        role="assistant",
        text=text,
        now=now,
        by_human=by_human,
    )


async def _tell(conn: Connection, user_id: UUID, conversation_id: UUID, state: State, made_by: str) -> None:
    event = events.HandoverChanged(user_id=user_id, conversation_id=conversation_id, state=state, made_by=made_by)
    await events.record(conn, event)
