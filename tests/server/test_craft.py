"""Conversation craft: other replies, edits, going back, going on, suggesting; each leaves a label of a preference."""

from typing import Any

from house import Heard, House, Person, heard
from scripted_model import Scripted
from undertone.engine.preparation import CONTINUE


async def again(house: House, person: Person, turn: str, how: str = "regenerate") -> Heard:
    answer = await house.client.post(f"/v1/turns/{turn}/{how}", params={"user": person.name})
    assert answer.status_code == 200, answer.text
    return heard(answer)


async def choose(house: House, person: Person, turn: str) -> int:
    return (await house.client.post(f"/v1/turns/{turn}/choose", params={"user": person.name})).status_code


async def labels(person: Person) -> list[dict[str, Any]]:
    return (await person.get(f"/v1/users/{person.name}/export"))["tables"]["preferences"]


async def test_one_swipes_between_replies_and_the_chosen_one_goes_on(house: House, model: Scripted) -> None:
    anna = house.person()
    model.will("The first answer.")
    first = await anna.say("What is in the shop?")
    conversation = first.done["conversation"]
    model.will("The second answer.")
    second = await again(house, anna, first.turn)
    model.will("The third answer.")
    await again(house, anna, second.turn)
    shown = await anna.get(f"/v1/turns/{first.turn}/alternatives")
    assert [(r["text"], r["active"]) for r in shown["replies"]] == [
        ("The first answer.", False),
        ("The second answer.", False),
        ("The third answer.", True),
    ]
    assert shown["versions"] == []
    assert await choose(house, anna, first.turn) == 204
    assert (await anna.messages(conversation))[-1] == ("assistant", "The first answer.")
    await anna.say("And then?")
    sent = [message.content for message in model.last.messages]
    assert "The first answer." in sent
    assert not {"The second answer.", "The third answer."} & set(sent)
    assert await choose(house, anna, second.turn) == 409, "something was said since"
    kinds = [(row["kind"], len(row["over_turns"])) for row in await labels(anna)]
    assert kinds == [("another", 1), ("another", 1), ("chosen", 2)]


async def test_an_edited_message_makes_a_branch_and_one_can_go_back(house: House, model: Scripted) -> None:
    anna = house.person()
    await anna.say("My cat is called Figaro.")
    model.will("A fine day by the sea.")
    old = await anna.say("I was at the sea today.")
    conversation = old.done["conversation"]
    await anna.say("It was cold.")
    before = await anna.messages(conversation)
    model.will("A fine day in the hills.")
    new = await anna.say("I was in the hills today.", edits=old.turn)
    assert new.done["conversation"] == conversation
    said = [text for _, text in await anna.messages(conversation)]
    assert said[-2:] == ["I was in the hills today.", "A fine day in the hills."]
    assert not {"I was at the sea today.", "It was cold."} & set(said)
    assert "sea" not in model.last_words.split("</notes>")[0]
    shown = await anna.get(f"/v1/turns/{new.turn}/alternatives")
    assert [(v["text"], v["active"]) for v in shown["versions"]] == [
        ("I was at the sea today.", False),
        ("I was in the hills today.", True),
    ]
    assert await choose(house, anna, old.turn) == 204
    assert await anna.messages(conversation) == before, "with all that had followed"
    assert await choose(house, anna, new.turn) == 204
    assert [text for _, text in await anna.messages(conversation)] == said
    assert [row["kind"] for row in await labels(anna)] == ["edited", "chosen", "chosen"]


async def test_what_left_the_branch_is_not_recalled_and_comes_back_with_it(house: House, model: Scripted) -> None:
    anna = house.person()
    old = await anna.say("My sister Ana keeps bees in Porto.")
    new = await anna.say("My sister Ana keeps goats in Braga.", edits=old.turn)

    async def recalled() -> str:
        begun = await house.client.post("/v1/conversations", json={"user": anna.name})
        done = (await anna.say("What does my sister Ana keep?", conversation=begun.json()["id"])).done
        return " ".join(memory["text"] for memory in done["memories"])

    assert "goats" in await recalled()
    assert "bees" not in await recalled()
    assert await choose(house, anna, old.turn) == 204
    found = await recalled()
    assert "bees" in found
    assert "goats" not in found
    assert await choose(house, anna, new.turn) == 204


