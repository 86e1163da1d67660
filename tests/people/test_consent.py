"""Consents: what a person said goes before what a platform attests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.errors import RaiseException
from uuid_utils.compat import uuid7

from undertone.errors import AdultRequired, BadInput, ConsentRequired, Unauthenticated
from undertone.people import consent, identity, privacy
from undertone.people.identity import Principal
from undertone.people.store import User, UserState
from undertone.resources import Connection


def key(*attests: str) -> Principal:
    return Principal(kind="key", scopes=frozenset({"chat"}), attests=frozenset(attests), key_id="k")


async def test_a_new_person_stands_on_what_the_key_attests(conn: Connection) -> None:
    person = await consent.standing(conn, key("adult", "chat"), "anna")
    assert (person.consents, person.refused, person.adult) == ({"chat"}, set(), True)
    consent.require_chat(person)
    bare = await consent.standing(conn, key(), "anna")
    assert bare.user_id == person.user_id
    assert (bare.consents, bare.adult) == (set(), False)


async def test_the_newest_answer_counts_and_all_are_kept(conn: Connection) -> None:
    anna = await identity.find_or_create_user(conn, "anna")
    for granted in (True, False, True, False):
        await consent.answer(conn, anna.user_id, "memory", "2026-11", granted, "person")
    person = await consent.standing(conn, key("adult", "chat", "memory"), "anna")
    assert person.consents == {"chat"}
    assert person.refused == {"memory"}
    assert [answer.granted for answer in await consent.history(conn, anna.user_id)] == [True, False, True, False]


async def test_answers_cannot_be_rewritten(conn: Connection) -> None:
    anna = await identity.find_or_create_user(conn, "anna")
    await consent.answer(conn, anna.user_id, "chat", "1", False, "person")
    with pytest.raises(RaiseException, match="append-only"):
        async with conn.transaction():
            await conn.execute("update consents set granted = true")


async def test_a_refusal_names_the_call_that_grants(conn: Connection) -> None:
    person = await consent.standing(conn, key("adult"), "anna")
    with pytest.raises(ConsentRequired, match="POST /v1/users/anna/consents") as refusal:
        consent.require_chat(person)
    assert refusal.value.extra == {"purpose": "chat"}
    with pytest.raises(AdultRequired, match="POST /v1/users/anna/age-assertions"):
        consent.require_chat(await consent.standing(conn, key("chat"), "anna"))


@pytest.mark.parametrize(("purpose", "version"), [("everything", "1"), ("adult", "1"), ("chat", ""), ("chat", "a\x00")])
async def test_an_answer_needs_a_known_purpose_and_a_version(conn: Connection, purpose: str, version: str) -> None:
    anna = await identity.find_or_create_user(conn, "anna")
    with pytest.raises(BadInput):
        await consent.answer(conn, anna.user_id, purpose, version, True, "person")


async def test_an_erased_person_is_not_made_again_by_their_own_token(conn: Connection) -> None:
    anna = await identity.find_or_create_user(conn, "anna")
    token, _ = await identity.issue_token(conn, anna.user_id)
    who = await identity.authenticate(conn, token)
    await privacy.erase_person(conn, anna.user_id)
    with pytest.raises(Unauthenticated, match="erased"):
        await consent.standing(conn, who, "anna")


answers = st.dictionaries(st.sampled_from(sorted(consent.PURPOSES)), st.booleans())
attests = st.frozensets(st.sampled_from(identity.ATTESTABLE))


@given(answers, attests, st.booleans(), st.booleans())
def test_no_attestation_outweighs_a_person(
    said: dict[str, bool], attested: frozenset[str], proven: bool, refuted: bool
) -> None:
    user = User(uuid7(), "anna", None, None, None)  # pyright: ignore[reportArgumentType]
    person = consent.weigh(UserState(user, said, proven, refuted), attested)
    assert {purpose for purpose, yes in said.items() if not yes} == person.refused
    assert not person.consents & person.refused
    assert person.consents <= {purpose for purpose, yes in said.items() if yes} | attested
    assert person.adult == (proven or ("adult" in attested and not refuted))
