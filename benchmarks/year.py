"""A year of one person: what stands unchanged in the prompt from turn to turn, what a turn costs, and what is in it.

    .venv/bin/python benchmarks/year.py [--quick] [--model grok-4.3]

A seeded script of ours writes 2,000 turns over 200 conversations. In some the person tells something that no other
message tells (the evidence), in later ones they ask about it in other words. Everything goes through the real store,
and each turn's request is laid out as the engine does it (recall, pages, frame, assemble), with jobs summing up closed
conversations. Beside it, for the same turns: the last 50 messages of all time, and everything ever said.

`unchanged`: share of a prompt's tokens that begin it byte for byte as they began the one before, within a conversation.
`evidence`: share of the asked-for messages that stand in the request. Dollars by the catalogue, prompt only; `cached`
bills as cached what is unchanged (and the same for the others), which a provider may or may not do.
"""

import argparse
import asyncio
import json
import random
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np

from undertone import db, memory, postgres
from undertone.engine import budgets, context, personas, reach
from undertone.engine.strategies import CATALOGUE, DEFAULT
from undertone.guardrails.care import Duties
from undertone.llm import catalogue
from undertone.llm.embedder import MiniLM, default_embedder
from undertone.llm.offline import Offline
from undertone.people import identity
from undertone.resources import Connection, Resources
from undertone.types import Usage, Vector

