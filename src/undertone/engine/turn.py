"""One turn: a message comes in, a reply goes out, and nothing of it is lost on the way.

    begun = await turn.begin(engine, who, said)        # transaction 1: admit and store; every refusal happens here
    live = turn.reply(engine, begun)                   # owned by the process: read, recall, choose, speak
    async for frame in live.follow(): ...              # transaction 2 has committed when the last frame comes

Calls each room once and knows what happens in none of them. No connection is held while a model speaks.
"""

import asyncio
import time
from dataclasses import asdict, dataclass
from datetime import timedelta
from uuid import UUID

from uuid_utils.compat import uuid7

from undertone import events, guardrails, memory, observability, people, signals
from undertone.db import transaction
from undertone.engine import (
    alternatives,
    asides,
    care,
    duties,
    elsewhere,
    handovers,
    looks,
    personas,
    sent,
    sent_store,
    store,
    views,
    words,
)
from undertone.engine.live import LiveTurn
from undertone.engine.nouns import Begun, Engine, IdempotencyKey, Known, Past, Prepared, Said
from undertone.engine.preparation import output_rail, prepare, read_past
from undertone.errors import ModelFailed, NotReady, UndertoneError, Unprocessable
from undertone.resources import Connection
from undertone.types import Usage, Vector

log = observability.get_logger("engine")


async def begin(engine: Engine, who: people.Principal, said: Said) -> Begun | Known:
    """Admit the person and store their words, in one transaction. Raises every refusal a turn can meet."""
    since = time.perf_counter()
    if engine.live.full:
        raise NotReady("All reply slots are taken right now. Try again in a few seconds.", retry_after=3)
    text = guardrails.limits.check_text(said.text)
    past = [Past(p.role, guardrails.limits.check_text(p.text)) for p in said.history]
    vectors = await engine.resources.embed.embed([text])
    recall_vector = await _recall_vector(engine, text, vectors[0])
    verdict = guardrails.check_input(text, vectors[0], readable=signals.readable(text))
    turn_id = uuid7()
    async with transaction(engine.resources.db) as conn:
        person = await people.standing(conn, who, said.user)
        people.require_chat(person)
        if said.idempotency is not None:
            known = await store.claim_key(
                conn,
                said.idempotency.owner,
                said.idempotency.key,
                user_id=person.user_id,
                turn_id=turn_id,
                body_hash=said.idempotency.body_hash,
            )
            if known is not None:
                return _known(known, said.idempotency)
        state, now = await guardrails.load_care(conn, person.user_id)
        admitted = await duties.admit(conn, engine, person.user_id, now)
        persona = await personas.get(conn, said.persona)
        edited = await _leave_edited(conn, person, said, turn_id)
        place = edited.conversation_id if edited else said.conversation_id
        conversation = await memory.find_conversation(
            conn, person.user_id, persona.persona_id, conversation_id=place, now=now, idle=engine.idle
        )
        if past and conversation.messages == 0:
            await elsewhere.take_past(engine, conn, conversation, past, now)
        message = await memory.append(
            conn,
            user_id=person.user_id,
            conversation_id=conversation.id,
            persona_id=persona.persona_id,
            role="user",
            text=text,
            now=now,
            turn_id=turn_id,
            parent_id=edited.message_id if edited else None,
            vector=recall_vector,
            response_time_s=said.response_time_s,
            typing_stops=said.typing_stops,
            quarantined=verdict.quarantine,
        )
        due = looks.due(engine, verdict, state, now)
        verdict = due.floor if due else verdict
        state, owed = guardrails.care.advance(
            state,
            verdict,
            now,
            notice_every=engine.notice_every,
            may_follow_up=not admitted.contact_stopped,
        )
        owed = await duties.beside(conn, person.user_id, text, now, owed, admitted, looked_at=due is not None)
        begun = Begun(
            person=person,
            persona=persona,
            turn_id=turn_id,
            message=message,
            vector=vectors[0],
            recall_vector=recall_vector,
            verdict=verdict,
            duties=owed,
            now=now,
            since=since,
            shows_asides=said.shows_asides,
            kind="edit" if edited else "said",
            debug=said.debug,
            platform_note=said.platform_note,
            due=due,
            handover=await handovers.step(conn, engine, person, conversation, text, now, owed),
        )
        await admit_turn(engine, conn, begun, state)
    return begun


async def admit_turn(engine: Engine, conn: Connection, begun: Begun, state: guardrails.care.CareState) -> None:
    """Write what goes with an admitted message: the care state, the running turn, the events, a referral."""
    message, user_id = begun.message, begun.person.user_id
    await store.start_turn(
        conn,
        user_id=user_id,
        turn_id=begun.turn_id,
        conversation_id=message.conversation_id,
        persona_id=begun.persona.persona_id,
        persona_version=begun.persona.version,
        user_message_id=message.id,
        replica_id=engine.live.replica_id,
        why={"duties": asdict(begun.duties), "verdict": asdict(begun.verdict), "notice": words.before(begun)}
        | looks.note(begun)
        | {"handover": begun.handover or None},
        now=begun.now,
        kind=begun.kind,
    )
    await events.record(
        conn,
        events.TurnStarted(
            user_id=user_id,
            turn_id=begun.turn_id,
            conversation_id=message.conversation_id,
            persona=begun.persona.persona_id,
            persona_version=begun.persona.version,
            characters=len(message.text),
            response_time_s=message.response_time_s,
            typing_stops=message.typing_stops,
        ),
    )
    await duties.carry_out(conn, engine, begun, state)


