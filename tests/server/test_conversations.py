"""Conversations over HTTP: begun, listed, read back."""

from datetime import timedelta

import pytest

from house import House, Person
from scripted_model import Scripted


async def begin(house: House, person: Person) -> str:
    answer = await house.client.post("/v1/conversations", json={"user": person.name, "persona": person.persona})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_a_new_conversation_is_the_one_that_goes_on(house: House, model: Scripted) -> None:
    anna = house.person()
    first = (await anna.say("Hello there.")).done["conversation"]
    second = await begin(house, anna)
    assert (await anna.say("And here?")).done["conversation"] == second
    assert (await anna.say("And there?", conversation=first)).done["conversation"] == first
    assert len(model.last.messages) == 4, "the first conversation's history, and no other"


async def test_conversations_are_listed_the_latest_first(house: House, model: Scripted) -> None:
    anna = house.person()
    first = (await anna.say("Hello there.")).done["conversation"]
    second = (await anna.say("Hello you.", persona="theo")).done["conversation"]
    listed = await anna.get("/v1/conversations")
    assert [(c["id"], c["persona"], c["messages"]) for c in listed] == [(second, "theo", 2), (first, "mira", 2)]
    assert [c["id"] for c in await anna.get("/v1/conversations", persona="mira")] == [first]
    assert await house.person().get("/v1/conversations") == []


async def test_a_new_one_begins_after_a_long_silence(house: House, model: Scripted) -> None:
    anna = house.person()
    first = (await anna.say("Hello there.")).done["conversation"]
    async with house.db.connection() as conn:
        await conn.execute("update conversations set last_at = last_at - %s where id = %s", [timedelta(hours=7), first])
    assert (await anna.say("Good morning.")).done["conversation"] != first


async def test_only_the_last_messages_are_read_when_asked_so(house: House, model: Scripted) -> None:
    anna = house.person()
    for text in ("One.", "Two.", "Three."):
        conversation = (await anna.say(text)).done["conversation"]
    path = f"/v1/conversations/{conversation}/messages"
    assert [m["text"] for m in await anna.get(path, limit=2)] == ["Three.", "All right. I hear you."]
    assert len(await anna.get(path, limit=-5)) == 1
    assert len(await anna.get(path, limit=10_000)) == 6


async def test_a_conversation_is_nobody_elses(house: House, model: Scripted) -> None:
    anna, bert = house.person(), house.person()
    conversation = (await anna.say("Hello there.")).done["conversation"]
    path = f"/v1/conversations/{conversation}/messages"
    assert (await house.client.get(path, params={"user": bert.name})).status_code == 404
    assert (await bert.post("Hello.", conversation=conversation)).status_code == 404
    other = await anna.post("Hello.", conversation=conversation, persona="theo")
    assert other.status_code == 404
    assert "another persona" in other.json()["detail"]


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 400), ({"user": "anna", "persona": "nobody"}, 404), ({"user": "a/b"}, 400), ({"user": "anna", "x": 1}, 422)],
)
async def test_a_conversation_with_nobody_is_refused(house: House, body: dict[str, object], status: int) -> None:
    answer = await house.client.post("/v1/conversations", json=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_who_may_not_chat_begins_no_conversation(house: House) -> None:
    anna = house.person()
    answer = await house.client.post("/v1/conversations", json={"user": anna.name}, headers=await house.key(attests={}))
    assert answer.status_code == 403
    assert answer.json()["code"] == "adult_required"