BEGAN = datetime(2025, 1, 1, 19, 0, tzinfo=UTC)
THINGS = (
    "bicycle",
    "kettle",
    "violin",
    "tent",
    "lamp",
    "camera",
    "scarf",
    "notebook",
    "kayak",
    "clock",
    "rug",
    "globe",
)
NAMES = ("Ana", "Bruno", "Clara", "David", "Elif", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kaja", "Leo")
PLACES = ("Porto", "Bergen", "Lyon", "Turin", "Ghent", "Malmo", "Graz", "Cork", "Vilnius", "Split", "Bath", "Trier")
TELL = (
    (
        "{name} gave me the old {thing} that stood in the flat in {place}.",
        "Who was it that passed the {thing} on to me?",
    ),
    (
        "I lost my {thing} on the train to {place} and {name} found it.",
        "Where was I going when the {thing} went missing?",
    ),
    ("In {place} I bought a {thing} for {name}, far too expensive.", "For whom did I buy that {thing} back then?"),
)
SMALL = (
    "The day was long and the office was loud again, nothing much happened.",
    "I made soup and watched the rain for an hour, that was nice.",
    "I slept badly, the neighbours had people over until late.",
    "Went for a walk after work, the light was lovely by the river.",
    "My back hurts from the garden but the beds are done at last.",
    "I should call my parents more often, I keep putting it off.",
)
REPLY = (
    "That sounds like a full day. What was the best minute of it?",
    "I can picture it. Rain and soup go well together, and an hour of nothing is worth a lot.",
    "Thank you for telling me. I hope tonight is quieter and that you get some proper rest.",
    "The river again, I like how often it turns up. Was anyone else about, or did you have it to yourself?",
)


@dataclass(frozen=True, slots=True)
class Line:
    """What the person says in one turn; `about` is the number of the turn that holds the answer."""

    text: str
    about: int | None = None


def script(conversations: int, turns: int, dice: random.Random) -> list[list[Line]]:
    """The year: each fact is told once, and half of the facts are asked about at least ten conversations later."""
    facts = [(thing, tell, ask) for thing in THINGS for tell, ask in TELL]
    dice.shuffle(facts)
    told: list[tuple[int, int, str]] = []
    year: list[list[Line]] = []
    number = 0
    for talk in range(conversations):
        lines: list[Line] = []
        for turn in range(turns):
            due = [fact for fact in told if talk - fact[0] >= max(2, conversations // 20)]
            if turn == 3 and talk % 5 == 0 and facts:
                thing, tell, ask = facts.pop()
                told.append((talk, number, ask.format(thing=thing)))
                text = tell.format(thing=thing, name=dice.choice(NAMES), place=dice.choice(PLACES))
                lines.append(Line(f"{text} {dice.choice(SMALL)}"))
            elif turn == 6 and talk % 3 == 0 and due:
                _, source, ask = dice.choice(due)
                lines.append(Line(ask, about=source))
            else:
                lines.append(Line(f"{dice.choice(SMALL)} {dice.choice(SMALL)}"))
            number += 1
        year.append(lines)
    return year


@dataclass(slots=True)
class Way:
    """One way of filling the prompt, measured turn by turn."""

    tokens: list[int]
    unchanged: list[float]
    evidence: list[float]
    fresh: float = 0.0
    cached: float = 0.0
    before: str = ""
    over: int = 0

    def add(self, prompt: str, tokens: int, model: catalogue.Model | None, *, first: bool) -> None:
        share = 0.0 if first else _common(self.before, prompt) / max(1, len(prompt))
        self.before = prompt
        self.tokens.append(tokens)
        if not first:
            self.unchanged.append(share)
        self.fresh += catalogue.cost(model, Usage(prompt_tokens=tokens)) or 0.0
        self.cached += catalogue.cost(model, Usage(prompt_tokens=tokens, cached_tokens=int(tokens * share))) or 0.0
        self.over += bool(model and tokens > model.window)

    def figures(self) -> dict[str, Any]:
        turns = len(self.tokens)
        return {
            "tokens_per_turn": round(float(np.mean(self.tokens))),
            "tokens_last_turn": self.tokens[-1],
            "unchanged": round(float(np.mean(self.unchanged)), 4),
            "evidence": round(float(np.mean(self.evidence)), 4) if self.evidence else None,
            "usd_per_turn_uncached": round(self.fresh / turns, 6),
            "usd_per_turn_cached": round(self.cached / turns, 6),
        }


def _common(one: str, other: str) -> int:
    """Characters that two texts begin with alike."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if other.startswith(one[low:middle], low):
            low = middle
        else:
            high = middle - 1
    return low


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="40 conversations of 10 turns")
    parser.add_argument("--model", default="grok-4.3", help="whose prices")
    parser.add_argument("--windows", default="16000,32000,128000")
    parser.add_argument("--models", type=Path, default=Path("var/models"))
    given = parser.parse_args()
    windows = [int(part) for part in given.windows.split(",")]
    home = Path(tempfile.mkdtemp(prefix="undertone-year-"))
    home.chmod(0o755)
    server = postgres.start(home / "postgres", lambda line: print(line, file=sys.stderr))
    embedder = default_embedder(given.models)
    try:
        with db.scratch_database(server.dsn) as dsn:
            year = script(40 if given.quick else 200, 10, random.Random(11))
            print(json.dumps(asyncio.run(_live(dsn, embedder, year, given.model, windows))))
    finally:
        embedder.close()
        server.stop()
        shutil.rmtree(home)


async def _live(
    dsn: str, embedder: MiniLM, year: Sequence[Sequence[Line]], model_name: str, windows: Sequence[int]
) -> dict[str, Any]:
    model = catalogue.find(model_name)
    ways = defaultdict[str, Way](lambda: Way([], [], []))
    texts = sorted({line.text for talk in year for line in talk} | set(REPLY))
    vectors = dict(zip(texts, await embedder.embed(texts), strict=True))
    pool = await db.open_pool(dsn)
    told: list[str] = []
    all_said: list[str] = []
    at, dice = BEGAN, random.Random(5)
    resources = Resources(db=pool, chat=Offline(), embed=embedder, recall_embed=embedder)
    try:
        async with pool.connection() as conn:
            await personas.load_samples(conn)
            user_id = (await identity.find_or_create_user(conn, "a-year")).user_id
            mira = await personas.get(conn, "mira")
            rules = context.assemble(_given(mira, "", at, reach.Past((), whole=True), memory.Background(), []), 16_000)
            head = rules.request.messages[0].content
            for number, talk in enumerate(year):
                at += timedelta(hours=43)
                opened = await memory.open_conversation(conn, user_id, "mira", now=at)
                for place, line in enumerate(talk):
                    at += timedelta(minutes=2)
                    id = await _say(conn, user_id, opened.id, "user", line.text, at, vectors[line.text])
                    evidence = told[line.about] if line.about is not None else None
                    for window in windows:
                        plan = await _plan(
                            conn, mira, user_id, opened.id, id, line.text, vectors[line.text], at, window
                        )
                        prompt = "\n".join(m.content for m in plan.request.messages)
                        way = ways[f"undertone_{window // 1000}k"]
                        way.add(prompt, plan.prompt_tokens, model, first=place == 0)
                        if evidence is not None:
                            way.evidence.append(float(evidence in prompt))
                    for name, said in (("last_50", all_said[-50:]), ("everything", all_said)):
                        prompt = "\n".join([head, *said, line.text])
                        tokens = budgets.count(prompt) + budgets.MESSAGE_OVERHEAD * (len(said) + 2)
                        ways[name].add(prompt, tokens, model, first=place == 0)
                        if evidence is not None:
                            ways[name].evidence.append(float(evidence in prompt))
                    reply = dice.choice(REPLY)
                    at += timedelta(seconds=20)
                    await _say(conn, user_id, opened.id, "assistant", reply, at, vectors[reply])
                    told.append(line.text)
                    all_said += [line.text, reply]
                await memory.close_conversation(conn, user_id, opened.id, now=at)
                await memory.keep_told(resources, user_id, "mira", now=at)
                await memory.sum_up(resources, user_id, "mira", now=at)
                if number % 20 == 19:
                    print(f"{number + 1} conversations", file=sys.stderr)
    finally:
        await pool.close()
    asked = len(ways["everything"].evidence)
    return {
        "turns": len(told),
        "conversations": len(year),
        "asked": asked,
        "model": model_name,
        "ways": {name: way.figures() for name, way in ways.items()},
    }


async def _say(
    conn: Connection, user_id: UUID, talk: UUID, role: Any, text: str, at: datetime, vector: Vector
) -> tuple[UUID, int]:
    said = await memory.append(
        conn,
        user_id=user_id,
        conversation_id=talk,
        persona_id="mira",
        role=role,
        text=text,
        now=at,
        vector=vector,
    )
    return said.id, said.position


async def _plan(
    conn: Connection,
    mira: personas.Persona,
    user_id: UUID,
    talk: UUID,
    said: tuple[UUID, int],
    text: str,
    vector: Vector,
    at: datetime,
    window: int,
) -> context.Plan:
    """One request as `engine.preparation` lays it out."""
    id, position = said
    past = await reach.read(conn, user_id, "mira", talk, position=position, window=window)
    past = reach.Past([m for m in past.history if m.position < position], past.whole, past.pages)
    known = await memory.background(conn, user_id, "mira", talk)
    given = _given(mira, text, at, past, known, [])
    framed = context.frame(given, window)
    recalled = await memory.recall(
        conn,
        user_id,
        "mira",
        text,
        vector,
        now=at,
        budget_tokens=reach.recall_tokens(900, text),
        exclude_conversation_after=(talk, framed.shown_from),
        exclude_seqs=framed.pages_cover,
        exclude_ids=(id,),
    )
    return context.assemble(context.with_memories(given, recalled), window, framed)


def _given(
    mira: personas.Persona,
    text: str,
    at: datetime,
    past: reach.Past,
    known: memory.Background,
    recalled: Sequence[Any],
) -> context.Ingredients:
    return context.Ingredients(
        persona=mira,
        strategy=CATALOGUE[DEFAULT],
        duties=Duties(),
        text=text,
        now=at,
        history=past.history,
        whole=past.whole,
        pages=past.pages,
        memories=recalled,
        memory_tokens=900,
        card=known.card,
        summaries=known.summaries,
    )


if __name__ == "__main__":
    main()
