"""The chat API in process: what a stream looks like, what a person is owed in it, and whose is what."""

import httpx
import pytest

from house import House, Person
from scripted_model import Scripted
from undertone.guardrails import disclosure
from undertone.signals import DETECTORS

NOTICE = disclosure.notice("en")
CRISIS = "I want to kill myself tonight"


async def greet(person: Person) -> str:
    """A first message, so that the notice at the start is behind us; returns the conversation."""
    return str((await person.say("Hello there, nice to meet you.")).done["conversation"])


async def test_a_stream_starts_speaks_and_ends(house: House, model: Scripted) -> None:
    anna = house.person()
    model.will("It rains. ", "The tea is ready.")
    answer = await anna.post("What is it like there?")
    assert answer.headers["cache-control"] == "no-store"
    heard = await anna.say("And now?")
    assert heard.events[0].name == "turn.started"
    assert heard.events[0].data == {"turn": heard.turn}
    assert {event.name for event in heard.events[1:-1]} == {"text.delta"}
    assert heard.events[0].id == f"{heard.turn}:0"
    assert heard.last.id == f"{heard.turn}:{len(heard.text)}"
    assert heard.text == heard.done["text"] == "All right. I hear you."


async def test_the_end_says_what_the_turn_was(house: House, model: Scripted) -> None:
    anna = house.person(persona="theo")
    done = (await anna.say("What is it like there?")).done
    assert done["ai_generated"] is True
    assert (done["persona"], done["persona_version"]) == ("theo", 1)
    assert (done["stopped"], done["memories"], done["strategy"]) == (False, [], "gentle")
    assert done["user_type"] == "undecided"
    assert done["usage"]["model"] == "scripted"
    assert done["usage"]["cached_tokens"] == 7
    assert done["usage"]["prompt_tokens"] > 100
    said = await anna.get(f"/v1/conversations/{done['conversation']}/messages")
    assert [(m["role"], m["ai_generated"]) for m in said] == [("user", False), ("assistant", True)]
    assert said[1]["id"] == done["message"]
    assert done["text"] == f"{NOTICE}\n\n{said[1]['text']}", "the notice is said, and no part of what is remembered"


async def test_the_notice_stands_at_the_start_and_once(house: House, model: Scripted) -> None:
    anna = house.person()
    first = await anna.say("Hello there.")
    assert first.text.startswith(NOTICE + "\n\n")
    assert first.done["notice"] == "start"
    assert "just told that you are an AI" in model.last_words
    second = await anna.say("The weather is lovely.")
    assert NOTICE not in second.text
    assert second.done["notice"] is None
    other = await house.client.post("/v1/conversations", json={"user": anna.name, "persona": "theo"})
    third = await anna.say("A new window.", persona="theo", conversation=other.json()["id"])
    assert third.done["notice"] is None


async def test_the_notice_speaks_the_persons_language(house: House, model: Scripted) -> None:
    anna = house.person()
    await house.client.patch(f"/v1/users/{anna.name}", json={"language": "de-AT"})
    assert (await anna.say("Guten Abend.")).text.startswith(disclosure.notice("de"))


async def test_who_asks_whether_a_human_is_here_is_told(house: House, model: Scripted) -> None:
    anna = house.person()
    await greet(anna)
    model.will("Of course I am a real person, flesh and blood. ", "How was your day?")
    heard = await anna.say("Are you a real person?")
    assert heard.text.startswith(NOTICE)
    assert heard.done["notice"] == "asked"
    assert "flesh and blood" not in heard.text
    assert (await anna.ended(heard.turn))["why"]["output_rail"] == "humanity"


async def test_a_second_message_goes_on_in_the_same_conversation(house: House, model: Scripted) -> None:
    anna = house.person()
    conversation = await greet(anna)
    second = await anna.say("I made soup today.")
    assert second.done["conversation"] == conversation
    sent = [(message.role, message.content) for message in model.last.messages[1:-1]]
    assert sent[0] == ("user", "Hello there, nice to meet you.")
    assert sent[1][1].endswith("I hear you.")


