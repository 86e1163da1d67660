"""Golden requests: what exactly the provider gets when the same words come from different people.

The expected bodies are in golden/requests.json. After a wanted change of a prompt or of the layout, write them anew
with UNDERTONE_GOLDEN=write and read the difference before it is committed.
"""

import json
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from house import House, Person, open_house
from scripted_model import Scripted
from undertone.db import transaction
from undertone.engine import personas
from undertone.engine.strategies import CATALOGUE
from undertone.llm.embedder import MiniLM
from undertone.people import identity
from undertone.signals import reader as type_reader
from undertone.signals.store import save_profile
from undertone.types import Reading, Signal

GOLDEN = Path(__file__).parent / "golden" / "requests.json"
SAME = "What do you think I should do this weekend?"
BRIGHT = "I had a wonderful day, I am so happy about it!"
LOW = "I am so sad and upset, it was a terrible day."
TYPED = {
    "MARRIED_GUILTY": "discreet",
    "LONELY_SINGLE": "companion",
    "HORNY_ADDICT": "unhurried",
    "CURIOUS_TOURIST": "candid",
}


async def read_as(house: House, person: Person, **state: Mapping[str, Any]) -> None:
    """Make the profile of somebody who was read like this before."""
    async with transaction(house.db) as conn:
        user = await identity.find_or_create_user(conn, str(person.name))
        label = str(state.get("user_type", {}).get("label", "undecided"))
        reading = Reading({"user_type": Signal("user_type", label, 0.99)}, state)
        await save_profile(conn, user.user_id, reading, now=datetime.now(UTC))


def sure_of(label: str) -> dict[str, Any]:
    """The state of the user type detector after five messages that all spoke for one type."""
    logits = [25.0 if name == label else 0.0 for name in type_reader().model.labels]
    evidence = {"words": logits, "timing": [0.0] * len(logits), "whole": [0.0] * len(logits), "messages": 5, "timed": 0}
    return {"evidence": evidence, "label": label, "decided_at": 3}


async def request_of(house: House, model: Scripted, text: str = SAME, **state: Mapping[str, Any]) -> dict[str, Any]:
    """The exact request for this message from somebody new who was read like this, the clock set aside."""
    person = house.person()
    if state:
        await read_as(house, person, **state)
    done = (await person.say(text, debug=True)).done
    assert done["debug"]["request"] == model.last.as_body()
    return json.loads(re.sub(r"Now: [^.]+ UTC\.", "Now: (the time).", json.dumps(model.last.as_body())))


async def everybody(house: House, model: Scripted) -> dict[str, dict[str, Any]]:
    """The request by the strategy it should carry."""
    usual = {"length": 5.5, "question": 0.9, "initiative": 0.1, "depth": 0.8}
    fading = {"messages": 12, "usual": usual, "trend": -0.2, "label": "losing", "last_at": "2026-01-01T12:00:00+00:00"}
    return {
        "gentle": await request_of(house, model),
        **{f"{label}, bright": await request_of(house, model, BRIGHT, user_type=sure_of(label)) for label in TYPED},
        **{f"{label}, low": await request_of(house, model, LOW, user_type=sure_of(label)) for label in TYPED},
        **{strategy: await request_of(house, model, user_type=sure_of(name)) for name, strategy in TYPED.items()},
        "comfort": await request_of(house, model, LOW),
        "lighten": await request_of(house, model, "ok", engagement=fading),
        "care": await request_of(house, model, "I feel so hopeless lately"),
    }


async def test_each_request_is_the_golden_one(house: House, model: Scripted) -> None:
    found = await everybody(house, model)
    if os.environ.get("UNDERTONE_GOLDEN") == "write":
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
    assert found == json.loads(GOLDEN.read_text("utf-8"))


async def test_the_same_words_from_four_people_differ_in_the_strategy_alone(house: House, model: Scripted) -> None:
    async with house.db.connection() as conn:
        mira = await personas.get(conn, "mira")
    plain = await request_of(house, model)
    for name, strategy in TYPED.items():
        request = await request_of(house, model, user_type=sure_of(name))
        chosen = CATALOGUE[strategy]
        block = f"{chosen.block('none' if name != 'CURIOUS_TOURIST' else 'light')}\n</notes>\n\n{SAME}"
        assert request["messages"][-1]["content"].endswith(block)
        assert request["temperature"] == pytest.approx(mira.temperature + chosen.temperature)
        assert request["max_tokens"] == min(mira.max_tokens, chosen.max_tokens)
        assert request.get("stop", []) == list(chosen.stop)
        assert request["messages"][:-1] == plain["messages"][:-1]
        head = plain["messages"][-1]["content"].split("How to reply")[0]
        assert request["messages"][-1]["content"].startswith(head)


async def test_every_strategy_of_the_catalogue_has_a_golden_request() -> None:
    golden = json.loads(GOLDEN.read_text("utf-8"))
    assert golden.keys() >= CATALOGUE.keys()
    for name in CATALOGUE:
        assert CATALOGUE[name].words in golden[name]["messages"][-1]["content"]


async def test_the_mood_of_this_message_decides_for_every_type() -> None:
    golden = json.loads(GOLDEN.read_text("utf-8"))
    for label, strategy in TYPED.items():
        assert f"How to reply ({strategy})" in golden[f"{label}, bright"]["messages"][-1]["content"]
        assert "How to reply (comfort)" in golden[f"{label}, low"]["messages"][-1]["content"]


async def test_memories_stand_inside_the_last_user_turn_alone(house: House, model: Scripted) -> None:
    anna = house.person()
    told = ["My sister Ana lives in Porto.", "Ana keeps bees in Porto.", "My brother bakes rye bread."]
    for text in told:
        await anna.say(text)
    begun = await house.client.post("/v1/conversations", json={"user": anna.name})
    for text in ("What does Ana keep in Porto?", "And what does my brother bake?"):
        done = (await anna.say(text, conversation=begun.json()["id"])).done
        recalled = [memory["text"] for memory in done["memories"]]
        assert recalled
        above = json.dumps(model.last.as_body()["messages"][:-1])
        assert not [words for words in told if words in above]
        notes, _, words = model.last_words.partition("\n</notes>\n\n")
        assert all(text in notes for text in recalled)
        assert words == text


async def test_all_but_the_last_turn_is_byte_for_byte_the_turn_before(
    house: House, model: Scripted, embedder: MiniLM
) -> None:
    """Sixty turns in a window that cannot hold them: a changed beginning is what a provider bills in full."""
    speaker = Scripted()
    reply = "The sea was green and calm today, and the kettle sang for a long while. " * 6
    async with open_house(house.dsn, embedder, speaker, context_tokens=8_000) as small:
        anna = small.person()
        for number in range(60):
            speaker.will(reply)
            await anna.say(f"Today is day {number} by the sea, and my sister Ana sent honey.")
    sent = [[json.dumps([m.role, m.content]) for m in request.messages] for request in speaker.requests]
    assert len(sent) == 60
    kept = [after[: len(before) - 1] == before[:-1] for before, after in pairwise(sent)]
    share = sum(kept) / len(kept)
    print(f"prefix unchanged in {share:.1%} of {len(kept)} turns; messages at last {len(sent[-1])}")
    assert len(sent[-1]) < 2 * 60, "the window must be too small for this test to say anything"
    assert share >= 0.9
    assert not [turn for turn in sent if any("Recalled, in the words" in part for part in turn[:-1])]
