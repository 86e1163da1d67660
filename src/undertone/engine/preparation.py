"""Between a stored message and the model: one short read, then signals, policy and context, all of them pure.

    read = await read_past(engine, begun)
    prepared = await prepare(engine, begun, read)

The only place that brings the middle rooms together before the model speaks. Knows no HTTP and stores nothing.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from undertone import guardrails, memory, signals
from undertone.db import transaction
from undertone.engine import asides, budgets, context, greetings, lore, policy, reach, sent, store
from undertone.engine.nouns import Aside, Begun, Engine, Prepared
from undertone.engine.personas import Persona
from undertone.engine.strategies import CATALOGUE, DEFAULT, prompt
from undertone.observability import RECALL_SECONDS
from undertone.types import Memory, Message, Reading

CONTINUE = "(Nothing new was said. Go on from where your last message ended, without repeating it.)"
OFFLINE_LOOKS_BACK = 40
"""A model reads this conversation itself; the offline composer is handed the person's last messages of it."""


@dataclass(frozen=True, slots=True)
class Read:
    """What the short read brought."""

    profile: signals.Profile | None
    turns: Sequence[memory.UserTurn]
    background: memory.Background
    given: context.Ingredients
    """What the request is laid out from; how to reply is not chosen yet."""
    framed: context.Frame
    window: int
    previous: str | None
    recalled: Sequence[Memory]
    aside: Aside
    gap: timedelta | None
    """Since they last spoke with this persona; None within a conversation and for who never did."""


async def prepare(engine: Engine, begun: Begun, read: Read) -> Prepared:
    """Read the person and lay out the request for one message. `begun` may know more by now than when it was read."""
    if begun.duties.level != "none":
        read = replace(read, aside=replace(read.aside, wish=None))
    read = replace(read, given=replace(read.given, duties=begun.duties))
    reading = signals.read(
        await _observations(engine, begun, read.turns),
        read.profile.state if read.profile else None,
        typing="typing" in begun.person.consents,
        types=engine.types,
    )
    stated = reading.signals["stated"].detail["active"]
    inputs = policy.inputs_from(
        reading,
        begun.duties,
        corrected=read.profile.corrected if read.profile else None,
        persona_flirts=begun.persona.flirts and "no_flirting" not in stated,
        persona_offers=begun.persona.offers,
        variant=engine.tuning.name,
    )
    choice = policy.choose(inputs, read.previous, tuning=engine.tuning, draw=lot(begun.turn_id))
    before = read.given.history
    given = replace(
        read.given,
        strategy=choice.strategy,
        flirtation=choice.flirtation,
        memories=read.recalled,
        lorebook=lore.fire(begun.persona, before, begun.message.text, read.window, read.given.bytes_per_token),
        reminder=_reminder_note(read.aside, begun),
        away=greetings.in_words(read.gap),
    )
    plan = context.assemble(given, read.window, read.framed)
    hints = _hints(engine, begun, plan, choice, reading, before) | {"away": greetings.away(read.gap)}
    plan = replace(plan, request=replace(plan.request, hints=hints))
    layout, texts = sent.fold(
        plan.request,
        before,
        _quotes(begun, plan, read.background),
        conversation_id=begun.message.conversation_id,
        at=begun.now,
        bytes_per_token=given.bytes_per_token,
        persona_id=begun.message.persona_id,
        pages=read.framed.pages,
    )
    said = 1 + sum(m.role == "user" for m in before)
    offer = asides.weigh(read.aside, begun, choice, said, engine.offers_per_week)
    return Prepared(reading, choice, inputs, plan, layout, tuple(texts), read.aside, offer)


def _quotes(begun: Begun, plan: context.Plan, known: memory.Background) -> list[sent.Quote]:
    """Whose words may stand in the request, in the order in which they do; the history goes by itself."""
    return [
        *(sent.Quote("card", id, line) for id, line in zip(known.card_ids, known.card, strict=True)),
        *(sent.Quote("summaries", id, line) for id, line in zip(known.summary_ids, known.summaries, strict=True)),
        *(sent.Quote("memories", m.id, m.text) for m in plan.memories),
        sent.Quote("message", begun.message.id, begun.message.text),
    ]


async def read_past(engine: Engine, begun: Begun) -> Read:
    """The short read: all that is stored about the person and matters for this message."""
    user_id, message = begun.person.user_id, begun.message
    remembers = "memory" in begun.person.consents
    room = budgets.fit(begun.persona.model or engine.model, engine.window, over_step=engine.over_step)
    shares = "sharing" in begun.person.consents
    async with transaction(engine.resources.db) as conn:
        profile = await signals.load_profile(conn, user_id) if "typing" in begun.person.consents else None
        turns = await memory.recent_user_turns(conn, user_id, message.conversation_id)
        past = await reach.read(
            conn,
            user_id,
            message.persona_id,
            message.conversation_id,
            position=message.position,
            window=room.tokens,
            remembers=remembers,
        )
        previous = await store.last_strategy(conn, user_id, message.conversation_id, begun.turn_id)
        background = (
            await memory.background(conn, user_id, message.persona_id, message.conversation_id, across_personas=shares)
            if remembers
            else memory.Background()
        )
        given = _given(engine, begun, past, background, room)
        framed = context.frame(given, room.tokens)
        recalled: Sequence[Memory] = ()
        if remembers and not message.quarantined:
            with RECALL_SECONDS.time():
                recalled = await memory.recall(
                    conn,
                    user_id,
                    message.persona_id,
                    message.text,
                    begun.recall_vector,
                    now=begun.now,
                    budget_tokens=reach.recall_tokens(engine.memory_tokens, message.text),
                    exclude_conversation_after=(message.conversation_id, framed.shown_from),
                    exclude_seqs=framed.pages_cover,
                    exclude_ids=(message.id,),
                    across_personas=shares,
                )
                woken = await memory.wake(conn, user_id, message.persona_id, message.text, now=begun.now)
            recalled = [*woken, *recalled]
        aside = await asides.look(conn, begun)
        fresh = not any(m.position < message.position for m in past.history)
        last = await memory.last_said(conn, user_id, message.persona_id, before=message.id) if fresh else None
        if last is not None and await guardrails.limits_store.contact_stopped(conn, user_id):
            last = None  # who wants no contact is not greeted for having been away
    gap = begun.now - last if last is not None else None
    return Read(profile, turns, background, given, framed, room.tokens, previous, recalled, aside, gap)


