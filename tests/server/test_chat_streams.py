"""Streams that end otherwise than planned: stopped, left, broken, come back to, taken over by another replica."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from uuid import UUID

import pytest
from psycopg import sql

from house import Event, House, Person, events_of, heard, open_house
from scripted_model import Scripted
from undertone.errors import ModelFailed
from undertone.guardrails import disclosure
from undertone.llm.embedder import MiniLM
from undertone.people import identity

AWAY = ModelFailed("The model is away. Try again.")


@pytest.fixture
async def anna(house: House, model: Scripted) -> Person:
    """Somebody who has talked before: the notice at the start is behind her."""
    person = house.person()
    await person.say("Hello there, nice to meet you.")
    model.forget()
    return person


def at(replica: House, person: Person) -> Person:
    """The same person under the same key, talking to another replica."""
    return Person(replica.client, person.name, {"Authorization": person.client.headers["Authorization"]})


async def last_message(person: Person) -> tuple[str, str]:
    conversation = (await person.get("/v1/conversations"))[0]["id"]
    return (await person.messages(conversation))[-1]


async def until(stream: AsyncIterator[Event], name: str) -> Event:
    async for event in stream:
        if event.name == name:
            return event
    raise AssertionError(f"the stream ended without {name}")


async def test_pieces_come_while_the_model_speaks(anna: Person, model: Scripted) -> None:
    gate = asyncio.Event()
    model.will("The kettle sings. ", gate, "Now it is quiet.")
    async with anna.saying("What do you hear?") as stream:
        assert (await anext(stream)).name == "turn.started"
        assert (await anext(stream)).data == {"text": "The kettle sings."}
        gate.set()
        rest = [event async for event in stream]
    assert rest[0].data == {"text": " Now it is quiet."}
    assert rest[-1].name == "turn.done"


async def test_a_reply_that_is_stopped_keeps_what_was_said(house: House, anna: Person, model: Scripted) -> None:
    model.will("The kettle sings. ", asyncio.Event(), "Never said.")
    async with anna.saying("What do you hear?") as stream:
        turn = (await anext(stream)).data["turn"]
        await until(stream, "text.delta")
        stopped = await house.client.post(f"/v1/turns/{turn}/stop")
        assert stopped.status_code == 202
        done = await until(stream, "turn.done")
    assert done.data["stopped"] is True
    assert done.data["text"] == "The kettle sings."
    assert model.hung_up == 1, "the call to the model must end"
    assert await last_message(anna) == ("assistant", "The kettle sings.")
    assert (await anna.ended(turn))["state"] == "stopped"
    assert (await house.client.post(f"/v1/turns/{turn}/stop")).status_code == 202, "stopping twice is no error"


async def test_a_reader_who_hangs_up_loses_nothing(anna: Person, model: Scripted) -> None:
    gate = asyncio.Event()
    model.will("The kettle sings. ", gate, "Now it is quiet.")
    async with anna.saying("What do you hear?") as stream:
        turn = (await anext(stream)).data["turn"]
        await until(stream, "text.delta")
    gate.set()
    found = await anna.ended(turn)
    assert (found["state"], found["text"]) == ("done", "The kettle sings. Now it is quiet.")
    assert model.hung_up == 0
    assert await last_message(anna) == ("assistant", "The kettle sings. Now it is quiet.")


async def test_a_model_that_dies_midway_leaves_what_it_said(anna: Person, model: Scripted) -> None:
    model.will("It began well. ", AWAY)
    found = await anna.say("How was it?")
    assert found.last.name == "turn.error"
    problem = found.last.data
    assert (problem["status"], problem["code"], problem["detail"]) == (502, "model_failed", AWAY.detail)
    assert problem["text"] == "It began well."
    assert await last_message(anna) == ("assistant", "It began well.")
    assert (await anna.ended(found.turn))["state"] == "interrupted"


async def test_a_model_that_never_begins_leaves_the_message_and_the_next_one_works(
    anna: Person, model: Scripted
) -> None:
    model.will(AWAY)
    found = await anna.say("How was it?")
    assert [event.name for event in found.events] == ["turn.started", "turn.error"]
    assert found.last.data["text"] == ""
    assert await last_message(anna) == ("user", "How was it?")
    assert (await anna.ended(found.turn))["state"] == "failed"
    again = await anna.say("Still there?")
    assert again.done["text"] == "All right. I hear you."
    roles = [message.role for message in model.last.messages]
    assert all(one != other for one, other in pairwise(roles)), "some models refuse two in a row"
    assert "How was it?" in str(model.last.messages)


async def test_a_reply_that_takes_too_long_is_ended_in_words(house: House, embedder: MiniLM) -> None:
    slow = Scripted()
    slow.will("It began well. ", asyncio.Event())
    async with open_house(house.dsn, embedder, slow, turn_s=0.3) as impatient:
        found = await impatient.person().say("How was it?")
    assert found.last.name == "turn.error"
    assert "longer than" in found.last.data["detail"]
    assert found.last.data["text"].endswith("It began well.")


@pytest.mark.parametrize("opening", ["The kettle sings. ", "\n\n  The kettle sings. "])
async def test_coming_back_from_an_offset_gives_exactly_the_rest(anna: Person, model: Scripted, opening: str) -> None:
    gate = asyncio.Event()
    model.will(opening, gate, "Now it is quiet. ", "Good night. \n")
    async with anna.saying("What do you hear?") as stream:
        turn = (await anext(stream)).data["turn"]
        first = await until(stream, "text.delta")
    gate.set()
    whole = (await anna.ended(turn))["text"]
    again = heard(await anna.client.get(f"/v1/turns/{turn}/stream", headers={"Last-Event-ID": first.id}))
    assert first.data["text"] + again.text == whole
    assert again.done["text"] == whole
    assert again.events[0].name == "text.delta", "who comes back has heard of the start"
    from_the_start = heard(await anna.client.get(f"/v1/turns/{turn}/stream"))
    assert from_the_start.events[0].data == {"turn": turn}
    assert from_the_start.text == whole


async def test_coming_back_while_it_is_written(anna: Person, model: Scripted) -> None:
    gate = asyncio.Event()
    model.will("The kettle sings. ", gate, "Now it is quiet.")
    async with anna.saying("What do you hear?") as stream:
        turn = (await anext(stream)).data["turn"]
        first = await until(stream, "text.delta")
    back = asyncio.create_task(anna.client.get(f"/v1/turns/{turn}/stream", headers={"Last-Event-ID": first.id}))
    gate.set()
    assert first.data["text"] + heard(await back).text == "The kettle sings. Now it is quiet."


async def test_an_event_id_that_is_none_is_refused(anna: Person, model: Scripted) -> None:
    turn = (await anna.say("What do you hear?")).turn
    refused = await anna.client.get(f"/v1/turns/{turn}/stream", headers={"Last-Event-ID": "yesterday"})
    assert refused.status_code == 400
    assert "Last-Event-ID" in refused.json()["detail"]


async def test_another_replica_follows_and_stops_a_reply(
    house: House, anna: Person, model: Scripted, embedder: MiniLM
) -> None:
    model.will("The kettle sings. ", asyncio.Event(), "Never said.")
    async with open_house(house.dsn, embedder, Scripted()) as other, anna.saying("What do you hear?") as stream:
        turn = (await anext(stream)).data["turn"]
        await until(stream, "text.delta")
        async with other.client.stream("GET", f"/v1/turns/{turn}/stream") as elsewhere:
            assert (await until(events_of(elsewhere), "text.delta")).data == {"text": "The kettle sings."}
            assert (await other.client.post(f"/v1/turns/{turn}/stop")).status_code == 202
        done = await until(stream, "turn.done")
    assert (done.data["stopped"], done.data["text"]) == (True, "The kettle sings.")


async def orphan(house: House, turn: str) -> None:
    """Make a turn one of a replica that nobody has heard of for long, as after a kill -9."""
    async with house.db.connection() as conn:
        await conn.execute("update turns set replica_id = gen_random_uuid() where turn_id = %s", [UUID(turn)])


async def test_a_retry_after_a_dead_replica_answers_the_same_turn(
    house: House, anna: Person, model: Scripted, embedder: MiniLM
) -> None:
    gate = asyncio.Event()
    model.will(gate, "From the dead.")
    other = Scripted()
    other.will("It sings again.")
    async with anna.saying("What do you hear?", key="k1") as stream:
        turn = (await anext(stream)).data["turn"]
    await orphan(house, turn)
    async with open_house(house.dsn, embedder, other) as survivor:
        retry = await at(survivor, anna).say("What do you hear?", key="k1")
    gate.set()
    assert retry.turn == turn
    assert retry.done["text"] == "It sings again."
    conversation = retry.done["conversation"]
    await anna.say("And now?")
    said = [text for _, text in await anna.messages(conversation)]
    assert said.count("What do you hear?") == 1
    assert "From the dead." not in said
    assert said[-3] == "It sings again."


async def test_a_reply_cut_off_by_a_dead_replica_is_replayed_and_said_to_be_interrupted(
    house: House, anna: Person, model: Scripted, embedder: MiniLM
) -> None:
    gate = asyncio.Event()
    model.will("The kettle sings. ", gate, "Lost.")
    async with anna.saying("What do you hear?", key="k2") as stream:
        turn = (await anext(stream)).data["turn"]
        await until(stream, "text.delta")
    await house.engine.live.beat()
    await orphan(house, turn)
    other = Scripted()
    async with open_house(house.dsn, embedder, other) as survivor:
        retry = await at(survivor, anna).say("What do you hear?", key="k2")
    gate.set()
    assert other.requests == [], "a word was heard, so it is not answered twice"
    assert retry.text.strip() == "The kettle sings."
    assert retry.last.name == "turn.interrupted"
    assert await last_message(anna) == ("assistant", "The kettle sings.")
    assert (await anna.ended(turn))["state"] == "interrupted"


async def test_a_notice_alone_is_no_answer_and_no_memory(house: House, model: Scripted, embedder: MiniLM) -> None:
    bert, gates = house.person(), (asyncio.Event(), asyncio.Event())
    model.will(gates[0], "Lost.")
    async with bert.saying("What do you hear?", key="k8") as stream:
        turn = (await anext(stream)).data["turn"]
        assert (await until(stream, "text.delta")).data["text"].startswith(disclosure.notice("en"))
    await house.engine.live.beat()
    await orphan(house, turn)
    gates[0].set()
    other = Scripted()
    other.will("It sings again. ", gates[1], "Lost as well.")
    async with open_house(house.dsn, embedder, other) as survivor:
        async with at(survivor, bert).saying("What do you hear?", key="k8") as stream:
            assert (await anext(stream)).data["turn"] == turn
            heard_again = ""
            while "sings" not in heard_again:
                heard_again += (await until(stream, "text.delta")).data["text"]
        await survivor.engine.live.beat()
        await orphan(house, turn)
        gates[1].set()
    ended = await bert.ended(turn)
    assert heard_again.startswith(disclosure.notice("en")), "who asks again hears the notice again"
    assert ended["state"] == "interrupted"
    assert ended["text"] == disclosure.notice("en") + "\n\nIt sings again."
    assert await last_message(bert) == ("assistant", "It sings again.")


async def test_the_same_key_gets_the_same_turn_and_one_call_of_the_model(anna: Person, model: Scripted) -> None:
    first = await anna.say("What do you hear?", key="k3")
    again = await anna.say("What do you hear?", key="k3")
    assert again.turn == first.turn
    assert again.text == first.text
    assert again.done == first.done
    assert len(model.requests) == 1
    said = await anna.messages(first.done["conversation"])
    assert [text for _, text in said].count("What do you hear?") == 1


async def test_a_key_used_for_another_message_is_refused(anna: Person, model: Scripted) -> None:
    await anna.say("What do you hear?", key="k4")
    refused = await anna.post("What do you see?", key="k4")
    assert refused.status_code == 422
    assert "Idempotency-Key" in refused.json()["detail"]
    assert len(model.requests) == 1


async def test_a_key_whose_first_request_still_runs_is_a_conflict(anna: Person, model: Scripted) -> None:
    gate = asyncio.Event()
    model.will(gate, "There.")
    async with anna.saying("What do you hear?", key="k5") as stream:
        turn = (await anext(stream)).data["turn"]
        refused = await anna.post("What do you hear?", key="k5")
        gate.set()
        assert (await until(stream, "turn.done")).data["text"] == "There."
    assert refused.status_code == 409
    assert refused.json()["turn"] == turn
    assert int(refused.headers["retry-after"]) >= 1


async def test_two_requests_at_once_with_one_key_make_one_turn(anna: Person, model: Scripted) -> None:
    answers = await asyncio.gather(*(anna.post("What do you hear?", key="k6") for _ in range(4)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[0] == 200
    assert set(statuses) <= {200, 409}
    assert len({heard(answer).turn for answer in answers if answer.status_code == 200}) == 1
    assert len(model.requests) == 1


async def test_keys_of_two_callers_are_strangers(house: House, anna: Person, model: Scripted) -> None:
    browser = await house.token_of(anna)
    first = await anna.say("What do you hear?", key="k7")
    second = await browser.say("Something else.", key="k7")
    assert first.turn != second.turn


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
async def test_a_key_that_is_none_is_refused(anna: Person, key: str) -> None:
    refused = await anna.client.post("/v1/chat", json=anna.body("Hello."), headers={"Idempotency-Key": key})
    assert refused.status_code == 400
    assert "1 to 255 printable characters" in refused.json()["detail"]


async def test_who_is_erased_while_a_reply_is_written_leaves_nothing(
    house: House, anna: Person, model: Scripted
) -> None:
    gate = asyncio.Event()
    model.will("The kettle sings. ", gate, "Now it is quiet.")
    async with anna.saying("What do you hear?") as stream:
        await until(stream, "text.delta")
        user_id = await id_of(house, anna)
        assert (await house.client.delete(f"/v1/users/{anna.name}")).status_code == 200
        gate.set()
        ending = [event async for event in stream][-1]
    assert ending.name == "turn.interrupted"
    await house.engine.live.beat()
    assert await left_of(house, user_id) == {}


async def test_who_is_erased_just_as_a_reply_ends_leaves_nothing(house: House, model: Scripted) -> None:
    people = [house.person() for _ in range(12)]
    gate = asyncio.Event()
    for _ in people:
        model.will("The kettle sings. ", gate, "Now it is quiet.")
    talking = [asyncio.create_task(person.say("What do you hear?")) for person in people]
    async with asyncio.timeout(30):
        while len(model.requests) < len(people):
            await asyncio.wait(talking, timeout=0.05)
    ids = [await id_of(house, person) for person in people]
    erasing = [asyncio.create_task(house.client.delete(f"/v1/users/{person.name}")) for person in people]
    gate.set()
    assert {(await answer).status_code for answer in erasing} == {200}
    assert {(await told).last.name for told in talking} <= {"turn.done", "turn.interrupted"}
    for user_id in ids:
        assert await left_of(house, user_id) == {}


async def id_of(house: House, person: Person) -> UUID:
    async with house.db.connection() as conn:
        return (await identity.find_user(conn, str(person.name))).user_id


async def left_of(house: House, user_id: UUID) -> dict[str, int]:
    """Rows about somebody, by table, in every table that has a `user_id`."""
    async with house.db.connection() as conn:
        named = await conn.execute(
            "select c.table_name from information_schema.columns c join information_schema.tables t using (table_name)"
            " where c.column_name = 'user_id' and c.table_schema = 'public' and t.table_type = 'BASE TABLE'"
        )
        found: dict[str, int] = {}
        for (table,) in await named.fetchall():
            query = sql.SQL("select count(*) from {} where user_id = %s").format(sql.Identifier(table))
            row = await (await conn.execute(query, [user_id])).fetchone()
            if row and row[0]:
                found[table] = row[0]
        return found


async def test_a_full_house_asks_to_wait(house: House, embedder: MiniLM) -> None:
    gate = asyncio.Event()
    slow = Scripted()
    slow.will(gate, "There.")
    async with open_house(house.dsn, embedder, slow, running_turns=1) as small:
        async with small.person().saying("Hello.") as stream:
            await anext(stream)
            refused = await small.person().post("Hello.")
            gate.set()
            await until(stream, "turn.done")
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "3"
        assert (await small.person().say("Hello.")).done


async def test_too_many_messages_are_refused_and_not_kept(house: House, embedder: MiniLM) -> None:
    async with open_house(house.dsn, embedder, Scripted(), messages_per_minute=2) as strict:
        anna = strict.person()
        await anna.say("One.")
        conversation = (await anna.say("Two.")).done["conversation"]
        refused = await anna.post("Three.")
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert "Three." not in str(await anna.messages(conversation))
