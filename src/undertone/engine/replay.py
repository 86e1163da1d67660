"""Coming back to a turn: a reader who left, a client that retries, a replica that died.

    async for frame in replay.follow(engine, row, offset=120): ...
    again = await replay.again(engine, who, known)     # what an idempotent retry gets

An offset counts characters of the reply, so any replica can go on from any other's last frame: from memory where the
turn runs, from the piece log elsewhere, from the stored reply once it has ended. Knows no HTTP.
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from uuid import UUID

from uuid_utils.compat import uuid7

from undertone import events, guardrails, memory, people
from undertone.db import transaction
from undertone.engine import looks, personas, sent, sent_store, store, views
from undertone.engine.live import Frame
from undertone.engine.nouns import Begun, Engine, Known
from undertone.engine.store import TurnRow
from undertone.errors import Conflict, NotFound
from undertone.resources import Connection

POLL_S = 0.3
"""How often another replica's piece log is read; it is written every `live.FLUSH_S`."""


async def find(engine: Engine, turn_id: UUID, user_id: UUID | None) -> TurnRow:
    """One turn. `user_id` None looks at anybody's (an API key). Raises NotFound."""
    async with transaction(engine.resources.db) as conn:
        row = await store.find_turn(conn, turn_id)
    if row is None or (user_id is not None and row.user_id != user_id):
        raise NotFound(f"There is no turn {turn_id} here.")
    return row


async def follow(engine: Engine, row: TurnRow, offset: int = 0) -> AsyncGenerator[Frame]:
    """Frames of a turn from `offset` on, wherever it runs or however it ended."""
    while True:
        live = engine.live.get(row.turn_id)
        if live is not None:
            async for frame in live.follow(offset):
                yield frame
            return
        async with transaction(engine.resources.db) as conn:
            row = await store.find_turn(conn, row.turn_id) or row
            if row.state == "running" and not _written(engine, row):
                await close_orphan(engine, conn, row)
                continue
            if row.state == "running":
                text, ending = await store.pieces_text(conn, row.user_id, row.turn_id), None
            else:
                text, ending = await _ended(conn, row)
        if offset < len(text):
            fresh, offset = text[offset:], len(text)
            yield Frame("text.delta", {"text": fresh}, offset)
        if ending is not None:
            yield ending
            return
        await asyncio.sleep(POLL_S)


async def again(engine: Engine, who: people.Principal, user: str, known: Known) -> Begun | TurnRow:
    """An idempotent retry: the turn to follow, or a turn to write once more because nobody heard a word of it.

    Raises Conflict while the first request is still being answered.
    """
    async with transaction(engine.resources.db) as conn:
        row = await store.find_turn(conn, known.turn_id)
        if row is None:
            raise NotFound("The turn of this Idempotency-Key was erased. Use a new key.")
        if row.state == "running" and _written(engine, row):
            raise Conflict(
                "The first request with this Idempotency-Key is still being answered. "
                f"Follow it at /v1/turns/{row.turn_id}/stream.",
                turn=str(row.turn_id),
                retry_after=store.REPLICA_SILENT_S,
            )
        unheard = row.state == "running" or (row.state == "interrupted" and row.reply_id is None and not row.problem)
        if not unheard or await _logged(conn, row):
            return row
        if not await store.take_over(conn, row, engine.live.replica_id):
            raise Conflict("Another request took this turn up just now.", turn=str(row.turn_id), retry_after=1)
        await store.drop_pieces(conn, row.user_id, row.turn_id)
        person = await people.standing(conn, who, user)
        message = await memory.get_message(conn, row.user_id, row.user_message_id)
        persona = await personas.get(conn, row.persona_id)
        _, now = await guardrails.load_care(conn, row.user_id)
    vector = (await engine.resources.embed.embed([message.text]))[0]
    same = engine.resources.recall_embed is engine.resources.embed
    return Begun(
        person=person,
        persona=persona,
        turn_id=row.turn_id,
        message=message,
        vector=vector,
        recall_vector=vector if same else (await engine.resources.recall_embed.embed([message.text]))[0],
        verdict=looks.verdict_of(row.why),
        duties=guardrails.care.Duties(**row.why["duties"]),
        now=now,
        since=time.perf_counter(),
        due=looks.due_again(row.why),
        handover=row.why.get("handover") or "",
    )


async def explain(engine: Engine, turn_id: UUID, user_id: UUID | None) -> dict[str, object]:
    """Why this reply: the data of `turn.done` with readings, strategy, rails and token shares."""
    row = await find(engine, turn_id, user_id)
    async with transaction(engine.resources.db) as conn:
        text = await _said(conn, row)
        found = await describe(conn, row, text)
        recalled, _ = await _recalled(conn, row)
    return found | {
        "state": row.state,
        "why": row.why | {"memories": recalled} if "memories" in row.why else row.why,
        "problem": row.problem,
        "started_at": row.started_at.isoformat(),
    }


async def show_sent(engine: Engine, turn_id: UUID, user_id: UUID | None) -> dict[str, object]:
    """What was sent for a reply, part by part. A person (`user_id`) is not shown the persona's instructions.

    Raises NotFound when nothing was sent for it, or when what it answered was forgotten.
    """
    row = await find(engine, turn_id, user_id)
    async with transaction(engine.resources.db) as conn:
        layout = await sent_store.load_sent(conn, row.user_id, turn_id)
        answered = await memory.texts(conn, row.user_id, [row.user_message_id])
        if layout is None or not answered:
            raise NotFound(
                "Nothing is kept of a request for this reply: it is still being written, needed no model, "
                "or what it answered was forgotten."
            )
        request = await sent.unfold(conn, row.user_id, layout)
    return views.sent(row.turn_id, row.why, request, whole=user_id is None)


