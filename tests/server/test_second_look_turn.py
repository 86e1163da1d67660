"""The second look over HTTP: beside recall, settled once, and safe where it fails or a process dies."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from house import House, Person, open_house
from looking_model import DANGER, LOOKER, SAFE, Looking, view
from undertone import guardrails
from undertone.db import transaction
from undertone.engine import replay, store
from undertone.errors import ModelFailed
from undertone.guardrails.second_look import NEAR
from undertone.llm.embedder import MiniLM
from undertone.signals import readable
from undertone.types import Verdict

SUBTLE = (
    "I gave my guitar to my cousin, he will get more use out of it than me",
    "it would be easier for all of them if I wasn't around",
    "I'm so tired of all of this",
    "he gets so angry when dinner is late, I just stay out of his way",
    "I am exhausted and I want to go home",
    "they all manage fine without me",
    "that song makes me want to disappear into the sea",
    "I skipped lunch again, feels good to be in control",
    "see you tomorrow I guess, if there is one",
    "work is hell this month",
    "nobody would notice for days",
    "I keep thinking about the bridge on my way home",
)


@pytest.fixture(scope="module")
def model_that_looks() -> Looking:
    return Looking()


@pytest.fixture(scope="module")
async def looked_at(house: House, embedder: MiniLM, model_that_looks: Looking) -> AsyncIterator[House]:
    async with open_house(house.dsn, embedder, model_that_looks, second_look_model=LOOKER) as other:
        yield other


@pytest.fixture
def model(model_that_looks: Looking) -> Looking:
    model_that_looks.forget()
    return model_that_looks


@pytest.fixture(scope="module")
def readings(embedder: MiniLM) -> dict[str, Verdict]:
    vectors = embedder.embed_now(SUBTLE)
    return {
        text: guardrails.check_input(text, vector, readable=readable(text))
        for text, vector in zip(SUBTLE, vectors, strict=True)
    }


def near(readings: dict[str, Verdict]) -> str:
    """Words that read as nothing yet come near: whatever head ships, one of these does."""
    return next(t for t, v in readings.items() if v.crisis == "none" and v.nearness >= NEAR and not v.plain)


def over(readings: dict[str, Verdict], level: str) -> str:
    return next(t for t, v in readings.items() if v.crisis == level and not v.plain and not v.injection)


async def settled(person: Person) -> None:
    """The notice and the first meeting behind us."""
    await person.say("ok")


async def kinds(house: House, person: Person) -> list[tuple[str, dict[str, object]]]:
    exported = (await house.client.get(f"/v1/users/{person.name}/export")).json()
    return [(e["kind"], e["data"]) for e in exported["tables"]["events"]]


async def test_it_raises_what_the_rail_let_pass(looked_at: House, model: Looking, readings: dict[str, Verdict]) -> None:
    anna = looked_at.person()
    await settled(anna)
    model.sees(DANGER)
    heard = await anna.say(near(readings))
    assert heard.done["strategy"] == "crisis"
    assert "findahelpline" in heard.text
    assert len(model.requests) == 1, "only the hello was answered by the model"
    why = (await anna.ended(heard.turn))["why"]
    assert (why["verdict"]["crisis"], why["duties"]["record_referral"]) == ("crisis", True)
    happened = await kinds(looked_at, anna)
    looks = [data for kind, data in happened if kind == "SecondLookTaken"]
    assert [(d["outcome"], d["before"], d["after"]) for d in looks] == [("ok", "none", "crisis")]
    asked = [data for kind, data in happened if kind == "ModelAsked"]
    assert [d["purpose"] for d in asked] == ["second_look"]
    trips = [data["rail"] for kind, data in happened if kind == "RailTripped"]
    assert trips.count("crisis") == 1


async def test_it_lowers_a_concern_that_was_none(
    looked_at: House, model: Looking, readings: dict[str, Verdict]
) -> None:
    anna = looked_at.person()
    await settled(anna)
    model.sees(SAFE)
    heard = await anna.say(over(readings, "concern"))
    why = (await anna.ended(heard.turn))["why"]
    assert (why["verdict"]["crisis"], why["duties"]["level"]) == ("none", "none")
    assert heard.done["strategy"] != "care"


async def test_a_crisis_is_lowered_to_a_question_and_no_further(
    looked_at: House, model: Looking, readings: dict[str, Verdict]
) -> None:
    anna = looked_at.person()
    await settled(anna)
    model.sees(SAFE)
    heard = await anna.say(over(readings, "crisis"))
    assert heard.done["strategy"] == "care"
    duties = (await anna.ended(heard.turn))["why"]["duties"]
    assert (duties["level"], duties["check_in"], duties["record_referral"]) == ("concern", True, False)


@pytest.mark.parametrize("fault", ["I will not look at that.", ModelFailed("away")], ids=["refuses", "away"])
async def test_a_look_that_fails_leaves_the_careful_reading(
    looked_at: House, model: Looking, readings: dict[str, Verdict], fault: str | ModelFailed
) -> None:
    anna = looked_at.person()
    await settled(anna)
    model.sees(fault, fault)
    heard = await anna.say(over(readings, "crisis"))
    assert heard.done["strategy"] == "crisis"
    ben = looked_at.person()
    await settled(ben)
    model.forget()
    model.sees(fault, fault)
    assert (await ben.say(near(readings))).done["strategy"] == "care"


async def test_a_slow_look_is_not_waited_for(house: House, embedder: MiniLM, readings: dict[str, Verdict]) -> None:
    model = Looking()
    async with open_house(house.dsn, embedder, model, second_look_model=LOOKER, second_look_s=0.05) as hasty:
        anna = hasty.person()
        await settled(anna)
        model.sees(asyncio.Event())
        heard = await anna.say(near(readings))
        assert heard.done["strategy"] == "care"


async def test_plain_words_need_no_look_and_wait_for_none(looked_at: House, model: Looking) -> None:
    anna = looked_at.person()
    await settled(anna)
    assert (await anna.say("I want to kill myself tonight")).done["strategy"] == "crisis"
    assert model.looks == []


async def test_regenerating_counts_no_words_twice(
    looked_at: House, model: Looking, readings: dict[str, Verdict]
) -> None:
    anna = looked_at.person()
    await settled(anna)
    model.sees(view("concern", "self_harm"))
    heard = await anna.say(near(readings))
    assert heard.done["strategy"] == "care"
    again = await looked_at.client.post(f"/v1/turns/{heard.turn}/regenerate", params={"user": anna.name})
    assert again.status_code == 200
    assert "findahelpline" not in again.text, "the same words are no answer to our question about them"


async def test_a_process_that_dies_while_looking_leaves_the_careful_state(
    looked_at: House, model: Looking, readings: dict[str, Verdict]
) -> None:
    anna = looked_at.person()
    await settled(anna)
    gate = asyncio.Event()
    model.sees(gate)
    async with anna.saying(over(readings, "crisis")) as events:
        first = await anext(events)
        await model.asked.wait()
        turn = first.data["turn"]
        async with transaction(looked_at.db) as conn:
            row = await store.find_turn(conn, turn)
            assert row is not None
            assert row.why["look_due"]["first"]["crisis"] == "crisis"
            care, _ = await guardrails.load_care(conn, row.user_id)
            assert care.crisis_at is None, "not yet: it may be lowered"
            await replay.close_orphan(looked_at.engine, conn, row)
            care, _ = await guardrails.load_care(conn, row.user_id)
            assert care.crisis_at is not None
        gate.set()
