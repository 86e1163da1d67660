"""Two replicas on one database: no window, conversation, client, door or clock leads round a pause or a notice.

Walks of messages are dealt over two whole apps and both HTTP doors; an oracle with its own clock says what each one
owes. Time passes by moving what the database remembers into the past, never by waiting.
"""

import json
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from house import House, open_house
from scripted_model import Scripted
from undertone.guardrails.care import CRISIS_PAUSE, CareState, advance, merge
from undertone.guardrails.disclosure import EVERY, NOTICE
from undertone.llm.embedder import MiniLM
from undertone.types import Verdict

CALM = ("I walked along the river today.", "My brother bakes bread on Sundays.", "The soup was lovely.", "I like tea.")
ASKS = ("are you a real person", "are you human?", "is this a bot")
CRISIS = "I want to kill myself tonight."
MOVED = {
    "care_states": "crisis_at concern_at referred_at alerted_at checked_in_at romance_until offers_until disclosed_at",
    "admissions": "minute_began day_began cooldown_until excluded_until",
}
"""What the database remembers of a person by time."""


@dataclass
class Replicas:
    """Two apps, one database."""

    houses: tuple[House, House]

    async def pass_time(self, name: str, span: timedelta) -> None:
        """So much later, as the database sees it: everything it remembers of this person is so much longer ago."""
        async with self.houses[0].db.connection() as conn:
            for table, columns in MOVED.items():
                moved = ", ".join(f"{column} = {column} - %(span)s" for column in columns.split())
                theirs = "user_id = (select user_id from users where external_id = %(name)s)"
                query = f"update {table} set {moved} where {theirs}"
                await conn.execute(query, {"span": span, "name": name})  # pyright: ignore[reportArgumentType]


@pytest.fixture(scope="module")
async def replicas(
    new_database: Callable[..., str], migrated_template: str, embedder: MiniLM
) -> AsyncIterator[Replicas]:
    dsn = new_database(migrated_template)
    async with open_house(dsn, embedder, Scripted()) as one, open_house(dsn, embedder, Scripted()) as other:
        yield Replicas((one, other))


@dataclass
class Oracle:
    """What is owed, by a clock that only the walk moves."""

    now: timedelta = timedelta()
    noticed: timedelta | None = None
    paused_until: timedelta = timedelta()
    closed_until: timedelta = timedelta()

    def closed(self) -> bool:
        return self.now < self.closed_until

    def notice_due(self, asks: bool) -> bool:
        return self.noticed is None or asks or self.now - self.noticed >= EVERY

    def said(self, text: str, asks: bool, crisis: bool) -> None:
        if self.notice_due(asks):
            self.noticed = self.now
        if crisis:
            self.paused_until = self.now + CRISIS_PAUSE


