"""Branches: another reply to the same words, more of the last one, and clients that resend a whole history.

    begun = await branches.regenerate(engine, who, row, user)
    begun = await branches.go_on(engine, who, row, user)
    said = await branches.place(engine, who, said, resent)      # where an OpenAI client's request belongs

Nothing is deleted: what a branch leaves behind stays stored, out of history and recall. Knows no HTTP.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from uuid_utils.compat import uuid7

from undertone import guardrails, memory, people
from undertone.db import transaction
from undertone.engine import alternatives, branches_store, duties, handovers, looks, personas, store
from undertone.engine.nouns import Begun, Engine, IdempotencyKey, Past, Said
from undertone.engine.store import TurnRow
from undertone.engine.turn import admit_turn
from undertone.errors import Conflict
from undertone.resources import Connection
from undertone.types import Message

LOOKED_AT = 5
"""Latest conversations compared with a resent history."""


async def regenerate(engine: Engine, who: people.Principal, row: TurnRow, user: str) -> Begun:
    """A new turn for the same message; the reply it had leaves the branch, and can be gone back to.

    Raises NotFound when it is another person's, Conflict while a reply is written or when a branch left the message.
    """
    return await _once_more(engine, who, row, user, "another")


async def go_on(engine: Engine, who: people.Principal, row: TurnRow, user: str) -> Begun:
    """A new turn that goes on from the last reply, nothing having been said meanwhile.

    Raises Conflict when the reply is not the last thing said, was never begun, or was fixed words.
    """
    if row.reply_id is None or row.strategy in ("crisis", "handover"):
        raise Conflict("There is no reply here to go on from.", turn=str(row.turn_id))
    return await _once_more(engine, who, row, user, "continue")


async def _once_more(engine: Engine, who: people.Principal, row: TurnRow, user: str, kind: str) -> Begun:
    if row.state == "running":
        raise Conflict("The reply is still being written; stop it first.", turn=str(row.turn_id))
    since = time.perf_counter()
    turn_id = uuid7()
    async with transaction(engine.resources.db) as conn:
        message = await memory.get_message(conn, row.user_id, row.user_message_id)
    vector = (await engine.resources.embed.embed([message.text]))[0]
    same = engine.resources.recall_embed is engine.resources.embed
    recall_vector = vector if same else (await engine.resources.recall_embed.embed([message.text]))[0]
    async with transaction(engine.resources.db) as conn:
        person = await alternatives.owner(conn, who, row, user)
        if not await memory.texts(conn, row.user_id, [message.id]):
            raise Conflict("This message is no longer part of its conversation. Say it again instead.")
        people.require_chat(person)
        if row.strategy == "handover" or await handovers.state_of(conn, row.user_id, row.conversation_id) != "back":
            raise Conflict("A person was asked for here: the AI is paused. Say `go on with the AI` first.")
        care, now = await guardrails.load_care(conn, person.user_id)
        await duties.admit(conn, engine, person.user_id, now)
        persona = await personas.get(conn, row.persona_id)
        if kind == "another":
            await _leave_reply(conn, row, turn_id, message)
        else:
            await _require_last(conn, row)
        await alternatives.prefer(conn, person, row, _LABELS[kind], over=[row.turn_id] if kind == "another" else ())
        verdict = looks.verdict_of(row.why)
        if verdict.crisis == "concern":  # counted when it was said; twice would be taken as the answer to our question
            verdict = replace(verdict, crisis="none")
        care, owed = guardrails.care.advance(care, verdict, now, notice_every=engine.notice_every, may_follow_up=False)
        begun = Begun(
            person=person,
            persona=persona,
            turn_id=turn_id,
            message=message,
            vector=vector,
            recall_vector=recall_vector,
            verdict=verdict,
            duties=owed,
            now=now,
            since=since,
            kind=kind,
        )
        await admit_turn(engine, conn, begun, care)
    return begun


_LABELS = {"another": "another", "continue": "continued"}


async def _leave_reply(conn: Connection, row: TurnRow, turn_id: UUID, message: Message) -> None:
    left = await memory.deactivate_from(conn, row.user_id, row.conversation_id, message.position + 1)
    if left:
        await branches_store.add_branch(
            conn,
            user_id=row.user_id,
            branch_id=uuid7(),
            conversation_id=row.conversation_id,
            turn_id=turn_id,
            kind="another",
            left=left,
        )


async def _require_last(conn: Connection, row: TurnRow) -> None:
    last = (await memory.history(conn, row.user_id, row.conversation_id, limit=1))[-1:]
    if not last or last[0].id != row.reply_id:
        raise Conflict("Only the last reply can be gone on from.", turn=str(row.turn_id))


async def place(
    engine: Engine, who: people.Principal, said: Said, resent: Sequence[Past], key: IdempotencyKey | None
) -> Said:
    """Find the conversation that a resent history belongs to; what was edited in it makes a branch.

    Nothing resent begins a new conversation. A history nobody here knows is taken as the past of a new one.
    A retry under a known idempotency key has its place already.
    """
    said = replace(said, idempotency=key)
    async with transaction(engine.resources.db) as conn:
        if key is not None and await store.key_exists(conn, key.owner, key.key):
            return said
        person = await people.standing(conn, who, said.user)
        people.require_chat(person)
        persona = await personas.get(conn, said.persona)
        _, now = await guardrails.load_care(conn, person.user_id)
        words = [guardrails.limits.check_text(past.text) for past in resent if past.role == "user"]
        best, common = None, 0
        if words:
            latest = await memory.list_conversations(
                conn, person.user_id, persona_id=persona.persona_id, limit=LOOKED_AT
            )
            for conversation in latest:
                stored = await memory.history(conn, person.user_id, conversation.id, limit=4_000)
                theirs = [message for message in stored if message.role == "user"]
                if (length := _common(words, theirs)) > common:
                    best, common = (conversation.id, theirs), length
        if best is None:
            opened = await memory.open_conversation(conn, person.user_id, persona.persona_id, now=now)
            return replace(said, conversation_id=opened.id, history=tuple(resent))
        conversation_id, theirs = best
        if common < len(theirs):
            await memory.deactivate_from(conn, person.user_id, conversation_id, theirs[common].position)
    return replace(said, conversation_id=conversation_id, history=())


def _common(words: Sequence[str], theirs: Sequence[Message]) -> int:
    """How many of the person's messages, from the first on, are the same on both sides.

    All of them when the words are how theirs end: long chats are resent without their beginning.
    """
    stored = [message.text for message in theirs]
    length = 0
    for word, text in zip(words, stored, strict=False):
        if word != text:
            break
        length += 1
    return len(stored) if length == 0 and stored[-len(words) :] == list(words) else length
