"""Limits over HTTP: time, spending, breaks, time off and no contact hold in every window and at both doors."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from house import House, Person, open_house
from scripted_model import Scripted
from undertone.db import transaction
from undertone.engine import deliveries
from undertone.llm.embedder import MiniLM
from undertone.people import identity

Way = Callable[[House, Person], Awaitable[httpx.Response]]
CALM = "The soup turned out nicely today"


async def limits(person: Person) -> dict[str, Any]:
    return await person.get(f"/v1/users/{person.name or 'me'}/limits")


async def put(house: House, person: Person, path: str, body: dict[str, Any]) -> httpx.Response:
    who = person.name or "me"
    return await house.client.put(f"/v1/users/{who}/{path}", json=body, headers=person.headers)


async def time_off(house: House, person: Person, kind: str, hours: int) -> httpx.Response:
    body = {"kind": kind, "hours": hours}
    return await house.client.post(f"/v1/users/{person.name or 'me'}/time-off", json=body, headers=person.headers)


async def back(house: House, name: str | None, by: timedelta) -> None:
    """Let time pass for somebody: their counters as if all of it had been earlier."""
    async with transaction(house.db) as conn:
        user = await identity.find_user(conn, str(name))
        await conn.execute(
            "update admissions set last_at = last_at - %(by)s, unbroken_since = unbroken_since - %(by)s,"
            " day_began = day_began - %(by)s, minute_began = minute_began - %(by)s,"
            " break_said_at = break_said_at - %(by)s where user_id = %(user)s",
            {"by": by, "user": user.user_id},
        )
        await conn.execute(
            "update person_limits set later_at = later_at - %(by)s where user_id = %(user)s",
            {"by": by, "user": user.user_id},
        )


async def talk(house: House, person: Person, minutes: int) -> None:
    """Talk for so long, a message every four minutes."""
    await person.say(CALM)
    for _ in range(minutes // 4):
        await back(house, person.name, timedelta(minutes=4))
        await person.say(CALM)


async def by_chat(house: House, person: Person) -> httpx.Response:
    return await person.post(CALM)


async def by_openai(house: House, person: Person) -> httpx.Response:
    body = {"model": "undertone/mira", "user": person.name, "messages": [{"role": "user", "content": CALM}]}
    return await house.client.post("/v1/chat/completions", json=body)


async def by_new_conversation(house: House, person: Person) -> httpx.Response:
    made = await house.client.post("/v1/conversations", json={"user": person.name, "persona": "theo"})
    person = Person(person.client, person.name, persona="theo")
    return await person.post(CALM, conversation=made.json()["id"])


async def by_token(house: House, person: Person) -> httpx.Response:
    return await (await house.token_of(person)).post(CALM)


async def by_regenerating(house: House, person: Person) -> httpx.Response:
    listed = await person.get("/v1/conversations")
    conversation = next(one["id"] for one in listed if one["messages"])
    said = await person.get(f"/v1/conversations/{conversation}/messages")
    return await house.client.post(f"/v1/turns/{said[-1]['turn']}/regenerate", params={"user": person.name})


WAYS: tuple[Way, ...] = (by_chat, by_openai, by_new_conversation, by_token, by_regenerating)


@pytest.mark.parametrize("kind", ["cool_down", "self_exclusion"])
async def test_time_off_holds_at_every_door_and_on_another_process(
    house: House, embedder: MiniLM, model: Scripted, kind: str
) -> None:
    anna = house.person()
    await anna.say(CALM)
    taken = await time_off(house, anna, kind, 48)
    assert taken.status_code == 201
    for way in WAYS:
        refused = await way(house, anna)
        assert refused.status_code == 429, way.__name__
        assert "findahelpline.com" in refused.text
    async with open_house(house.dsn, embedder, Scripted()) as other:
        assert (await Person(other.client, anna.name).post(CALM)).status_code == 429
    before = (await limits(anna))[{"cool_down": "cool_down_until", "self_exclusion": "excluded_until"}[kind]]
    shorter = await time_off(house, anna, kind, 24)
    assert before in shorter.json().values(), "it can be made longer, never shorter"


async def test_time_off_has_its_bounds(house: House, model: Scripted) -> None:
    anna = house.person()
    assert (await time_off(house, anna, "cool_down", 721)).status_code == 422
    assert (await time_off(house, anna, "self_exclusion", 23)).status_code == 422
    assert (await time_off(house, anna, "holiday", 48)).status_code == 422


async def test_a_days_minutes_are_counted_by_our_clock_and_closed_at_every_door(house: House, model: Scripted) -> None:
    anna = house.person()
    await talk(house, anna, 12)
    assert (await limits(anna))["minutes_today"] == 12
    assert (await put(house, anna, "limits", {"minutes_a_day": 10})).status_code == 200
    for way in WAYS:
        refused = await way(house, anna)
        assert refused.status_code == 429, way.__name__
        assert "limit of 10 minutes" in refused.text
    await back(house, anna.name, timedelta(days=1))
    assert (await anna.post(CALM)).status_code == 200


async def test_silence_counts_a_minute_so_that_waiting_is_no_way_round(house: House, model: Scripted) -> None:
    anna = house.person()
    await anna.say(CALM)
    await back(house, anna.name, timedelta(minutes=40))
    await anna.say(CALM)
    assert (await limits(anna))["minutes_today"] == 1
    await put(house, anna, "limits", {"minutes_a_day": 2})
    await back(house, anna.name, timedelta(minutes=40))
    assert (await anna.post(CALM)).status_code == 429


async def test_tighter_holds_at_once_and_looser_tomorrow(house: House, model: Scripted) -> None:
    anna = await house.token_of(named := house.person())
    assert (await put(house, anna, "limits", {"minutes_a_day": 30})).json()["minutes_a_day"] == 30
    wider = (await put(house, anna, "limits", {"minutes_a_day": 90})).json()
    assert wider["minutes_a_day"] == 30
    assert wider["own"]["later"]["minutes_a_day"] == 90
    none = (await put(house, anna, "limits", {})).json()
    assert (none["minutes_a_day"], none["own"]["later"]["minutes_a_day"]) == (30, None)
    assert (await put(house, anna, "limits", {"minutes_a_day": 20})).json()["minutes_a_day"] == 20
    assert (await put(house, anna, "limits", {"minutes_a_day": 60})).json()["minutes_a_day"] == 20
    await back(house, named.name, timedelta(hours=25))
    assert (await limits(anna))["minutes_a_day"] == 60


async def test_neither_side_loosens_the_others(house: House, model: Scripted) -> None:
    named = house.person()
    anna = await house.token_of(named)
    await put(house, anna, "limits", {"minutes_a_day": 30})
    platforms = (await put(house, named, "limits", {"minutes_a_day": 120})).json()
    assert platforms["minutes_a_day"] == 30
    assert platforms["own"]["minutes_a_day"] == 30
    stricter = (await put(house, named, "limits", {"minutes_a_day": 15})).json()
    assert stricter["minutes_a_day"] == 15
    assert (await put(house, anna, "limits", {"minutes_a_day": 30})).json()["minutes_a_day"] == 15


@pytest.mark.parametrize(
    "body",
    [
        {"minutes_a_day": 0},
        {"minutes_a_day": 2000},
        {"spend_a_day": 5},
        {"spend_a_day": -1, "currency": "EUR"},
        {"x": 1},
    ],
)
async def test_limits_that_make_no_sense_are_refused(house: House, model: Scripted, body: dict[str, Any]) -> None:
    assert (await put(house, house.person(), "limits", body)).status_code == 422


async def test_the_limits_of_somebody_never_seen_are_not_found(house: House, model: Scripted) -> None:
    assert (await house.client.get("/v1/users/nobody-ever/limits")).status_code == 404
    assert (await house.client.get("/v1/users/nobody-ever")).status_code == 404, "asking made nobody"


async def test_a_break_is_suggested_once_a_period_and_never_beside_help(house: House, model: Scripted) -> None:
    anna = house.person()
    await put(house, anna, "limits", {"break_after": 20})
    await talk(house, anna, 16)
    await back(house, anna.name, timedelta(minutes=4))
    heard = await anna.say(CALM)
    assert heard.done["break"] == 20
    assert heard.text.startswith("You have been talking for about 20 minutes.")
    assert "good moment for a break" in model.last_words
    assert (await anna.say(CALM)).done["break"] is None
    said = await anna.messages(heard.done["conversation"])
    assert all("You have been talking" not in text for _, text in said), "it is said, and no part of what is remembered"
    await back(house, anna.name, timedelta(minutes=4))
    for _ in range(3):
        await anna.say(CALM)
        await back(house, anna.name, timedelta(minutes=4))
    await back(house, anna.name, timedelta(minutes=4))
    crisis = await anna.say("I want to kill myself tonight")
    assert crisis.done["break"] is None
    await put(house, anna, "limits", {"break_after": 0})
    await back(house, anna.name, timedelta(minutes=4))
    assert (await anna.say(CALM)).done["break"] is None


async def test_spending_closes_offers_and_only_closes(house: House, model: Scripted) -> None:
    anna = house.person(persona="theo")
    offer = {"id": "spend-test", "title": "A voice message", "description": "A minute long.", "price": "9.99"}
    offer |= {"currency": "EUR", "url": "https://shop.test/v", "cues": ["voice message"], "personas": ["theo"]}
    assert (await house.client.post("/v1/offers", json=offer)).status_code == 201
    consent = {"purpose": "offers", "version": "1", "granted": True}
    assert (await house.client.post(f"/v1/users/{anna.name}/consents", json=consent)).status_code == 201
    await put(house, anna, "limits", {"spend_a_week": "15.00", "currency": "EUR"})
    bought = {"user": anna.name, "kind": "purchase", "value": "6.00", "currency": "EUR"}
    assert (await house.client.post("/v1/outcomes", json=bought)).status_code == 201
    assert (await limits(anna))["spending_left"] == [{"amount": "9.00", "currency": "EUR"}]
    done = (await anna.say("What does a voice message cost?")).done
    assert done["offer"] is None, "it costs more than is left"
    bought |= {"value": "9.50"}
    assert (await house.client.post("/v1/outcomes", json=bought)).status_code == 201
    done = (await anna.say("What does a voice message cost?")).done
    assert done["offer"] is None
    assert "spend_limit" in (await anna.get(f"/v1/turns/{done['turn']}"))["why"]["offer_gate"]["against"]
    await house.client.delete("/v1/offers/spend-test")


async def test_who_says_so_is_written_to_no_more_and_only_they_turn_it_on(house: House, model: Scripted) -> None:
    anna = house.person()
    consent = {"purpose": "reminders", "version": "1", "granted": True}
    await house.client.post(f"/v1/users/{anna.name}/consents", json=consent)
    at = datetime.now(UTC) + timedelta(days=1)
    reminder = {"user": anna.name, "words": "water the fern", "at": at.isoformat()}
    assert (await house.client.post("/v1/reminders", json=reminder)).status_code == 201
    heard = await anna.say("Please stop messaging me.")
    assert heard.done["contact"] == "stopped"
    assert "nothing will be sent to you unasked" in heard.text
    assert (await limits(anna))["contact"] is False
    greeting = await anna.get("/v1/personas/mira/greeting")
    assert greeting == {"text": "", "away": ""}
    async with transaction(house.db) as conn:
        assert await deliveries.deliver_due(conn, at + timedelta(hours=14)) == 0
    assert [r["state"] for r in await anna.get("/v1/reminders")] == ["held"]
    assert (await put(house, anna, "contact", {"allowed": True})).status_code == 403, "a platform cannot undo it"
    assert (await anna.say("Please stop messaging me.")).done["contact"] is None, "said once"
    again = await anna.say("ok, you may contact me again")
    assert again.done["contact"] == "again"
    assert (await limits(anna))["contact"] is True
    signed_in = await house.token_of(anna)
    assert (await put(house, signed_in, "contact", {"allowed": False})).json()["contact"] is False
    assert (await put(house, signed_in, "contact", {"allowed": True})).json()["contact"] is True


async def test_who_wants_no_contact_is_not_asked_how_they_are(house: House, model: Scripted) -> None:
    anna = house.person()
    await anna.say("I want to kill myself tonight")
    await put(house, anna, "contact", {"allowed": False})
    async with transaction(house.db) as conn:
        user = await identity.find_user(conn, str(anna.name))
        await conn.execute(
            "update care_states set crisis_at = crisis_at - interval '20 hours' where user_id = %s", [user.user_id]
        )
    await anna.say(CALM)
    assert "Ask once" not in model.last_words


async def test_what_was_set_is_exported_and_erased(house: House, model: Scripted) -> None:
    anna = house.person()
    await put(house, anna, "limits", {"minutes_a_day": 30})
    await put(house, anna, "contact", {"allowed": False})
    tables = (await house.client.get(f"/v1/users/{anna.name}/export")).json()["tables"]
    assert tables["person_limits"][0]["minutes_a_day"] == 30
    assert tables["contact_stops"][0]["said"] == "platform"
    told = [e["kind"] for e in tables["events"]]
    assert {"LimitsChanged", "ContactChanged"} <= set(told)
    erased = (await house.client.delete(f"/v1/users/{anna.name}")).json()["erased"]
    assert (erased["person_limits"], erased["contact_stops"]) == (1, 1)