async def stop(engine: Engine, turn_id: UUID, user_id: UUID | None) -> None:
    """Ask for a reply to end where it is; nothing happens when it has ended."""
    row = await find(engine, turn_id, user_id)
    if (live := engine.live.get(turn_id)) is not None:
        live.stop()
        return
    async with transaction(engine.resources.db) as conn:
        await store.request_stop(conn, row.user_id, turn_id)


async def report(engine: Engine, turn_id: UUID, user_id: UUID | None, reason: str) -> UUID:
    """Keep a person's report of a reply, and tell the log; returns the report's id."""
    row = await find(engine, turn_id, user_id)
    report_id = uuid7()
    async with transaction(engine.resources.db) as conn:
        await store.add_report(conn, user_id=row.user_id, report_id=report_id, turn_id=turn_id, reason=reason)
        await events.record(conn, events.ReplyReported(user_id=row.user_id, turn_id=turn_id, reason=reason))
    return report_id


async def sweep(engine: Engine) -> int:
    """Close the turns of replicas that fell silent; returns how many. Run by the timetable."""
    async with transaction(engine.resources.db) as conn:
        found = await store.orphans(conn, engine.live.replica_id)
        for turn_id in found:
            row = await store.find_turn(conn, turn_id)
            if row is not None and row.state == "running" and not _written(engine, row):
                await close_orphan(engine, conn, row)
    return len(found)


def _written(engine: Engine, row: TurnRow) -> bool:
    """Whether somebody still writes this reply. Of our own we know better than the heartbeat does."""
    if row.replica_id == engine.live.replica_id:
        return engine.live.get(row.turn_id) is not None
    return row.replica_alive


async def close_orphan(engine: Engine, conn: Connection, row: TurnRow) -> None:
    """Store what the piece log has of an orphaned turn, and close it."""
    if not await store.take_over(conn, row, engine.live.replica_id):
        return
    await looks.abandon(conn, engine, row)
    text = await _logged(conn, row)
    reply_id = uuid7() if text else None
    if reply_id is not None:
        _, now = await guardrails.load_care(conn, row.user_id)
        await memory.append(
            conn,
            user_id=row.user_id,
            conversation_id=row.conversation_id,
            persona_id=row.persona_id,
            role="assistant",
            text=text,
            now=now,
            message_id=reply_id,
            turn_id=row.turn_id,
            parent_id=row.user_message_id,
            finish="interrupted",
            persona_version=row.persona_version,
        )
    await store.finish_turn(
        conn,
        user_id=row.user_id,
        turn_id=row.turn_id,
        replica_id=engine.live.replica_id,
        state="interrupted",
        reply_id=reply_id,
        strategy=None,
        why=row.why | {"look_due": None},
        usage=None,
        problem=None,
    )
    await store.drop_pieces(conn, row.user_id, row.turn_id)


async def _logged(conn: Connection, row: TurnRow) -> str:
    """What the piece log has of a reply, without the notice it begins with."""
    heard = await store.pieces_text(conn, row.user_id, row.turn_id)
    return heard.removeprefix(str(row.why.get("notice") or "")).strip()


async def _ended(conn: Connection, row: TurnRow) -> tuple[str, Frame]:
    """The stored reply and the last frame of a turn that has ended."""
    text = await _said(conn, row)
    if row.problem is not None:
        return text, Frame("turn.error", views.error(row.turn_id, row.problem, text), len(text))
    if row.state == "interrupted":
        return text, Frame("turn.interrupted", {"turn": str(row.turn_id), "text": text}, len(text))
    return text, Frame("turn.done", await describe(conn, row, text), len(text))


async def _said(conn: Connection, row: TurnRow) -> str:
    """The reply as it was heard: the notice it began with, and what is stored of it."""
    text = ""
    if row.reply_id is not None:
        with suppress(NotFound):  # the person forgot it
            text = (await memory.get_message(conn, row.user_id, row.reply_id)).text
    return str(row.why.get("notice") or "") + text


async def describe(conn: Connection, row: TurnRow, text: str) -> dict[str, object]:
    """The data of `turn.done` for a stored turn; forgotten memories are no longer in it."""
    recalled, texts = await _recalled(conn, row)
    return views.done(
        turn_id=row.turn_id,
        conversation_id=row.conversation_id,
        reply_id=row.reply_id,
        persona_id=row.persona_id,
        persona_version=row.persona_version,
        text=text,
        strategy=row.strategy,
        why=row.why | {"memories": recalled},
        usage=row.usage,
        memory_texts=texts,
        stopped=row.state == "stopped",
    )


async def _recalled(conn: Connection, row: TurnRow) -> tuple[list[dict[str, str]], dict[str, str]]:
    """What was recalled for a turn and is not forgotten, and its words by id.

    Why something was found quotes the message it was found for: nothing of it is shown once that is forgotten.
    """
    recalled: list[dict[str, str]] = row.why.get("memories", [])
    if not recalled:
        return [], {}
    ids = [UUID(m["id"]) for m in recalled]
    texts = await memory.texts(conn, row.user_id, [*ids, row.user_message_id])
    if row.user_message_id not in texts:
        return [], {}
    return [m for m in recalled if UUID(m["id"]) in texts], {str(id): text for id, text in texts.items()}
