"""Offers over HTTP: registered by the platform, one beside a reply where the gate lets it, each decision in the log."""

import json
import re
from typing import Any

import pytest

from house import House, Person
from scripted_model import Scripted
from undertone.db import transaction
from undertone.engine.offers import MARK

ASKING = "What does a voice message cost?"


def item(name: str, **more: Any) -> dict[str, Any]:
    made = {"id": name, "title": "A voice message", "description": "A minute long.", "price": "9.99", "currency": "EUR"}
    return made | {"url": f"https://shop.test/{name}", "cues": ["voice message"]} | more


async def agrees(house: House, person: Person, purpose: str = "offers", granted: bool = True) -> None:
    answer = {"purpose": purpose, "version": "1", "granted": granted}
    assert (await house.client.post(f"/v1/users/{person.name}/consents", json=answer)).status_code == 201


async def weighed(person: Person) -> list[dict[str, Any]]:
    held = (await person.get(f"/v1/users/{person.name}/export"))["tables"]["events"]
    return [event["data"] for event in held if event["kind"] == "OfferWeighed"]


@pytest.fixture
async def sold(house: House) -> dict[str, Any]:
    offer = item("voice", personas=["theo"])
    assert (await house.client.post("/v1/offers", json=offer)).status_code == 201
    return offer


async def test_who_asks_and_agreed_sees_it_marked_at_everyones_price(
    house: House, model: Scripted, sold: dict[str, Any]
) -> None:
    seen: list[dict[str, Any]] = []
    for _ in range(2):
        somebody = house.person(persona="theo")
        await agrees(house, somebody)
        done = (await somebody.say(ASKING)).done
        seen.append(done["offer"])
        again = await somebody.get(f"/v1/turns/{done['turn']}")
        assert again["offer"] == done["offer"], "the same whenever it is looked up"
        assert again["why"]["offer_gate"] == {"reason": "asked", "against": []}
        assert [event["reason"] for event in await weighed(somebody)] == ["asked"]
        mentioned = await somebody.get(f"/v1/users/{somebody.name}/offers")
        assert [(one["offer"], one["price"]) for one in mentioned] == [("voice", "9.99")]
    assert seen[0] == seen[1]
    assert seen[0] == {
        **{name: sold[name] for name in ("id", "title", "description", "price", "currency", "url")},
        "mark": MARK,
        "reason": "asked",
    }


async def test_the_model_never_hears_of_what_is_for_sale(house: House, model: Scripted, sold: dict[str, Any]) -> None:
    sent: list[str] = []
    for agreed in (True, False):
        somebody = house.person(persona="theo")
        await agrees(house, somebody, granted=agreed)
        done = (await somebody.say(ASKING)).done
        assert bool(done["offer"]) is agreed
        sent.append(re.sub(r"Now: [^.]+ UTC", "", json.dumps(model.last.as_body())))
    assert "9.99" not in sent[0]
    assert "shop.test" not in sent[0]
    assert sent[0] == sent[1], "word for word what it hears without an offer"


async def test_every_refusal_is_logged_with_its_reason(house: House, model: Scripted, sold: dict[str, Any]) -> None:
    told = {
        "I am so sad and upset, it was a terrible day. What does a voice message cost?": "low_mood",
        "I'm a bit drunk, what does a voice message cost?": "intoxication",
        "I'm in debt. What does a voice message cost?": "debt",
        "I feel so guilty about this. What does a voice message cost?": "guilt",
        "I can't stop coming here. What does a voice message cost?": "compulsion",
        "I'm so lonely. What does a voice message cost?": "loneliness",
        "I feel so hopeless lately": "care",
        "I want to kill myself": "care",
        "It rained all day.": "not_asked",
    }
    for text, reason in told.items():
        somebody = house.person(persona="theo")
        await agrees(house, somebody)
        assert (await somebody.say(text)).done["offer"] is None, text
        (event,) = await weighed(somebody)
        assert (event["passed"], event["offer"]) == (False, None)
        assert reason in event["against"], text
        if reason != "not_asked":
            done = (await somebody.say(ASKING)).done
            assert done["offer"] is None, "an hour of peace and more after a sign of strain"
            assert {"rest", "offers_paused", "care"} & set((await weighed(somebody))[-1]["against"])
    nobody_asked = house.person(persona="theo")
    await nobody_asked.say(ASKING)
    assert (await weighed(nobody_asked))[0]["against"] == ["no_consent"]