def reply(engine: Engine, begun: Begun) -> LiveTurn:
    """Start writing the reply in the background of this process and return it to be followed."""
    live = LiveTurn(begun.person.user_id, begun.turn_id)
    engine.live.start(live, _reply(engine, begun, live))
    return live


async def _reply(engine: Engine, begun: Begun, live: LiveTurn) -> None:
    """The stretch between the two transactions, then the second one."""
    draft = Draft(begun, words.before(begun))
    try:
        live.push(draft.notice)
        if begun.handover:
            begun = draft.begun = await looks.take(engine, begun)
        elif not begun.duties.say_crisis_words:
            begun = await _read(engine, draft)
        if draft.prepared is None:
            live.push(words.instead(begun))
        else:
            observability.TURN_ADDED_SECONDS.observe(time.perf_counter() - begun.since)
            live.speaking = asyncio.create_task(_speak(engine, draft, live))
            async with asyncio.timeout(engine.turn_s):
                await live.speaking
    except asyncio.CancelledError:
        if not live.stopping:
            raise
    except UndertoneError as error:  # a model that failed, or a database that is away: the person is told either way
        draft.problem = error
    except TimeoutError:
        draft.problem = ModelFailed(f"The reply took longer than {engine.turn_s:.0f} seconds. Try again.")
    await asyncio.shield(_close(engine, draft, live))


async def _read(engine: Engine, draft: "Draft") -> Begun:
    """Read the past while a second look is taken, where one is due; lay out the request unless it found a crisis."""
    looking = asyncio.create_task(looks.take(engine, draft.begun))
    try:
        read = await read_past(engine, draft.begun)
    finally:
        draft.begun = await looking
    if not draft.begun.duties.say_crisis_words:
        draft.prepared = await prepare(engine, draft.begun, read)
    return draft.begun


@dataclass(slots=True)
class Draft:
    """A reply in the making, as far as it got."""

    begun: Begun
    notice: str
    """The AI notice the reply begins with. It is said and logged, and is no part of what is remembered."""
    prepared: Prepared | None = None
    usage: Usage | None = None
    rail: str | None = None
    first_piece: float | None = None
    problem: UndertoneError | None = None


async def _speak(engine: Engine, draft: Draft, live: LiveTurn) -> None:
    """Stream the model through the output rail until it ends, fails, or the person says stop."""
    assert draft.prepared is not None
    request = draft.prepared.plan.request
    rail = output_rail(draft.begun)
    pieces = engine.resources.chat.stream(request)
    try:
        async for piece in pieces:
            if piece.usage is not None:
                draft.usage = piece.usage
            _say(draft, live, rail.feed(piece.text))
        _say(draft, live, rail.finish())
    finally:
        draft.rail = rail.tripped
        await pieces.aclose()
    if draft.usage is not None and draft.usage.prompt_tokens:
        sent = sum(len(m.content.encode()) for m in request.messages)
        engine.tokens.learn(request.model, len(request.messages), sent, draft.usage.prompt_tokens)


def _say(draft: Draft, live: LiveTurn, words: str) -> None:
    """Pass words on to the readers. A reply begins with a word, streamed and stored, so that offsets agree."""
    if draft.first_piece is None:
        words = words.lstrip()
    if words:
        draft.first_piece = draft.first_piece or time.perf_counter()
        live.push(words)