async def test_an_edit_of_the_unknown_or_of_a_strangers_is_refused(house: House, model: Scripted) -> None:
    anna, ben = house.person(), house.person()
    theirs = await ben.say("Hello.")
    mine = await anna.say("Hello.")
    assert (await anna.post("Mine now.", edits=theirs.turn)).status_code == 404
    assert (await anna.post("What?", edits="00000000-0000-0000-0000-000000000000")).status_code == 404
    await anna.say("Hi.", edits=mine.turn)
    assert (await anna.post("Hey.", edits=mine.turn)).status_code == 409, "it left already"
    for how in ("regenerate", "continue", "choose", "suggestion"):
        body = {"suggestion": "Better."} if how == "suggestion" else None
        path = f"/v1/turns/{theirs.turn}/{how}"
        assert (await house.client.post(path, params={"user": anna.name}, json=body)).status_code == 404


async def test_a_reply_goes_on_from_where_it_ended(house: House, model: Scripted) -> None:
    anna = house.person()
    model.will("Once there was a lamp.")
    told = await anna.say("Tell me a story.")
    model.will("And it shone.")
    more = await again(house, anna, told.turn, "continue")
    assert model.last_words.endswith(CONTINUE)
    assert [m.content for m in model.last.messages[-3:-1]] == ["Tell me a story.", "Once there was a lamp."]
    assert await anna.messages(told.done["conversation"]) == [
        ("user", "Tell me a story."),
        ("assistant", "Once there was a lamp."),
        ("assistant", "And it shone."),
    ]
    stale = await house.client.post(f"/v1/turns/{told.turn}/continue", params={"user": anna.name})
    assert stale.status_code == 409
    await again(house, anna, more.turn, "continue")
    assert [row["kind"] for row in await labels(anna)] == ["continued", "continued"]
    replies = (await anna.get(f"/v1/turns/{told.turn}/alternatives"))["replies"]
    assert [r["text"] for r in replies] == ["Once there was a lamp."], "more of a reply is no other reply"


async def test_a_suggestion_is_kept_as_a_label_and_changes_nothing(house: House, model: Scripted) -> None:
    anna = house.person()
    turn = await anna.say("I passed my exam!")
    path = f"/v1/turns/{turn.turn}/suggestion"
    answer = await house.client.post(path, params={"user": anna.name}, json={"suggestion": "How did you celebrate?"})
    assert answer.status_code == 201
    (row,) = await labels(anna)
    assert (row["kind"], row["suggestion"], row["trainable"]) == ("fixed", "How did you celebrate?", False)
    assert (await anna.messages(turn.done["conversation"]))[-1][1] == "All right. I hear you."
    await house.client.post(
        f"/v1/users/{anna.name}/consents", json={"purpose": "training", "version": "1", "granted": True}
    )
    await house.client.post(path, params={"user": anna.name}, json={"suggestion": "Well done."})
    assert [row["trainable"] for row in await labels(anna)] == [False, True]
    events = (await anna.get(f"/v1/users/{anna.name}/export"))["tables"]["events"]
    given = [event["data"] for event in events if event["kind"] == "PreferenceGiven"]
    assert [(one["preference"], one["trainable"]) for one in given] == [("fixed", False), ("fixed", True)]
    assert "celebrate" not in str(given), "events hold nobody's words"
    empty = await house.client.post(path, params={"user": anna.name}, json={"suggestion": " "})
    assert empty.status_code == 400


async def test_a_crisis_reply_is_not_gone_on_from(house: House, model: Scripted) -> None:
    anna = house.person()
    turn = (await anna.say("I want to kill myself")).turn
    refused = await house.client.post(f"/v1/turns/{turn}/continue", params={"user": anna.name})
    assert refused.status_code == 409


async def test_who_comes_back_is_greeted_by_time_away(house: House, model: Scripted) -> None:
    anna = house.person()
    path = "/v1/personas/mira/greeting"
    first = await anna.get(path)
    assert first["away"] == ""
    await anna.say("Hello.")
    assert (await anna.get(path))["text"] == "Hello again."
    async with house.db.connection() as conn:
        await conn.execute(
            "with moved as (update messages m set created_at = m.created_at - interval '15 days' from users u"
            " where u.user_id = m.user_id and external_id = %(name)s)"
            " update conversations c set last_at = last_at - interval '15 days' from users u"
            " where u.user_id = c.user_id and external_id = %(name)s",
            {"name": anna.name},
        )
    assert (await anna.get(path))["away"] == "weeks"
    await anna.say("Hello, here I am.")
    assert "They come back after 2 weeks" in model.last_words
    await anna.say("And now?")
    assert "They come back" not in model.last_words