def _given(
    engine: Engine, begun: Begun, past: reach.Past, background: memory.Background, room: budgets.Window
) -> context.Ingredients:
    """All that is known of the request before recall; the strategy stands in for the one that is chosen later."""
    goes_on = begun.kind == "continue"
    model = begun.persona.model or engine.model
    return context.Ingredients(
        persona=begun.persona,
        strategy=CATALOGUE[DEFAULT],
        duties=begun.duties,
        text=CONTINUE if goes_on else begun.message.text,
        now=begun.now,
        history=[m for m in past.history if goes_on or m.position < begun.message.position],
        whole=past.whole,
        pages=past.pages,
        memory_tokens=engine.memory_tokens,
        card=background.card,
        summaries=background.summaries,
        platform_note=begun.platform_note,
        model=model,
        cache_key=str(begun.message.conversation_id),
        canary=canary(begun.persona),
        bytes_per_token=engine.tokens.of(model),
        room=room.why,
    )


def _reminder_note(aside: Aside, begun: Begun) -> str:
    """What the model should know of a reminder, so that it promises nothing the engine does not keep."""
    if aside.wish is None:
        return ""
    if "reminders" not in begun.person.consents:
        return "They ask to be reminded; below your reply they are asked whether that may be. Promise nothing."
    when = aside.wish.due_at.astimezone(aside.place.zone)
    return f"They ask to be reminded; it is set for {when:%A %d %B, %H:%M} and they are told. Promise nothing more."


def lot(turn_id: UUID) -> float:
    """A number in [0, 1) that belongs to this turn, so that exploration is repeatable."""
    return int.from_bytes(hashlib.blake2b(turn_id.bytes, digest_size=6).digest()) / 2**48


async def _observations(engine: Engine, begun: Begun, turns: Sequence[memory.UserTurn]) -> list[signals.Observation]:
    """The person's turns with built-in vectors; stored ones are used where recall keeps the same kind."""
    same = engine.resources.recall_embed is engine.resources.embed
    missing = [
        t.message.text for t in turns if t.message.id != begun.message.id and not (same and t.vector is not None)
    ]
    fresh = iter(await engine.resources.embed.embed(missing)) if missing else iter(())
    found: list[signals.Observation] = []
    for turn in turns:
        spoken = turn.message
        if spoken.position > begun.message.position:
            continue
        if spoken.id == begun.message.id:
            vector = begun.vector
        else:
            vector = turn.vector if same and turn.vector is not None else next(fresh)
        found.append(
            signals.Observation(spoken.text, vector, spoken.created_at, spoken.response_time_s, spoken.typing_stops)
        )
    return found


def canary(persona: Persona) -> str:
    """A string that stands in the rules of this persona version and never in an honest reply."""
    return "ref-" + hashlib.sha256(f"{persona.persona_id}/{persona.version}/{persona.voice}".encode()).hexdigest()[:16]


def output_rail(begun: Begun) -> guardrails.OutputRail:
    """What holds a reply to this message back: the rules' own words leak them, and who asks or leaves is told more."""
    return guardrails.OutputRail(
        begun.persona.name,
        (canary(begun.persona),),
        protected=(prompt("rules"),),
        language=begun.person.language or "en",
        asked=begun.verdict.asks_human,
        leaving=guardrails.takes_leave(begun.message.text),
    )


def _hints(
    engine: Engine,
    begun: Begun,
    plan: context.Plan,
    choice: policy.Choice,
    reading: Reading,
    before: Sequence[Message],
) -> dict[str, Any]:
    """What the offline composer works from; endpoints never see it."""
    persona, strategy = begun.persona, choice.strategy
    return {
        "persona": {"name": persona.name, "greeting": persona.greeting, "phrases": dict(persona.phrases)},
        "strategy": {
            "id": strategy.id,
            "tone": strategy.tone,
            "questions": strategy.questions,
            "length": strategy.length,
        },
        "memories": [memory.text for memory in plan.memories if memory.role != "assistant"]
        + [message.text for message in reversed(before) if message.role == "user"][:OFFLINE_LOOKS_BACK],
        "user_text": begun.message.text,
        "mood": reading.label("sentiment", "neutral"),
        "asks_human": begun.verdict.asks_human,
        "seed": str(begun.turn_id),
        "delay_ms": engine.offline_delay_ms,
        "first_meeting": not before,
        "continues": begun.kind == "continue",
        "language": begun.person.language or "en",
    }