async def test_one_a_day_whatever_the_window(house: House, model: Scripted, sold: dict[str, Any]) -> None:
    anna = house.person(persona="theo")
    await agrees(house, anna)
    assert (await anna.say(ASKING)).done["offer"]
    begun = await house.client.post("/v1/conversations", json={"user": anna.name, "persona": "theo"})
    done = (await anna.say(ASKING, conversation=begun.json()["id"])).done
    assert done["offer"] is None
    assert (await weighed(anna))[-1]["reason"] == "once_a_day"


async def test_a_day_of_peace_after_a_break(house: House, model: Scripted, sold: dict[str, Any]) -> None:
    anna = house.person(persona="theo")
    await agrees(house, anna)
    await anna.say("Hello.")
    async with house.db.connection() as conn:  # a break that ended an hour ago
        await conn.execute(
            "update admissions set cooldown_until = now() - interval '1 hour'"
            " where user_id = (select user_id from users where external_id = %s)",
            [anna.name],
        )
    assert (await anna.say(ASKING)).done["offer"] is None
    assert (await weighed(anna))[-1]["against"] == ["cool_down"]


async def test_nothing_stands_beside_a_reply_that_a_rail_cut(
    house: House, model: Scripted, sold: dict[str, Any]
) -> None:
    anna = house.person(persona="theo")
    await agrees(house, anna)
    model.will("I am not an AI, I am a real human woman. ", "Come closer.")
    done = (await anna.say(ASKING)).done
    assert done["offer"] is None
    assert (await weighed(anna))[0]["reason"] == "no_whole_reply"


async def test_a_persona_without_offers_and_a_retired_item(house: House, model: Scripted) -> None:
    await house.client.post("/v1/offers", json=item("once", personas=["theo"], cues=["violin"]))
    assert (await house.client.delete("/v1/offers/once")).status_code == 204
    assert (await house.client.delete("/v1/offers/never")).status_code == 404
    listed = {one["id"]: one["active"] for one in (await house.client.get("/v1/offers")).json()}
    assert listed["once"] is False
    anna = house.person(persona="mira")
    await agrees(house, anna)
    assert (await anna.say("What does the violin cost?")).done["offer"] is None
    assert await weighed(anna) == [], "beside Mira nothing is sold, so nothing was weighed"


@pytest.mark.parametrize(
    "wrong",
    [
        {"price": "4,99"},
        {"price": "-1"},
        {"price": 4.99},
        {"currency": "euro"},
        {"url": "http://shop.test/x"},
        {"id": "../etc"},
        {"description": "Only today!"},
        {"title": ""},
        {"discount": "5"},
    ],
)
async def test_an_item_that_cannot_be_shown_honestly_is_refused(house: House, wrong: dict[str, Any]) -> None:
    answer = await house.client.post("/v1/offers", json=item("wrong") | wrong)
    assert answer.status_code == 422
    assert answer.json()["detail"]


async def test_only_a_key_for_it_registers_and_erasing_takes_what_was_mentioned(
    house: House, model: Scripted, sold: dict[str, Any]
) -> None:
    chat_only = await house.key(scopes=["chat"])
    assert (await house.client.post("/v1/offers", json=item("mine"), headers=chat_only)).status_code == 403
    anna = house.person(persona="theo")
    await agrees(house, anna)
    await anna.say(ASKING)
    await anna.say("I'm drunk now")
    erased = (await house.client.delete(f"/v1/users/{anna.name}")).json()["erased"]
    assert erased["offer_mentions"] == 1
    assert erased["offer_rests"] == 1
    async with transaction(house.db) as conn:
        left = await (await conn.execute("select count(*) from offers where offer_id = 'voice'")).fetchone()
    assert left == (1,)


async def test_nothing_is_weighed_where_a_client_could_not_show_it(
    house: House, model: Scripted, sold: dict[str, Any]
) -> None:
    anna = house.person(persona="theo")
    await agrees(house, anna)
    await agrees(house, anna, "reminders")
    for text in (ASKING, "Remind me tomorrow to call my mum"):
        body = {"model": "undertone/theo", "user": anna.name, "messages": [{"role": "user", "content": text}]}
        assert (await house.client.post("/v1/chat/completions", json=body)).status_code == 200
    assert await weighed(anna) == []
    assert await anna.get("/v1/reminders") == []
    assert (await anna.say(ASKING)).done["offer"], "and none of it counts against later"