async def test_what_was_told_is_recalled_in_a_new_conversation_and_says_why(house: House, model: Scripted) -> None:
    anna, bert = house.person(), house.person()
    told = "My sister Ana lives in Porto and keeps bees."
    await anna.say(told)
    begun = await house.client.post("/v1/conversations", json={"user": anna.name})
    asked = await anna.say("Where does my sister live?", conversation=begun.json()["id"])
    recalled = {memory["text"]: memory for memory in asked.done["memories"]}
    assert "sister" in recalled[told]["why"]
    assert f"they said: “{told}”" in model.last_words
    assert told not in str([message.content for message in model.last.messages[:-1]])
    assert (await bert.say("Where does my sister live?")).done["memories"] == []


async def test_nothing_is_recalled_for_who_said_no_to_memory(house: House, model: Scripted) -> None:
    anna = house.person()
    await anna.say("My sister Ana lives in Porto.")
    no = {"purpose": "memory", "version": "1", "granted": False}
    await house.client.post(f"/v1/users/{anna.name}/consents", json=no)
    begun = await house.client.post("/v1/conversations", json={"user": anna.name})
    asked = await anna.say("Where does my sister live?", conversation=begun.json()["id"])
    assert asked.done["memories"] == []
    assert "Porto" not in model.last_words


async def test_nobody_is_typed_who_said_no_to_it(house: House, model: Scripted) -> None:
    anna = house.person()
    no = {"purpose": "typing", "version": "1", "granted": False}
    await house.client.post(f"/v1/users/{anna.name}/consents", json=no)
    heard = await anna.say("It is so quiet here, I live alone.")
    assert heard.done["user_type"] is None
    assert "user_type" not in (await anna.ended(heard.turn))["why"]["signals"]
    assert (await anna.get(f"/v1/users/{anna.name}"))["profile"] is None


async def test_a_crisis_is_met_with_fixed_words_and_no_model(house: House, model: Scripted) -> None:
    anna = house.person()
    await house.client.patch(f"/v1/users/{anna.name}", json={"country": "US"})
    heard = await anna.say(CRISIS)
    assert model.requests == []
    assert "988" in heard.text
    assert heard.done["strategy"] == "crisis"
    duties = (await anna.ended(heard.turn))["why"]["duties"]
    assert (duties["say_crisis_words"], duties["romance_paused"], duties["offers_paused"]) == (True, True, True)


async def test_after_a_crisis_romance_rests_in_every_window(house: House, model: Scripted) -> None:
    anna = house.person()
    await anna.say(CRISIS)
    later = await anna.say("I cooked pasta tonight.", persona="theo")
    assert later.done["strategy"] == "care"
    assert "crisis lately" in model.last_words
    assert "nothing romantic, nothing for sale" in model.last_words
    assert (await anna.ended(later.turn))["why"]["duties"]["romance_paused"] is True


async def test_a_token_acts_for_its_own_person_only(house: House, model: Scripted) -> None:
    bert = house.person()
    heard = await bert.say("My dog is called Biscuit.")
    anna = await house.token_of(house.person())
    assert (await anna.say("Hello there.")).done["text"]
    refused = await anna.post("Hello.", user=bert.name)
    assert refused.status_code == 403
    assert "use `me`" in refused.json()["detail"]
    turn = f"/v1/turns/{heard.turn}"
    for method, path in (
        ("GET", turn),
        ("GET", f"{turn}/stream"),
        ("POST", f"{turn}/stop"),
        ("POST", f"{turn}/regenerate"),
        ("GET", f"/v1/conversations/{heard.done['conversation']}/messages"),
    ):
        answer = await house.client.request(method, path, headers=anna.headers)
        assert answer.status_code == 404, path
    report = await house.client.post(f"{turn}/report", headers=anna.headers, json={"reason": "wrong"})
    assert report.status_code == 404
    theirs = await anna.post("Hello.", conversation=heard.done["conversation"])
    assert theirs.status_code == 404


async def test_debug_is_the_exact_request_and_needs_a_key(house: House, model: Scripted) -> None:
    anna = house.person()
    done = (await anna.say("Hello there.", debug=True)).done
    assert done["debug"]["request"] == model.last.as_body()
    assert done["debug"]["why"]["strategy"]["id"] == "gentle"
    assert "debug" not in (await anna.say("And again.")).done
    refused = await (await house.token_of(anna)).post("Hello.", debug=True)
    assert refused.status_code == 403
    assert "API key" in refused.json()["detail"]


