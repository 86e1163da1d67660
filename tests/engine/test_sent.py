"""What was sent for a reply: shown byte for byte as the model received it, and never again what was forgotten since."""

from datetime import UTC, datetime
from typing import Any

import pytest

from house import House, Person
from scripted_model import Scripted
from undertone import memory
from undertone.db import transaction
from undertone.resources import Connection


async def begin(house: House, person: Person) -> str:
    answer = await house.client.post("/v1/conversations", json={"user": person.name, "persona": person.persona})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def sent(person: Person, turn: str) -> dict[str, Any]:
    return await person.get(f"/v1/turns/{turn}/sent")


def received(model: Scripted) -> list[tuple[str, str]]:
    return [(m.role, m.content) for m in model.last.messages]


def shown(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(m["role"], m["content"]) for m in found["messages"]]


def of_part(found: dict[str, Any], part: str) -> str:
    return "".join(p["text"] or "" for m in found["messages"] for p in m["parts"] if p["part"] == part)


async def user_id(conn: Connection, person: Person) -> Any:
    row = await (await conn.execute("select user_id from users where external_id = %s", [person.name])).fetchone()
    assert row is not None
    return row[0]


async def consolidate(house: House, person: Person) -> None:
    """What the jobs after a conversation do: keep what was told, and sum it up."""
    async with transaction(house.db) as conn:
        user = await user_id(conn, person)
        await memory.consolidate(conn, user, person.persona)
        for conversation in await memory.list_conversations(conn, user):
            await memory.close_conversation(conn, user, conversation.id, now=datetime.now(UTC))
    await memory.sum_up(house.engine.resources, user, person.persona, now=datetime.now(UTC))


async def memory_of(person: Person, text: str) -> str:
    found = await person.get(f"/v1/users/{person.name}/memories", q=text)
    return str(next(m["id"] for m in found if m["text"] == text))


async def full(house: House, model: Scripted) -> tuple[Person, str]:
    """Somebody with a past, three messages into a new conversation; and the last turn."""
    anna = house.person()
    await anna.say("My cat is called Figaro and he sleeps on the piano all day long.")
    await anna.say("My sister is called Ana.")
    await consolidate(house, anna)
    conversation = await begin(house, anna)
    await anna.say("Good evening.", conversation=conversation)
    await anna.say("ok", conversation=conversation)
    return anna, (await anna.say("Where does my cat sleep? <notes> ä 🐈", conversation=conversation)).turn


async def test_what_is_shown_is_what_the_model_received_byte_for_byte(house: House, model: Scripted) -> None:
    anna, turn = await full(house, model)
    found = await sent(anna, turn)
    assert found["exact"] is True
    assert shown(found) == received(model)
    assert len(found["messages"]) == 6
    for message in found["messages"]:
        assert message["content"] == "".join(part["text"] for part in message["parts"])


async def test_each_part_is_named_and_weighed(house: House, model: Scripted) -> None:
    anna, turn = await full(house, model)
    found = await sent(anna, turn)
    assert "Figaro" in of_part(found, "summaries")
    assert "Ana" in of_part(found, "card")
    assert of_part(found, "history") == "Good evening.All right. I hear you.okAll right. I hear you."
    assert "sleeps on the piano" in of_part(found, "memories")
    assert "How to reply" in of_part(found, "notes")
    assert of_part(found, "message").endswith("Where does my cat sleep? (notes) ä 🐈")
    assert "Mira" in of_part(found, "persona")
    tokens = sum(part["tokens"] for m in found["messages"] for part in m["parts"])
    assert found["tokens"] * 0.8 < tokens < found["tokens"] * 1.2
    assert {p["part"] for p in found["parts"]} >= {"persona", "card", "summaries", "history", "memories", "message"}


@pytest.mark.parametrize("text", ["x" * 7_900 + " and the end", "tea", "Where was I?\n[...]\nYes."])
async def test_cut_and_odd_messages_are_exact(house: House, model: Scripted, text: str) -> None:
    anna = house.person()
    await anna.say("I drink tea in the steam of the kettle.")
    turn = (await anna.say(text)).turn
    found = await sent(anna, turn)
    assert found["exact"] is True
    assert shown(found) == received(model)


async def test_words_without_a_reply_and_branches_are_exact(house: House, model: Scripted) -> None:
    anna = house.person()
    heard = await anna.say("First of all, hello there.")
    again = await house.client.post(f"/v1/turns/{heard.turn}/regenerate", params={"user": anna.name})
    assert again.status_code == 200
    last = await anna.say("And now something else.")
    assert shown(await sent(anna, last.turn)) == received(model)
    async with transaction(house.db) as conn:
        conversation = heard.done["conversation"]
        await conn.execute("delete from messages where conversation_id = %s and role = 'assistant'", [conversation])
    alone = await anna.say("Nobody answered me.")
    found = await sent(anna, alone.turn)
    assert shown(found) == received(model)
    assert found["exact"] is True


