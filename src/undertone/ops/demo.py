"""A believable month of made-up people, for looking at reports: seeded, marked, and removed by one command.

    made = await fill(pool, seed=1, people=120, now=today(), say=print, engine=engine)
    gone = await clear(pool, say=print)

Every demo person's name begins with MARK. They stand in the real tables: people, consents, events, outcomes,
incidents, visits. The referral ledger is left alone: what is written there stays. Knows no page.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from undertone import analytics
from undertone.db import transaction
from undertone.engine import Engine
from undertone.errors import Conflict
from undertone.ops import demo_store, demo_talks, demo_visits
from undertone.people import consent, identity, privacy
from undertone.resources import Pool

MARK = "demo-"
DAYS = 30
INCIDENTS = ("closed", "closed", "closed", "closed", "seen", "open")
"""What became of the latest who asked for a human."""
TYPES = {"LONELY_SINGLE": 0.34, "MARRIED_GUILTY": 0.26, "CURIOUS_TOURIST": 0.27, "HORNY_ADDICT": 0.13}
"""How common each type is among the made-up people. Invented: it says nothing about real ones."""
STRATEGIES = ("companion", "comfort", "lighten", "candid", "gentle", "unhurried", "discreet")
PERSONAS = ("mira", "theo")
Say = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Made:
    """How much was made."""

    people: int
    turns: int
    """Through the engine; the month's other turns are events only."""
    events: int
    outcomes: int
    visits: int


async def fill(pool: Pool, *, seed: int, people: int, now: datetime, say: Say, engine: Engine | None = None) -> Made:
    """Make a month that ends at `now`; with an engine a few people also say something through it.

    Raises Conflict when demo data is there already.
    """
    lot = random.Random(seed)
    events: list[demo_store.Row] = []
    outcomes = turns = 0
    await refuse_second(pool)
    if engine is not None:
        turns = await demo_talks.tell(engine, mark=MARK, now=now, say=say)
    async with transaction(pool) as conn:
        said = await demo_store.talks(conn, MARK)
        labels = _labels(lot, people)
        for n in range(people):
            person = await identity.find_or_create_user(conn, f"{MARK}{n + 1:03}")
            for purpose in ("chat", "memory", "typing"):
                await consent.answer(conn, person.user_id, purpose, "demo", True, "demo")
            told = _month(lot, person.user_id, labels[n], now)
            events += told
            outcomes += await _outcomes(conn, lot, person.user_id, told)
            say(n + 1, people)
        await demo_store.add_events(conn, events)
        asked = sorted((row for row in events if row[3].get("rail") == "asks_human"), key=lambda row: row[1])
        for row, state in zip(asked[-len(INCIDENTS) :], INCIDENTS, strict=False):
            await demo_store.add_incident(conn, row, state)
        visits = demo_visits.visits_of(random.Random(seed), [*said, *_talks(events)], now)
        await demo_store.add_visits(conn, visits)
    async with transaction(pool) as conn:
        await analytics.roll_up(conn)
        await analytics.roll_up_visits(conn, now, rebuild=True)  # visits of the past are not looked for otherwise
    return Made(people, turns, len(events), outcomes, len(visits))


async def refuse_second(pool: Pool) -> None:
    """Raises Conflict when demo data is there already."""
    async with pool.connection() as conn:
        if await demo_store.demo_people(conn, MARK):
            raise Conflict("Demo data is there already. Remove it first: undertone demo --remove")


async def clear(pool: Pool, *, say: Say) -> int:
    """Erase every demo person the way any person is erased, and make the roll-ups anew; how many there were."""
    async with pool.connection() as conn:
        found = await demo_store.demo_people(conn, MARK)
        await demo_store.remove_incidents(conn, MARK)
    for n, user_id in enumerate(found, 1):
        async with transaction(pool) as conn:
            await privacy.erase_person(conn, user_id)
        say(n, len(found))
    async with transaction(pool) as conn:
        await demo_store.remove_visits(conn)
        await analytics.roll_up(conn, rebuild=True)
    return len(found)


def _talks(events: list[demo_store.Row]) -> list[tuple[UUID, str, datetime, datetime]]:
    """Whose conversations there were, with which persona, from when to when."""
    found: dict[str, tuple[UUID, str, datetime, datetime]] = {}
    for person, at, kind, data in events:
        if kind in ("TurnStarted", "TurnFinished"):
            _, persona, began, _ = found.get(data["conversation_id"], (person, data["persona"], at, at))
            found[data["conversation_id"]] = (person, persona, began, at)
    return list(found.values())


def _labels(lot: random.Random, people: int) -> list[str]:
    """A type for each, as common as TYPES says, so that a rare one does not vanish from a small month."""
    each = [label for label, share in TYPES.items() for _ in range(round(share * people))]
    labels = each + lot.choices(list(TYPES), list(TYPES.values()), k=max(0, people - len(each)))
    lot.shuffle(labels)
    return labels


