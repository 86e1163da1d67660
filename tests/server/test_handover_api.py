"""Hand-over to a human: asked for, paused honestly, taken, written into, handed back; never in the way of help."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from house import House, Person, open_house
from scripted_model import Scripted
from undertone.db import transaction
from undertone.guardrails import spoken
from undertone.llm.embedder import MiniLM
from undertone.people import identity

WISH = "Can I talk to a real person, please?"
CALM = "The soup turned out nicely today"


@pytest.fixture(scope="module")
def speaker() -> Scripted:
    return Scripted()


@pytest.fixture(scope="module")
async def staffed(house: House, embedder: MiniLM, speaker: Scripted) -> AsyncIterator[House]:
    async with open_house(house.dsn, embedder, speaker, handover=True) as other:
        yield other


@pytest.fixture
async def asked(staffed: House, speaker: Scripted) -> tuple[Person, str]:
    """Somebody who has asked for a person, and the conversation."""
    speaker.forget()
    anna = staffed.person()
    await anna.say(CALM)
    heard = await anna.say(WISH)
    assert heard.done["handover"] == "asked"
    return anna, str(heard.done["conversation"])


async def act(house: House, person: Person, conversation: str, action: str, text: str | None = None) -> httpx.Response:
    body: dict[str, Any] = {"user": person.name, "action": action} | ({"text": text} if text is not None else {})
    return await house.client.post(f"/v1/conversations/{conversation}/handover", json=body)


def words(name: Any) -> str:
    return spoken.words(name, "en")


async def test_the_persona_pauses_and_says_so(staffed: House, speaker: Scripted, asked: tuple[Person, str]) -> None:
    anna, conversation = asked
    answered = len(speaker.requests)
    heard = await anna.say("are you still there, friend")
    assert heard.text.endswith(words("waiting"))
    assert (heard.done["handover"], heard.done["strategy"]) == ("waiting", "handover")
    assert len(speaker.requests) == answered, "no model speaks meanwhile"
    [waiting] = [h for h in (await staffed.client.get("/v1/handovers")).json() if h["user"] == anna.name]
    assert (waiting["conversation"], waiting["state"]) == (conversation, "asked")
    incidents = (await staffed.client.get("/v1/incidents", params={"limit": 500})).json()["incidents"]
    [incident] = [i for i in incidents if i["user"] == anna.name]
    assert (incident["id"], incident["level"], incident["referrals"]) == (waiting["incident"], "human", 0)


async def test_an_operator_takes_it_writes_and_hands_back(
    staffed: House, speaker: Scripted, asked: tuple[Person, str]
) -> None:
    anna, conversation = asked
    assert (await act(staffed, anna, conversation, "say", "Hello?")).status_code == 409, "not before it was taken"
    taken = await act(staffed, anna, conversation, "take")
    assert (taken.status_code, taken.json()["text"], taken.json()["ai_generated"]) == (201, words("arrived"), True)
    said = (await act(staffed, anna, conversation, "say", "Hi Anna, this is Sam. What happened?")).json()
    assert (said["ai_generated"], said["by_human"], said["role"]) == (False, True, "assistant")
    assert (await anna.say("my order was lost")).text.endswith(words("taken"))
    assert (await act(staffed, anna, conversation, "take")).status_code == 409
    back = await act(staffed, anna, conversation, "back")
    assert back.json()["text"] == words("left")
    assert (await act(staffed, anna, conversation, "back")).status_code == 409
    heard = await anna.say(CALM)
    assert heard.done["handover"] is None
    history = "\n".join(m.content for m in speaker.last.messages)
    assert "(A person of the platform wrote this, not you:) " in history
    shown = await anna.get(f"/v1/conversations/{conversation}/messages")
    assert [m["ai_generated"] for m in shown if m["by_human"]] == [False]
    exported = (await staffed.client.get(f"/v1/users/{anna.name}/export")).json()["tables"]
    assert sum(m["by_human"] for m in exported["messages"]) == 1
    states = [e["data"]["state"] for e in exported["events"] if e["kind"] == "HandoverChanged"]
    assert states == ["asked", "taken", "back"]
    incidents = (await staffed.client.get("/v1/incidents", params={"limit": 500})).json()["incidents"]
    assert [i["state"] for i in incidents if i["user"] == anna.name] == ["seen"]


async def test_who_asked_may_go_on_with_the_ai(staffed: House, speaker: Scripted, asked: tuple[Person, str]) -> None:
    anna, conversation = asked
    assert (await anna.say("never mind, go on with the AI")).text.endswith(words("resumed"))
    assert (await anna.say(CALM)).done["handover"] is None
    assert (await anna.get(f"/v1/conversations/{conversation}/handover")) == {"state": "back"}


async def test_when_nobody_comes_the_ai_says_so(staffed: House, speaker: Scripted, asked: tuple[Person, str]) -> None:
    anna, _ = asked
    async with transaction(staffed.db) as conn:
        user = await identity.find_user(conn, str(anna.name))
        by = timedelta(hours=13)
        await conn.execute("update handovers set asked_at = asked_at - %s where user_id = %s", [by, user.user_id])
    assert (await anna.say(CALM)).text.endswith(words("resumed"))


async def test_help_comes_before_all_of_it(staffed: House, speaker: Scripted, asked: tuple[Person, str]) -> None:
    anna, conversation = asked
    await act(staffed, anna, conversation, "take")
    heard = await anna.say("I want to kill myself tonight")
    assert heard.done["strategy"] == "crisis"
    assert "findahelpline" in heard.text


async def test_a_paused_reply_is_not_written_once_more(
    staffed: House, speaker: Scripted, asked: tuple[Person, str]
) -> None:
    anna, conversation = asked
    said = await anna.get(f"/v1/conversations/{conversation}/messages")
    for turn in {m["turn"] for m in said}:
        again = await staffed.client.post(f"/v1/turns/{turn}/regenerate", params={"user": anna.name})
        assert again.status_code == 409


async def test_unasked_it_can_be_taken_too(staffed: House, speaker: Scripted) -> None:
    anna = staffed.person()
    heard = await anna.say(CALM)
    conversation = heard.done["conversation"]
    assert (await act(staffed, anna, conversation, "take")).status_code == 201
    assert (await anna.say(CALM)).text.endswith(words("taken"))


async def test_only_who_may_care_does(staffed: House, speaker: Scripted, asked: tuple[Person, str]) -> None:
    anna, conversation = asked
    signed_in = await staffed.token_of(anna)
    path = f"/v1/conversations/{conversation}/handover"
    body = {"user": anna.name, "action": "take"}
    assert (await staffed.client.post(path, json=body, headers=signed_in.headers)).status_code == 403
    other = staffed.person()
    await other.say(CALM)
    assert (await act(staffed, other, conversation, "take")).status_code == 404, "another person's conversation"
    assert (await act(staffed, anna, conversation, "take", "words")).status_code == 400
    assert (await act(staffed, anna, conversation, "say")).status_code == 400


async def test_where_nobody_answers_that_is_said(house: House, model: Scripted) -> None:
    anna = house.person()
    await anna.say(CALM)
    heard = await anna.say(WISH)
    assert heard.text.endswith(words("nobody"))
    assert heard.done["handover"] == "nobody"
    assert (await anna.say(CALM)).done["handover"] is None
