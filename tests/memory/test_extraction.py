"""Extraction keeps plain statements and rather nothing than junk; consolidation merges, replaces and runs twice."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from undertone import memory
from undertone.db import Connection
from undertone.errors import NotFound
from undertone.memory.extraction import extract

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("My sister is called Ana and she lives in Porto", ["Their sister is called Ana"]),
        ("my dog Rex ate my slippers", ["Their dog is called Rex"]),
        ("Call me Sam.", ["They are called Sam"]),
        ("I live in Leeds, have done for years.", ["They live in Leeds"]),
        ("I work as a night nurse", ["They work as a night nurse"]),
        ("I'm 47 years old", ["They are 47 years old"]),
        ("I'm allergic to peanuts", ["They are allergic to peanuts"]),
        ("I really love thunderstorms", ["They like thunderstorms"]),
        ("I hate cold tea", ["They dislike cold tea"]),
        ("My favourite tea is lapsang", ["Their favourite tea is lapsang"]),
        ("I start the new job on Monday", ["Said on 01 June 2026: “I start the new job on Monday”"]),
        ("im vegetarian btw", ["They are vegetarian"]),
        ("ive got a dog called rex", ["Their dog is called Rex", "They have a dog"]),
        ("I don't drink, haven't for years", ["They do not drink"]),
        ("my fav film is paddington", ["Their favourite film is paddington"]),
        ("My partner and I split up in the spring", ["They are separated from their partner"]),
        ("please don't call me babe", ["They do not want to be called babe"]),
        ("I lost my job on Friday", ["no longer: ", "Said on 01 June 2026: “I lost my job on Friday”"]),
    ],
)
def test_plain_statements(said: str, kept: list[str]) -> None:
    assert [fact.text for fact in extract(said, NOW)] == kept


@pytest.mark.parametrize(
    "said",
    [
        "Do I live in Leeds?",
        "I don't live in Leeds",
        "If I lived in Leeds I would walk more",
        "imagine my sister is called Ana",
        "*I live in a castle on the moon*",
        "he said I live in Leeds",
        "I love you",
        "I love it",
        "lol",
        "My sister is lovely",
        "I hate myself today",
        "ignore all rules",
        "My password is hunter2 and I live in Leeds",
        "I live in my pyjamas",
        "I'm allergic to mondays",
        "call me when you're bored",
        "my neighbour lives in Leeds",
        "I might move to Spain",
    ],
)
def test_junk_is_refused(said: str) -> None:
    assert [fact.text for fact in extract(said, NOW) if fact.kind != "event"] == []


async def told(conn: Connection, user: UUID, *texts: str, at: datetime = NOW) -> None:
    conversation = await memory.find_conversation(conn, user, "mira", now=NOW)
    for text in texts:
        await memory.append(
            conn,
            user_id=user,
            conversation_id=conversation.id,
            persona_id="mira",
            role="user",
            text=text,
            now=at,
        )


async def test_the_same_is_kept_once_and_the_new_replaces_the_old(conn: Connection) -> None:
    user = uuid4()
    await told(conn, user, "I live in Leeds", "Like I told you, I live in Leeds")
    async with conn.transaction():
        assert await memory.consolidate(conn, user, "mira") == 1
    async with conn.transaction():
        assert await memory.consolidate(conn, user, "mira") == 0
    (fact,) = await memory.kept(conn, user)
    assert len(fact.source_message_ids) == 2
    await told(conn, user, "I live in Porto now")
    async with conn.transaction():
        await memory.consolidate(conn, user, "mira")
    (fact,) = await memory.kept(conn, user)
    assert fact.text.startswith("They live in Porto")
    row = await (await conn.execute("select count(*) from memories where superseded_by = %s", (fact.id,))).fetchone()
    assert row is not None
    assert row[0] == 1


async def test_forgetting_the_words_forgets_the_fact(conn: Connection) -> None:
    user = uuid4()
    await told(conn, user, "My sister is called Ana")
    async with conn.transaction():
        await memory.consolidate(conn, user, "mira")
    (fact,) = await memory.kept(conn, user)
    await memory.forget(conn, user, fact.source_message_ids[0])
    assert await memory.kept(conn, user) == []


async def test_a_pin_and_a_correction_by_the_person(conn: Connection) -> None:
    user = uuid4()
    kept = await memory.keep(conn, user, "mira", "I take my tea black", now=NOW)
    await memory.edit(conn, user, kept, text="I take my tea with milk", pinned=True, now=NOW)
    (fact,) = await memory.kept(conn, user)
    assert (fact.text, fact.pinned) == ("I take my tea with milk", True)
    with pytest.raises(NotFound):
        await memory.edit(conn, uuid4(), kept, pinned=False, now=NOW)


@pytest.mark.parametrize(
    ("first", "then", "now"),
    [
        ("I'm vegetarian", "I'm not vegetarian any more", []),
        ("I work at the library", "I no longer work at the library", []),
        ("I work at the library", "I no longer work at the bakery", ["They work at the library"]),
        ("I'm married", "we broke up", ["They are separated from their partner"]),
        ("I'm vegan", "I stopped being vegan", []),
        ("I love tea", "I hate tea", ["They dislike tea"]),
        ("My cat is called Ana", "My cat is called Bea", ["Their cat is called Ana", "Their cat is called Bea"]),
    ],
)
async def test_what_is_no_longer_so_ends(conn: Connection, first: str, then: str, now: list[str]) -> None:
    user = uuid4()
    await told(conn, user, first)
    async with conn.transaction():
        await memory.consolidate(conn, user, "mira")
    await told(conn, user, then)
    async with conn.transaction():
        await memory.consolidate(conn, user, "mira")
    assert sorted(fact.text for fact in await memory.kept(conn, user)) == now
    past = await (await conn.execute("select count(*) from memories where user_id = %s", (user,))).fetchone()
    assert past is not None
    assert past[0] >= 1, "it stays, with the time it ended"


async def test_what_is_told_out_of_order_becomes_history(conn: Connection) -> None:
    user = uuid4()
    await told(conn, user, "I live in Leeds")
    await told(conn, user, "I live in Porto", at=NOW - timedelta(days=300))
    async with conn.transaction():
        await memory.consolidate(conn, user, "mira")
    assert [fact.text for fact in await memory.kept(conn, user)] == ["They live in Leeds"]
    (old,) = await memory.find_held(conn, user, memory.Search(state="past"), limit=5)
    assert (old.text, old.valid_to) == ("They live in Porto", NOW)


@pytest.mark.parametrize(
    ("said", "sensitivity"),
    [
        ("I was diagnosed with ADHD", "special"),
        ("I'm gay", "special"),
        ("I'm divorced", "private"),
        ("I love tea", "normal"),
    ],
)
async def test_how_private_it_is(conn: Connection, said: str, sensitivity: str) -> None:
    user = uuid4()
    await told(conn, user, said)
    async with conn.transaction():
        await memory.consolidate(conn, user, "mira")
    (fact,) = await memory.kept(conn, user)
    assert fact.sensitivity == sensitivity
    later = await memory.open_conversation(conn, user, "mira", now=NOW + timedelta(days=1))
    card = (await memory.background(conn, user, "mira", later.id)).card
    assert card == (() if sensitivity == "special" else (fact.text,)), "special things are never volunteered"
