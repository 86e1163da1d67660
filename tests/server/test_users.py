"""A person over HTTP: consents, age, export, erasure."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import httpx
import jwt
import pytest
from fastapi import FastAPI

from undertone import signals
from undertone.people import identity, privacy
from undertone.people.age import AgeIssuer
from undertone.resources import Pool
from undertone.types import Reading, Signal

OURS = {"Origin": "http://undertone.test"}
NewKey = Callable[..., Awaitable[str]]
NewClient = Callable[..., httpx.AsyncClient]
AGE_SECRET = "a shared secret that is long enough to sign with"


@pytest.fixture
def age_provider(people_app: FastAPI) -> None:
    """Age assertions signed with AGE_SECRET count."""
    people_app.state.age_issuer = AgeIssuer("https://age.example", AGE_SECRET, "HS256")


def consent(purpose: str, granted: bool) -> dict[str, object]:
    return {"purpose": purpose, "version": "2026-11", "granted": granted}


async def test_somebody_never_seen_is_not_found_and_not_made(platform: httpx.AsyncClient) -> None:
    for path in ("", "/consents", "/export"):
        assert (await platform.get(f"/v1/users/anna{path}")).status_code == 404
    assert (await platform.delete("/v1/users/anna")).status_code == 404


async def test_a_persons_no_goes_before_what_the_platform_attests(platform: httpx.AsyncClient) -> None:
    refused = await platform.post("/v1/users/anna/consents", json=consent("typing", False))
    assert refused.status_code == 201
    assert refused.json()["source"].startswith("key ")
    anna = (await platform.get("/v1/users/anna")).json()
    assert anna["adult"] is True
    unasked = dict.fromkeys(("training", "sharing", "offers", "reminders"), "not asked")
    assert anna["consents"] == {"chat": "granted", "memory": "granted", "typing": "refused"} | unasked
    await platform.post("/v1/users/anna/consents", json=consent("typing", True))
    assert (await platform.get("/v1/users/anna")).json()["consents"]["typing"] == "granted"
    assert [row["granted"] for row in (await platform.get("/v1/users/anna/consents")).json()] == [False, True]


async def test_a_signed_in_person_speaks_for_themselves(visitor: httpx.AsyncClient) -> None:
    assert (await visitor.get("/v1/users/me")).json()["consents"]["chat"] == "not asked"
    kept = await visitor.post("/v1/users/me/consents", json=consent("chat", True), headers=OURS)
    assert kept.json()["source"] == "person"
    assert (await visitor.get("/v1/users/me")).json()["consents"]["chat"] == "granted"


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"purpose", "version", "granted"}),
        ({"purpose": "adult", "version": "1", "granted": True}, {"purpose"}),
        ({"purpose": "chat", "version": "", "granted": True}, {"version"}),
        ({"purpose": "chat", "version": "1", "granted": "perhaps"}, {"granted"}),
        ({"purpose": "chat", "version": "1", "granted": True, "at": "yesterday"}, {"at"}),
    ],
)
async def test_a_consent_that_says_too_little_or_too_much_is_refused(
    platform: httpx.AsyncClient, body: dict[str, object], fields: set[str]
) -> None:
    answer = await platform.post("/v1/users/anna/consents", json=body)
    assert answer.status_code == 422
    assert {fault["field"] for fault in answer.json()["errors"]} == fields


async def test_where_and_which_language(platform: httpx.AsyncClient) -> None:
    await platform.patch("/v1/users/anna", json={"country": "IE", "language": "en-IE"})
    assert (await platform.patch("/v1/users/anna", json={"language": "ga"})).json() | {"consents": {}} == {
        "user": "anna",
        "country": "IE",
        "language": "ga",
        "adult": True,
        "consents": {},
    }
    assert (await platform.patch("/v1/users/anna", json={"country": None})).json()["country"] is None
    for wrong in ({"country": "Ireland"}, {"country": "ie"}, {"language": "x" * 40}, {"language": "en\u0000"}):
        assert (await platform.patch("/v1/users/anna", json=wrong)).status_code == 422


async def test_a_person_sees_corrects_and_deletes_how_they_are_read(platform: httpx.AsyncClient, db: Pool) -> None:
    path = "/v1/users/anna"
    assert (await platform.patch(f"{path}/profile", json={"user_type": None})).status_code == 404
    assert (await platform.get(path)).json()["profile"] is None
    async with db.connection() as conn:
        anna = await identity.find_user(conn, "anna")
        reading = Reading({"user_type": Signal("user_type", "CURIOUS_TOURIST", 0.9)}, {})
        await signals.save_profile(conn, anna.user_id, reading, now=datetime.now(UTC))
    assert (await platform.get(path)).json()["profile"]["user_type"] == "CURIOUS_TOURIST"
    corrected = await platform.patch(f"{path}/profile", json={"user_type": "LONELY_SINGLE"})
    assert (corrected.json()["user_type"], corrected.json()["corrected"]) == ("CURIOUS_TOURIST", "LONELY_SINGLE")
    assert (await platform.patch(f"{path}/profile", json={"user_type": "RICH"})).status_code == 422
    assert (await platform.patch(f"{path}/profile", json={"user_type": None})).json()["corrected"] is None
    assert (await platform.delete(f"{path}/profile")).status_code == 204
    assert (await platform.get(path)).json()["profile"] is None


@pytest.mark.parametrize("user", ["a%2Fb", "%20anna", "an%00na", "x" * 129, "..", "%2e%2e"])
async def test_an_impossible_id_is_refused(platform: httpx.AsyncClient, user: str) -> None:
    answer = await platform.patch(f"/v1/users/{user}", json={})
    assert answer.status_code in (400, 404, 405)
    assert answer.headers["content-type"] == "application/problem+json"


def age_assertion(adult: bool, user: str = "anna") -> dict[str, str]:
    now = datetime.now(UTC)
    claims = {"iss": "https://age.example", "aud": "undertone", "sub": user, "iat": now, "exp": now + timedelta(days=9)}
    return {"assertion": jwt.encode(claims | {"method": "photo_id", "adult": adult}, AGE_SECRET, "HS256")}


@pytest.mark.usefixtures("age_provider")
async def test_a_signed_assertion_makes_an_adult_and_a_later_no_ends_it(new_client: NewClient, new_key: NewKey) -> None:
    platform = new_client(await new_key(attests={"chat"}))
    accepted = await platform.post("/v1/users/anna/age-assertions", json=age_assertion(True))
    assert accepted.status_code == 201
    assert accepted.json()["adult"] is True
    denied = await platform.post("/v1/users/anna/age-assertions", json=age_assertion(False))
    assert denied.json()["adult"] is False


@pytest.mark.usefixtures("age_provider")
async def test_an_assertion_about_somebody_else_or_a_birth_date_is_not_enough(platform: httpx.AsyncClient) -> None:
    for body in (age_assertion(True, "bert"), {"assertion": "1990-01-01"}):
        answer = await platform.post("/v1/users/anna/age-assertions", json=body)
        assert answer.status_code == 422
        assert "not accepted" in answer.json()["detail"]


async def test_without_a_provider_the_answer_says_what_to_set(platform: httpx.AsyncClient) -> None:
    answer = await platform.post("/v1/users/anna/age-assertions", json=age_assertion(True))
    assert answer.status_code == 422
    assert "UNDERTONE_AGE_ISSUER" in answer.json()["detail"]


async def test_export_is_everything_by_table(platform: httpx.AsyncClient) -> None:
    await platform.post("/v1/users/anna/consents", json=consent("chat", True))
    answer = await platform.get("/v1/users/anna/export")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.json()["tables"].keys() == privacy.registered_tables()
    assert answer.json()["tables"]["consents"][0]["purpose"] == "chat"


async def test_erasure_ends_the_sign_in_and_the_person(visitor: httpx.AsyncClient, platform: httpx.AsyncClient) -> None:
    await visitor.post("/v1/users/me/consents", json=consent("chat", True), headers=OURS)
    cookies = dict(visitor.cookies)
    erased = await visitor.delete("/v1/users/me", headers=OURS)
    assert erased.status_code == 200
    assert erased.json()["erased"]["users"] == 1
    assert erased.json()["erased"]["consents"] == 1
    assert not visitor.cookies
    visitor.cookies.update(cookies)
    assert (await visitor.get("/v1/users/me")).status_code == 401
    assert (await platform.get("/v1/users/anna")).status_code == 404


async def test_many_first_calls_at_once_make_one_person(platform: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(platform.patch("/v1/users/anna", json={}) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}