def _month(lot: random.Random, person: UUID, label: str, now: datetime) -> list[demo_store.Row]:
    """One person's talks: begun some day, fewer and fewer for some, at their hour of the day."""
    known_at, hour, loyal = lot.choice([2, 2, 3, 3, 4, 6]), lot.gauss(21, 3) % 24, lot.betavariate(2, 3)
    persona, mood = lot.choice(PERSONAS), lot.gauss(0.05, 0.2)
    rows: list[demo_store.Row] = []
    turns = 0
    first = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=lot.randint(1, DAYS))
    for day in range((now - first).days + 1):
        if day and lot.random() > loyal:
            continue
        at = first + timedelta(days=day, hours=hour + lot.gauss(0, 1))
        talk = uuid5(person, f"talk {day}")
        valence = mood + lot.gauss(0, 0.2)
        for n in range(lot.randint(2, 14)):
            at += timedelta(seconds=lot.expovariate(1 / 70) + 5)
            if at >= now:
                break
            turns += 1
            valence = max(-1.0, min(1.0, valence + lot.gauss(0.015, 0.08)))
            known = label if turns >= known_at else "undecided"
            rows += _turn(lot, person, at, talk, persona, known, valence, start=n == 0)
    return rows


def _turn(
    lot: random.Random,
    person: UUID,
    at: datetime,
    talk: UUID,
    persona: str,
    user_type: str,
    valence: float,
    *,
    start: bool,
) -> list[demo_store.Row]:
    turn = uuid5(person, at.isoformat())
    whose = {"turn_id": str(turn), "conversation_id": str(talk), "persona": persona, "persona_version": 1}
    prompt = lot.randint(900, 7000)
    cached = 0 if start else int(prompt * lot.uniform(0.6, 0.95))
    written = lot.randint(20, 160)
    ttft = lot.lognormvariate(6.2, 0.4)
    ended: dict[str, Any] = whose | {
        "state": lot.choices(["done", "stopped", "interrupted", "failed"], [96, 2, 1, 1])[0],
        "strategy": "comfort" if valence < -0.3 else lot.choice(STRATEGIES),
        "strategy_probability": 1.0,
        "policy_inputs": {},
        "user_type": user_type,
        "mood": "negative" if valence < -0.2 else "positive" if valence > 0.2 else "neutral",
        "valence": round(valence, 3),
        "engagement": lot.choices(["steady", "warming", "losing"], [6, 3, 1])[0],
        "behaviour": "ordinary",
        "memories": lot.choice([0, 0, 1, 2, 3]),
        "model": "demo-model",
        "prompt_tokens": prompt,
        "cached_tokens": cached,
        "completion_tokens": written,
        "cost_usd": round(((prompt - cached) * 1.25 + cached * 0.2 + written * 2.5) / 1e6, 6),
        "ttft_ms": round(ttft, 1),
        "duration_ms": round(ttft + written * 18, 1),
    }
    began = whose | {"characters": lot.randint(4, 300), "response_time_s": None, "typing_stops": None}
    rows = [(person, at, "TurnStarted", began), (person, at + timedelta(milliseconds=900), "TurnFinished", ended)]
    if start:
        rows.append((person, at, "NoticeShown", {"turn_id": str(turn), "reason": "start"}))
    rail = lot.choices(["", "injection", "asks_human", "concern", "crisis"], [9600, 60, 250, 60, 30])[0]
    if rail:
        rows.append((person, at, "RailTripped", {"turn_id": str(turn), "side": "input", "rail": rail}))
    if rail == "asks_human" and not start:  # who asks is told, always
        rows.append((person, at, "NoticeShown", {"turn_id": str(turn), "reason": "asked"}))
    return rows


async def _outcomes(conn: demo_store.Connection, lot: random.Random, person: UUID, told: list[demo_store.Row]) -> int:
    """Some pay, few come to harm; whoever met the crisis rail has that label."""
    kept = 0
    for _, at, kind, data in told:
        drawn = lot.random()
        if kind == "RailTripped" and data["rail"] == "crisis":
            await demo_store.add_outcome(conn, person, "crisis", at, None, data["turn_id"])
        elif kind == "TurnFinished" and drawn < 0.012:
            await demo_store.add_outcome(conn, person, "purchase", at, lot.choice([4.9, 9.9, 19.9]), data["turn_id"])
        elif kind == "TurnFinished" and drawn < 0.017:
            label = lot.choice(["complaint", "regret", "thanks", "thanks"])
            await demo_store.add_outcome(conn, person, label, at, None, data["turn_id"])
        else:
            continue
        kept += 1
    return kept


def today() -> datetime:
    """Now, to the second."""
    return datetime.now(UTC).replace(microsecond=0)