async def test_an_edit_later_does_not_change_what_was_sent(house: House, model: Scripted) -> None:
    anna, turn = await full(house, model)
    before = shown(await sent(anna, turn))
    for text in ("Good evening.", "My sister is called Ana."):
        path = f"/v1/users/{anna.name}/memories/{await memory_of(anna, text)}"
        assert (await house.client.patch(path, json={"text": "Something else."})).status_code == 200
    found = await sent(anna, turn)
    assert found["exact"] is True
    assert shown(found) == before


@pytest.mark.parametrize("for_good", [True, False])
async def test_what_was_forgotten_is_not_shown_again(house: House, model: Scripted, for_good: bool) -> None:
    anna, turn = await full(house, model)
    before = shown(await sent(anna, turn))
    memory_id = await memory_of(anna, "My cat is called Figaro and he sleeps on the piano all day long.")
    path = f"/v1/users/{anna.name}/memories/{memory_id}"
    gone = await (house.client.delete(path) if for_good else house.client.post(f"{path}/forget"))
    assert gone.status_code in (200, 204)
    found = await sent(anna, turn)
    assert found["exact"] is False
    assert "Figaro" not in str(found)
    assert "piano" not in str(found)
    assert "Ana" in str(found)
    withheld = [part["withheld"] for m in found["messages"] for part in m["parts"]]
    assert "forgotten" in withheld
    if for_good:
        assert "Figaro" not in str(await anna.get(f"/v1/users/{anna.name}/export"))
    else:
        await house.client.post(f"/v1/users/{anna.name}/memories/undo")
        again = await sent(anna, turn)
        assert (again["exact"], shown(again)) == (True, before)


async def test_a_person_sees_all_but_the_personas_instructions(house: House, model: Scripted) -> None:
    anna, turn = await full(house, model)
    browser = await house.token_of(anna)
    found = await browser.get(f"/v1/turns/{turn}/sent")
    assert "content" not in str(found)
    (instructions,) = [p for m in found["messages"] for p in m["parts"] if p["part"] == "persona" and p["tokens"] > 20]
    assert (instructions["text"], instructions["withheld"]) == (None, "instructions")
    assert "ref-" not in str(found)
    assert "sleeps on the piano" in of_part(found, "memories")
    stranger = await house.token_of(house.person())
    assert (await house.client.get(f"/v1/turns/{turn}/sent", headers=stranger.headers)).status_code == 404


async def test_no_word_of_the_person_is_kept_beside_their_messages(house: House, model: Scripted) -> None:
    """Layouts refer; only summaries are copied, and those name what they quote."""
    anna, turn = await full(house, model)
    async with transaction(house.db) as conn:
        user = await user_id(conn, anna)
        layouts = await (await conn.execute("select sent::text from turns where user_id = %s", [user])).fetchall()
        texts = await (await conn.execute("select text, refs from sent_texts where user_id = %s", [user])).fetchall()
    words = ("Figaro", "piano", "sister", "Good evening", "my cat sleep")
    assert not any(word in layout for (layout,) in layouts for word in words)
    assert all(refs for text, refs in texts if any(word in text for word in words))
    assert turn


async def test_a_crisis_reply_was_not_asked_of_a_model(house: House, model: Scripted) -> None:
    anna = house.person()
    heard = await anna.say("I want to kill myself tonight.")
    answer = await house.client.get(f"/v1/turns/{heard.turn}/sent", params={"user": anna.name})
    assert answer.status_code == 404


async def test_what_was_told_to_one_persona_reaches_another_only_when_allowed(house: House, model: Scripted) -> None:
    anna = house.person()
    await anna.say("My cat is called Figaro and he sleeps on the piano all day long.")
    await anna.say("My sister is called Ana.")
    await consolidate(house, anna)
    await anna.say("Where does my cat sleep?", persona="theo")
    assert "Figaro" not in str(received(model))
    allowed = {"purpose": "sharing", "version": "1", "granted": True}
    assert (await house.client.post(f"/v1/users/{anna.name}/consents", json=allowed)).status_code == 201
    anna.persona = "theo"
    heard = await anna.say("Where does my cat sleep?", conversation=await begin(house, anna))
    assert "sleeps on the piano" in of_part(await sent(anna, heard.turn), "memories")
    assert "Ana" in of_part(await sent(anna, heard.turn), "card")
    assert any("told to mira" in m["why"] for m in heard.done["memories"])
    refused = allowed | {"granted": False}
    await house.client.post(f"/v1/users/{anna.name}/consents", json=refused)
    await anna.say("Where does my cat sleep?", conversation=await begin(house, anna))
    assert "Figaro" not in str(received(model))
