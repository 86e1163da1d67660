"""Alternatives: other replies to one message, other wordings of it, and going from one to another.

    shown = await alternatives.of(engine, who, row, user)
    await alternatives.choose(engine, who, row, user)       # this one stands in the conversation from now on

Nothing is deleted: what leaves the branch can be gone back to. Each choice is also a label of what somebody preferred.
Knows no model and no HTTP.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from undertone import events, guardrails, memory, people
from undertone.db import transaction
from undertone.engine import branches_store, store
from undertone.engine.nouns import Engine
from undertone.engine.store import TurnRow
from undertone.errors import Conflict, NotFound
from undertone.memory.branches_store import Version, deactivate, first_position, revive, versions
from undertone.resources import Connection


@dataclass(frozen=True, slots=True)
class Edited:
    """The message that an edited one takes the place of."""

    conversation_id: UUID
    message_id: UUID
    turn_id: UUID
    strategy: str | None


async def owner(conn: Connection, who: people.Principal, row: TurnRow, user: str) -> people.Person:
    """The person whose turn it is. Raises NotFound for somebody else's."""
    person = await people.standing(conn, who, user)
    if person.user_id != row.user_id:
        raise NotFound(f"There is no turn {row.turn_id} of this person.")
    return person


async def of(engine: Engine, who: people.Principal, row: TurnRow, user: str) -> dict[str, Any]:
    """The replies to this turn's message and the wordings of that message, JSON-ready, with which of them stands."""
    async with transaction(engine.resources.db) as conn:
        await owner(conn, who, row, user)
        replies = await branches_store.replies(conn, row.user_id, row.user_message_id)
        family = _family(await versions(conn, row.user_id, row.conversation_id), row.user_message_id)
    return {
        "turn": str(row.turn_id),
        "replies": [
            {"turn": str(r.turn_id), "text": r.text, "strategy": r.strategy, "active": r.active} for r in replies
        ],
        "versions": [{"turn": str(v.turn_id), "text": v.text, "active": v.active} for v in family if v.turn_id],
    }


async def choose(engine: Engine, who: people.Principal, row: TurnRow, user: str) -> None:
    """Let this turn's message and reply stand in the conversation; what stood in their place leaves, and is kept.

    Raises Conflict when something was said after it, or when it has no reply.
    """
    if row.state == "running" or row.reply_id is None:
        raise Conflict("Only a reply that has come to its end can be chosen.", turn=str(row.turn_id))
    user_id = row.user_id
    async with transaction(engine.resources.db) as conn:
        person = await owner(conn, who, row, user)
        before = await branches_store.replies(conn, user_id, row.user_message_id)
        message = await memory.get_message(conn, user_id, row.user_message_id)
        if await memory.texts(conn, user_id, [message.id]):
            latest = [m for m in await memory.history(conn, user_id, row.conversation_id, limit=50) if m.role == "user"]
            if latest and latest[-1].id != message.id:
                raise Conflict("Something was said after this reply; edit that message to go back.")
            left = await memory.deactivate_from(conn, user_id, row.conversation_id, message.position + 1)
        else:
            left = await _go_back(conn, row)
            fresh = [r.reply_id for r in before if r.reply_id != row.reply_id]
            await deactivate(conn, user_id, fresh)
        await revive(conn, user_id, [row.reply_id])
        await _leave(conn, row, "choose", left)
        over = [r.turn_id for r in before if r.turn_id != row.turn_id]
        await prefer(conn, person, row, "chosen", over=over)


async def _go_back(conn: Connection, row: TurnRow) -> list[UUID]:
    """Bring back the branch that this turn's message left with. Raises Conflict when it cannot be found.

    What leaves begins where the first wording of what was edited stands: the branches part there.
    """
    back = await branches_store.left_with(conn, row.user_id, row.user_message_id)
    place = await first_position(conn, row.user_id, back)
    if place is None:
        raise Conflict("This message can no longer be gone back to.")
    edited = await versions(conn, row.user_id, row.conversation_id)
    parted = [v.position for one in edited if one.message_id in back for v in _family(edited, one.message_id)]
    left = await memory.deactivate_from(conn, row.user_id, row.conversation_id, min([place, *parted]))
    await revive(conn, row.user_id, back)
    return left


async def leave_edited(conn: Connection, user_id: UUID, turn_id: UUID, new_turn: UUID) -> Edited:
    """Take a turn's message and all after it out of the branch, for an edited one to stand in its place.

    Raises NotFound, or Conflict when its reply is being written or the message has left already.
    """
    row = await store.find_turn(conn, turn_id)
    if row is None or row.user_id != user_id:
        raise NotFound(f"There is no turn {turn_id} of this person; `edits` names the turn of the message to change.")
    if row.state == "running":
        raise Conflict("The reply is still being written; stop it first.", turn=str(turn_id))
    if not await memory.texts(conn, user_id, [row.user_message_id]):
        raise Conflict("This message is no longer part of its conversation. Choose it again first.")
    message = await memory.get_message(conn, user_id, row.user_message_id)
    left = await memory.deactivate_from(conn, user_id, row.conversation_id, message.position)
    await branches_store.add_branch(
        conn,
        user_id=user_id,
        branch_id=uuid7(),
        conversation_id=row.conversation_id,
        turn_id=new_turn,
        kind="edit",
        left=left,
    )
    return Edited(row.conversation_id, message.id, turn_id, row.strategy)


async def _leave(conn: Connection, row: TurnRow, kind: str, left: Sequence[UUID]) -> None:
    if left:
        await branches_store.add_branch(
            conn,
            user_id=row.user_id,
            branch_id=uuid7(),
            conversation_id=row.conversation_id,
            turn_id=row.turn_id,
            kind=kind,
            left=left,
        )


async def suggest(engine: Engine, who: people.Principal, row: TurnRow, user: str, suggestion: str) -> UUID:
    """Keep what the person would rather have heard; the reply itself stays as it was. Returns the preference's id."""
    text = guardrails.limits.check_text(suggestion)
    if row.reply_id is None:
        raise Conflict("This turn has no reply to suggest another for.", turn=str(row.turn_id))
    async with transaction(engine.resources.db) as conn:
        person = await owner(conn, who, row, user)
        return await prefer(conn, person, row, "fixed", over=[row.turn_id], suggestion=text)


async def prefer(
    conn: Connection,
    person: people.Person,
    row: TurnRow,
    kind: str,
    *,
    over: Sequence[UUID] = (),
    suggestion: str | None = None,
) -> UUID:
    """Keep a preference and tell the log; it may train a model only where they allowed that."""
    preference_id, trainable = uuid7(), "training" in person.consents
    await branches_store.add_preference(
        conn,
        user_id=person.user_id,
        preference_id=preference_id,
        turn_id=row.turn_id,
        kind=kind,
        over=over,
        suggestion=suggestion,
        trainable=trainable,
    )
    event = events.PreferenceGiven(
        user_id=person.user_id,
        turn_id=row.turn_id,
        preference=kind,
        over_turns=[str(turn) for turn in over],
        strategy=row.strategy,
        trainable=trainable,
    )
    await events.record(conn, event)
    return preference_id


def _family(found: Sequence[Version], message_id: UUID) -> list[Version]:
    """The wordings that took each other's place, this message's among them; [] when it was never edited."""
    parents = {v.message_id: v.instead_of for v in found}

    def root(one: UUID) -> UUID:
        seen: set[UUID] = set()
        while (parent := parents.get(one)) is not None and one not in seen:
            seen.add(one)
            one = parent
        return one

    own = root(message_id)
    return [v for v in found if root(v.message_id) == own]