async def _close(engine: Engine, draft: Draft, live: LiveTurn) -> None:
    """Transaction 2: the reply, what was read, the event and the due jobs, all or nothing; then the last frame."""
    begun, message = draft.begun, draft.begun.message
    user_id = begun.person.user_id
    state = _state(draft, live)
    said = live.text[len(draft.notice) :].strip()
    why = views.why(begun, draft.prepared, draft.rail, draft.notice)
    whole = state == "done" and draft.rail is None
    usage = asdict(draft.usage) if draft.usage else None
    problem = views.problem(draft.problem) if draft.problem else None
    async with transaction(engine.resources.db) as conn:
        if not await store.holds_turn(conn, user_id, begun.turn_id, engine.live.replica_id):
            log.warning("turn_taken_over", turn=str(begun.turn_id))
            return
        reply_id = uuid7() if said and state != "failed" else None
        why |= await asides.settle(conn, begun, draft.prepared, whole=whole and reply_id is not None, engine=engine)
        strategy = draft.prepared.choice.strategy.id if draft.prepared else words.strategy(begun)
        await store.finish_turn(
            conn,
            user_id=user_id,
            turn_id=begun.turn_id,
            replica_id=engine.live.replica_id,
            state=state,
            reply_id=reply_id,
            strategy=strategy,
            why=why,
            usage=usage,
            problem=problem,
            sent=draft.prepared.layout if draft.prepared else None,
        )
        if reply_id is not None:
            await memory.append(
                conn,
                user_id=user_id,
                conversation_id=message.conversation_id,
                persona_id=message.persona_id,
                role="assistant",
                text=said,
                now=begun.now + timedelta(seconds=time.perf_counter() - begun.made),
                message_id=reply_id,
                turn_id=begun.turn_id,
                parent_id=message.id,
                finish={"done": "complete"}.get(state, state),
                model=draft.usage.model if draft.usage else None,
                persona_version=begun.persona.version,
            )
        if draft.prepared:
            await sent_store.save_texts(conn, user_id, draft.prepared.texts)
            await memory.mark_used(conn, user_id, sent.quoted(draft.prepared.layout), now=begun.now)
        if live.logged:
            await store.drop_pieces(conn, user_id, begun.turn_id)
        fresh = message.turn_id == begun.turn_id  # another reply reads no words twice
        if draft.prepared and fresh and "typing" in begun.person.consents:
            await signals.save_profile(conn, user_id, draft.prepared.reading, now=begun.now)
        await _record_end(conn, draft, live, state, strategy)
        await care.after_reply(
            conn, user_id=user_id, persona_id=message.persona_id, remembers="memory" in begun.person.consents
        )
    live.end(*views.ending(state, begun, draft.notice + said, reply_id, strategy, why, usage, problem, draft.prepared))


def _state(draft: Draft, live: LiveTurn) -> str:
    if draft.problem is not None:
        return "failed" if draft.first_piece is None else "interrupted"
    return "stopped" if live.stopping else "done"


async def _record_end(conn: Connection, draft: Draft, live: LiveTurn, state: str, strategy: str) -> None:
    begun, prepared, usage = draft.begun, draft.prepared, draft.usage or Usage()
    now = time.perf_counter()
    happened: list[events.Event] = [
        events.TurnFinished(
            user_id=begun.person.user_id,
            turn_id=begun.turn_id,
            conversation_id=begun.message.conversation_id,
            persona=begun.persona.persona_id,
            persona_version=begun.persona.version,
            state=state,
            strategy=strategy,
            strategy_probability=prepared.choice.probability if prepared else 1.0,
            policy_inputs=prepared.inputs.as_event() if prepared else {},
            user_type=prepared.reading.label("user_type") if prepared else "unknown",
            mood=prepared.reading.label("sentiment") if prepared else "unknown",
            valence=prepared.inputs.valence if prepared else 0.0,
            engagement=prepared.reading.label("engagement") if prepared else "unknown",
            behaviour=prepared.reading.label("behaviour") if prepared else "unknown",
            memories=len(prepared.plan.memories) if prepared else 0,
            model=usage.model,
            prompt_tokens=usage.prompt_tokens,
            cached_tokens=usage.cached_tokens,
            completion_tokens=usage.completion_tokens,
            cost_usd=usage.cost_usd,
            ttft_ms=round((draft.first_piece - begun.since) * 1000, 2) if draft.first_piece else None,
            duration_ms=round((now - begun.since) * 1000, 2),
        )
    ]
    if draft.rail:
        happened.append(
            events.RailTripped(user_id=begun.person.user_id, turn_id=begun.turn_id, side="output", rail=draft.rail)
        )
    await events.record(conn, *happened)
    observability.TURNS.labels(outcome=state).inc()
    for kind, tokens in (
        ("prompt", usage.prompt_tokens),
        ("cached", usage.cached_tokens),
        ("completion", usage.completion_tokens),
    ):
        observability.TOKENS.labels(model=usage.model or "none", kind=kind).inc(tokens)


async def _leave_edited(
    conn: Connection, person: people.Person, said: Said, turn_id: UUID
) -> alternatives.Edited | None:
    """Where an edited message belongs, what it replaces having left; None for a message that edits nothing."""
    if said.edits is None:
        return None
    edited = await alternatives.leave_edited(conn, person.user_id, said.edits, turn_id)
    row = await store.find_turn(conn, said.edits)
    assert row is not None
    await alternatives.prefer(conn, person, row, "edited", over=[said.edits])
    return edited


async def _recall_vector(engine: Engine, text: str, vector: Vector) -> Vector | None:
    """What recall searches with; a recall endpoint that is away costs this turn its meaning leg, not the turn."""
    resources = engine.resources
    if resources.recall_embed is resources.embed:
        return vector
    try:
        return (await resources.recall_embed.embed([text]))[0]
    except ModelFailed as error:
        log.warning("recall_embedder_away", error=error.detail)
        return None


def _known(known: store.KeyRow, asked: IdempotencyKey) -> Known:
    if known.body_hash != asked.body_hash:
        raise Unprocessable(
            f"The Idempotency-Key '{asked.key}' was used with another request. Use a new key for a new message."
        )
    return Known(known.turn_id)
