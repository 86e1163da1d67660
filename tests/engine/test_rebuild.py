"""A profile read anew from the stored messages equals the one that grew with them; a no to being read stands."""

import json

import pytest

from house import House
from scripted_model import Scripted
from undertone import signals
from undertone.db import transaction
from undertone.engine import rebuild
from undertone.errors import Forbidden
from undertone.people import Principal, standing
from undertone.signals.store import correct_profile

ATTESTED = Principal(kind="key", scopes=frozenset(), attests=frozenset({"typing"}))


async def profile_of(house: House, user: str | None) -> signals.Profile | None:
    async with transaction(house.db) as conn:
        return await signals.load_profile(conn, (await standing(conn, ATTESTED, user or "")).user_id)


async def test_a_rebuilt_profile_is_the_one_that_grew(house: House) -> None:
    person = house.person()
    for text in ("hi", "does this show on the bank statement, my wife sees it", "please don't flirt, I feel guilty 😞"):
        await person.say(text)
    grown = await profile_of(house, person.name)
    assert grown is not None
    async with transaction(house.db) as conn:
        await correct_profile(conn, grown.user_id, "LONELY_SINGLE")
        await conn.execute("update profiles set state = '{}', user_type = 'undecided', mood = 0, messages = 0")
        someone = await standing(conn, ATTESTED, person.name or "")
    assert await rebuild.rebuild_profile(house.engine, someone) == 3
    again = await profile_of(house, person.name)
    assert again is not None
    assert (again.messages, again.corrected, again.user_type) == (3, "LONELY_SINGLE", grown.user_type)
    assert again.mood == pytest.approx(grown.mood, abs=0.01)
    old, new = grown.fields(), again.fields()
    for name, p in old["user_type"]["probabilities"].items():
        assert new["user_type"]["probabilities"][name] == pytest.approx(p, abs=0.01)
    assert new["habits"] == old["habits"]
    assert set(new["stated"]) == {"no_flirting"}
    assert "wife" not in json.dumps(again.state)


async def test_what_is_known_is_shown_field_by_field(house: House) -> None:
    person = house.person()
    await person.say("my wife is asleep, is this private?")
    shown = (await person.get(f"/v1/users/{person.name}"))["profile"]["fields"]
    assert shown["habits"]["messages"] == 1
    assert sum(shown["user_type"]["probabilities"].values()) == pytest.approx(1.0, abs=0.01)
    assert shown["user_type"]["history"][0]["message"] == 1


async def test_without_consent_nobody_is_read_anew(house: House) -> None:
    person = house.person()
    await person.say("hello")
    async with transaction(house.db) as conn:
        someone = await standing(
            conn, Principal(kind="key", scopes=frozenset(), attests=frozenset()), person.name or ""
        )
    with pytest.raises(Forbidden, match="typing"):
        await rebuild.rebuild_profile(house.engine, someone)


async def test_somebody_who_asks_for_no_flirting_gets_none(house: House, model: Scripted) -> None:
    person = house.person()
    await person.say("what a lovely evening by the sea")
    assert "Flirting: none" not in model.last.as_body()["messages"][-1]["content"]
    await person.say("please don't flirt with me")
    await person.say("what a lovely evening by the sea")
    assert "Flirting: none" in model.last.as_body()["messages"][-1]["content"]