@dataclass
class Client:
    """Somebody who tries every way in: either replica, either door, a new conversation, a wrong clock."""

    replicas: Replicas
    name: str
    luck: random.Random
    conversations: list[str] = field(default_factory=list[str])

    async def say(self, text: str) -> tuple[int, str, dict[str, Any]]:
        """Status, what was read, and why: from a replica and a door chosen by luck."""
        house = self.luck.choice(self.replicas.houses)
        other = self.luck.choice(self.replicas.houses)
        clock = datetime.now(UTC) + timedelta(hours=self.luck.choice((-48, 0, 72)))
        headers = {"Date": f"{clock:%a, %d %b %Y %H:%M:%S GMT}", "X-Forwarded-For": f"10.0.0.{self.luck.randint(1, 9)}"}
        if self.luck.random() < 0.4:
            return await self._openai(house, other, text, headers)
        body: dict[str, Any] = {"user": self.name, "persona": self.luck.choice(("mira", "theo")), "message": text}
        if self.luck.random() < 0.4:
            made = await house.client.post("/v1/conversations", json={"user": self.name, "persona": body["persona"]})
            body["conversation"] = made.json()["id"]
        if self.luck.random() < 0.3:
            body["response_time_s"] = self.luck.choice((0.0, 86_400.0))
        answer = await house.client.post("/v1/chat", json=body, headers=headers)
        if answer.status_code != 200:
            return answer.status_code, answer.text, {}
        turn = answer.text.partition('"turn":')[2].split('"')[1]
        done = await other.client.get(f"/v1/turns/{turn}/stream")  # read back at the other replica
        assert done.status_code == 200
        return 200, answer.text, (await other.client.get(f"/v1/turns/{turn}")).json()

    async def _openai(
        self, house: House, other: House, text: str, headers: dict[str, str]
    ) -> tuple[int, str, dict[str, Any]]:
        resent = [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Hi."}]
        history = resent if self.luck.random() < 0.5 else []
        answer = await house.client.post(
            "/v1/chat/completions",
            json={
                "model": "undertone/mira",
                "user": self.name,
                "messages": [*history, {"role": "user", "content": text}],
            },
            headers=headers,
        )
        if answer.status_code != 200:
            return answer.status_code, answer.text, {}
        told = answer.json()
        why = await other.client.get(f"/v1/turns/{told['undertone']['turn']}")
        return 200, told["choices"][0]["message"]["content"], why.json()


@pytest.mark.parametrize("seed", range(8))
async def test_no_walk_over_both_replicas_leads_round_a_pause_or_a_notice(replicas: Replicas, seed: int) -> None:
    luck = random.Random(seed)
    client, oracle = Client(replicas, f"walker-{seed}", luck), Oracle()
    for _ in range(22):
        deed = luck.choices(("say", "ask", "crisis", "wait", "close"), (8, 3, 1, 5, 1))[0]
        if deed == "wait":
            span = timedelta(minutes=luck.choice((1, 30, 65, 118, 121, 300, 1_500, 4_400)))
            oracle.now += span
            await replicas.pass_time(client.name, span)
            continue
        if deed == "close":
            if oracle.noticed is None:
                continue  # nobody is known by this name yet
            kind, hours = luck.choice((("cool_down", 1), ("cool_down", 5), ("self_exclusion", 24)))
            house = luck.choice(replicas.houses)
            answer = await house.client.post(f"/v1/users/{client.name}/time-off", json={"kind": kind, "hours": hours})
            assert answer.status_code == 201, answer.text
            oracle.closed_until = max(oracle.closed_until, oracle.now + timedelta(hours=hours))
            continue
        text = luck.choice({"say": CALM, "ask": ASKS, "crisis": (CRISIS,)}[deed])
        status, heard, why = await client.say(text)
        assert (status == 429) == oracle.closed(), f"{deed} at {oracle.now}: {status} {heard}"
        if oracle.closed():
            assert "retry-after" not in heard or "findahelpline" in heard
            continue
        assert status == 200, heard
        assert (NOTICE["en"] in heard) == oracle.notice_due(deed == "ask"), f"{deed} at {oracle.now}"
        oracle.said(text, deed == "ask", deed == "crisis")
        duties = why["why"]["duties"]
        assert duties["say_crisis_words"] == (deed == "crisis")
        if oracle.now < oracle.paused_until:
            assert duties["romance_paused"], f"at {oracle.now}"
            assert duties["offers_paused"]
            assert duties["level"] == "crisis"


async def test_a_reader_who_reconnects_elsewhere_reads_the_same_notice(replicas: Replicas) -> None:
    one, other = replicas.houses
    async with one.client.stream(
        "POST", "/v1/chat", json={"user": "reconnects", "persona": "mira", "message": "Hello there."}
    ) as answer:
        turn = answer.headers.get("x-turn") or (await _first(answer))["turn"]
    again = await other.client.get(f"/v1/turns/{turn}/stream")
    assert NOTICE["en"] in again.text


async def _first(answer: httpx.Response) -> dict[str, Any]:
    async for line in answer.aiter_lines():
        if line.startswith("data: "):
            return json.loads(line.removeprefix("data: "))
    raise AssertionError


class TwoReplicas(RuleBasedStateMachine):
    """Replicas that load, decide and save in any interleaving; the database keeps the later of each moment."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = datetime(2026, 3, 1, tzinfo=UTC)
        self.stored = CareState()
        self.loaded = [CareState(), CareState()]
        self.last_crisis: datetime | None = None
        self.before = CareState()

    @initialize()
    def first_message(self) -> None:
        self.stored, duties = advance(self.stored, Verdict(), self.clock)
        assert duties.disclose == "start"

    @rule(which=st.integers(0, 1))
    def a_replica_loads(self, which: int) -> None:
        self.loaded[which] = self.stored

    @rule(minutes=st.integers(0, 5_000))
    def time_passes(self, minutes: int) -> None:
        self.clock += timedelta(minutes=minutes)

    @rule(
        which=st.integers(0, 1),
        crisis=st.sampled_from(["none", "none", "concern", "crisis"]),
        asks=st.booleans(),
        fresh=st.booleans(),
    )
    def a_message(self, which: int, crisis: Any, asks: bool, fresh: bool) -> None:
        """At a replica that has just loaded, or decides on what it loaded before."""
        self.before = self.stored
        held = self.stored if fresh else self.loaded[which]
        state, duties = advance(held, Verdict(crisis=crisis, asks_human=asks), self.clock)
        self.stored = merge(self.stored, state)
        self.loaded[which] = self.stored
        if crisis == "crisis":
            self.last_crisis = self.clock
            assert duties.say_crisis_words
            assert duties.record_referral
        assert not asks or duties.disclose, "who asks is told, however stale the replica"
        if fresh and self.last_crisis is not None and self.clock - self.last_crisis < CRISIS_PAUSE:
            assert duties.romance_paused
            assert duties.offers_paused
        if fresh and self.before.disclosed_at is not None and self.clock - self.before.disclosed_at >= EVERY:
            assert duties.disclose

    @invariant()
    def a_crisis_pauses_to_its_end(self) -> None:
        if self.last_crisis is not None:
            assert self.stored.romance_until is not None
            assert self.stored.romance_until >= self.last_crisis + CRISIS_PAUSE
            assert self.stored.offers_until is not None
            assert self.stored.offers_until >= self.last_crisis + CRISIS_PAUSE

    @invariant()
    def nothing_moves_back(self) -> None:
        for name in ("crisis_at", "romance_until", "offers_until", "disclosed_at", "referred_at"):
            earlier, later = getattr(self.before, name), getattr(self.stored, name)
            assert earlier is None or later >= earlier


TestTwoReplicas = TwoReplicas.TestCase
TestTwoReplicas.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