async def test_another_reply_takes_the_place_of_the_last(house: House, model: Scripted) -> None:
    anna = house.person()
    conversation = await greet(anna)
    first = await anna.say("Tell me of the sea.")
    model.will("The sea is green today.")
    again = await regenerate(house, anna, first.turn)
    assert again.status_code == 200
    assert "The sea is green today." in again.text
    said = await anna.messages(conversation)
    assert said[-2:] == [("user", "Tell me of the sea."), ("assistant", "The sea is green today.")]
    assert len(said) == 4


async def test_another_reply_does_not_read_the_same_words_twice(house: House, model: Scripted) -> None:
    anna = house.person()
    heard = await anna.say("It is so quiet here, I live alone.")
    before = (await anna.get(f"/v1/users/{anna.name}"))["profile"]
    assert before["messages"] == 1
    await regenerate(house, anna, heard.turn)
    assert (await anna.get(f"/v1/users/{anna.name}"))["profile"] == before


async def test_only_whose_turn_it_is_gets_another_reply(house: House, model: Scripted) -> None:
    anna, bert = house.person(), house.person()
    conversation = await greet(anna)
    heard = await anna.say("Tell me of the sea.")
    assert (await regenerate(house, bert, heard.turn)).status_code == 404
    assert len(await anna.messages(conversation)) == 4
    assert await bert.get("/v1/conversations") == []


async def test_a_message_that_a_branch_left_gets_no_other_reply(house: House, model: Scripted) -> None:
    anna = house.person()
    first = await anna.say("Tell me of the sea.")
    second = await anna.say("Tell me of the hills.")
    await regenerate(house, anna, first.turn)
    refused = await regenerate(house, anna, second.turn)
    assert refused.status_code == 409
    assert "no longer" in refused.json()["detail"]
    assert [role for role, _ in await anna.messages(first.done["conversation"])] == ["user", "assistant"]


async def regenerate(house: House, person: Person, turn: str) -> httpx.Response:
    return await house.client.post(f"/v1/turns/{turn}/regenerate", params={"user": person.name or ""})


async def test_a_report_is_kept(house: House, model: Scripted) -> None:
    anna = house.person()
    turn = (await anna.say("Hello there.")).turn
    kept = await house.client.post(f"/v1/turns/{turn}/report", json={"reason": "pretends"})
    assert kept.status_code == 201
    assert kept.json()["report"]
    held = (await anna.get(f"/v1/users/{anna.name}/export"))["tables"]["reports"]
    assert [(row["turn_id"], row["reason"]) for row in held] == [(turn, "pretends")]
    wrong = await house.client.post(f"/v1/turns/{turn}/report", json={"reason": "boring"})
    assert wrong.status_code == 422


async def test_why_explains_a_reply_without_anybodys_words(house: House, model: Scripted) -> None:
    anna = house.person()
    heard = await anna.say("Her name is Wilhelmina.")
    found = await anna.get(f"/v1/turns/{heard.turn}")
    assert found["state"] == "done"
    assert found["text"] == heard.done["text"]
    why = found["why"]
    assert why["strategy"]["why"]
    assert set(why["signals"]) == set(DETECTORS)
    assert sum(part["share"] for part in why["context"]["parts"]) == pytest.approx(1.0, abs=0.001)
    assert why["context"]["tokens"] == sum(part["tokens"] for part in why["context"]["parts"])
    assert "Wilhelmina" not in str(why)


async def test_a_past_elsewhere_is_taken_once(house: House, model: Scripted) -> None:
    anna = house.person()
    past = [
        {"role": "user", "content": "My cat is called Figaro."},
        {"role": "assistant", "content": "What a name."},
    ]
    first = await anna.say("Do you remember him?", history=past)
    assert [m.content for m in model.last.messages[1:-1]] == ["My cat is called Figaro.", "What a name."]
    await anna.say("And today?", history=past)
    said = await anna.messages(first.done["conversation"])
    assert [text for _, text in said].count("My cat is called Figaro.") == 1
