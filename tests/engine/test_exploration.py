"""What the event log has of each choice, for learning: its inputs, and the probability with which it was taken."""

from typing import Any
from uuid import UUID

import pytest

from house import House, Person, open_house
from scripted_model import Scripted
from undertone.engine import policy
from undertone.engine.preparation import lot
from undertone.llm.embedder import MiniLM


async def finished(person: Person) -> list[dict[str, Any]]:
    held = (await person.get(f"/v1/users/{person.name}/export"))["tables"]["events"]
    return [event["data"] for event in held if event["kind"] == "TurnFinished"]


async def test_without_exploration_every_choice_is_certain(house: House, model: Scripted) -> None:
    anna = house.person()
    await anna.say("It rained all day, and I read by the window.")
    (event,) = await finished(anna)
    assert event["strategy_probability"] == 1.0
    inputs = event["policy_inputs"]
    assert inputs.keys() == policy.Inputs().as_event().keys()
    assert sum(inputs["posterior"].values()) == pytest.approx(1.0, abs=0.01)
    chosen = policy.choose(policy.Inputs(**inputs))
    assert chosen.strategy.id == event["strategy"], "the log alone is enough to choose once more"


async def test_a_lot_is_logged_with_its_probability_and_none_is_drawn_for_who_is_low(
    house: House, embedder: MiniLM
) -> None:
    async with open_house(house.dsn, embedder, Scripted(), explore=0.5) as trying:
        for _ in range(6):
            person = trying.person()
            await person.say("It rained all day, and I read by the window.")
            (event,) = await finished(person)
            drawn = policy.choose(
                policy.Inputs(**event["policy_inputs"]),
                tuning=policy.Tuning(explore=0.5),
                draw=lot(UUID(event["turn_id"])),
            )
            assert (event["strategy"], event["strategy_probability"]) == (drawn.strategy.id, drawn.probability)
            assert 0.0 < event["strategy_probability"] < 1.0
        low = trying.person()
        await low.say("I am so sad and upset, it was a terrible day.")
        assert (await finished(low))[0]["strategy_probability"] == 1.0
