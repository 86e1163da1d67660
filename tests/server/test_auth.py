"""At the door: keys, tokens, the sign-in cookie, scopes, and requests that other sites make a browser send."""

from collections.abc import Awaitable, Callable

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from undertone.people import identity
from undertone.resources import Pool
from undertone.server import auth, tokens, users

OURS = {"Origin": "http://undertone.test"}
CONSENT = {"purpose": "chat", "version": "1", "granted": True}
NewKey = Callable[..., Awaitable[str]]
NewClient = Callable[..., httpx.AsyncClient]


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer nonsense", "Basic YTpi", "Bearer ut_" + "0" * 12 + "_" + "0" * 48]
)
async def test_a_wrong_key_is_refused_in_words(new_client: NewClient, header: str) -> None:
    answer = await new_client().get("/v1/users/anna", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "unauthenticated"


async def test_no_key_at_all_is_told_how_to_send_one(new_client: NewClient) -> None:
    answer = await new_client().get("/v1/users/anna")
    assert answer.status_code == 401
    assert "Authorization: Bearer" in answer.json()["detail"]


async def test_a_key_opens_its_scopes_only(new_client: NewClient, new_key: NewKey) -> None:
    client = new_client(await new_key(scopes={"profile"}))
    assert (await client.patch("/v1/users/anna", json={"country": "IE"})).status_code == 200
    refused = await client.post("/v1/users/anna/consents", json=CONSENT)
    assert refused.status_code == 403
    assert "--scopes people" in refused.json()["detail"]
    assert (await client.post("/v1/tokens", json={"user": "anna"})).status_code == 403


async def test_a_token_opens_what_is_the_persons_own(platform: httpx.AsyncClient, new_client: NewClient) -> None:
    issued = await platform.post("/v1/tokens", json={"user": "anna", "ttl_s": 600})
    assert issued.status_code == 201
    anna = new_client(issued.json()["token"])
    for name in ("me", "anna"):
        assert (await anna.get(f"/v1/users/{name}")).json()["user"] == "anna"
    for method, path in (("GET", "/v1/users/bert"), ("DELETE", "/v1/users/bert"), ("GET", "/v1/users/bert/export")):
        refused = await anna.request(method, path)
        assert refused.status_code == 403
        assert "use `me`" in refused.json()["detail"]
    assert (await anna.post("/v1/tokens", json={"user": "anna"})).status_code == 403


async def test_me_means_nobody_to_a_key(platform: httpx.AsyncClient) -> None:
    answer = await platform.get("/v1/users/me")
    assert answer.status_code == 400
    assert "signed-in person" in answer.json()["detail"]


async def test_a_revoked_key_is_believed_no_longer_than_the_memory_of_it(
    people_app: FastAPI, new_client: NewClient, new_key: NewKey, db: Pool
) -> None:
    secret = await new_key()
    client = new_client(secret)
    assert (await client.patch("/v1/users/anna", json={})).status_code == 200
    async with db.connection() as conn:
        await identity.revoke_key(conn, secret.split("_")[1])
    assert auth.BELIEVED.total_seconds() <= 30
    people_app.state.believed.clear()
    assert (await client.get("/v1/users/anna")).status_code == 401


async def test_a_link_signs_a_browser_in_once(new_client: NewClient, db: Pool) -> None:
    async with db.connection() as conn:
        anna = await identity.find_or_create_user(conn, "anna")
        code = await identity.issue_link(conn, anna.user_id)
    browser = new_client()
    entered = await browser.get("/enter", params={"code": code})
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    cookie = entered.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert entered.headers["referrer-policy"] == "no-referrer"
    assert (await browser.get("/v1/users/me")).json()["user"] == "anna"
    again = await new_client().get("/enter", params={"code": code})
    assert again.status_code == 401
    assert "used before" in again.json()["detail"]


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        (OURS, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        (OURS | {"Sec-Fetch-Site": "same-origin"}, True),
        ({}, False),
        ({"Origin": "http://elsewhere.test"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://undertone.test.elsewhere.test"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        (OURS | {"Sec-Fetch-Site": "cross-site"}, False),
        ({"Origin": "http://elsewhere.test", "Sec-Fetch-Site": "same-origin"}, False),
    ],
)
async def test_another_sites_page_cannot_use_the_cookie(
    visitor: httpx.AsyncClient, headers: dict[str, str], allowed: bool
) -> None:
    answer = await visitor.post("/v1/users/me/consents", json=CONSENT, headers=headers)
    assert answer.status_code == (201 if allowed else 403), answer.text


async def test_leaving_ends_the_sign_in_at_once(visitor: httpx.AsyncClient, new_client: NewClient) -> None:
    token = visitor.cookies[auth.COOKIE]
    assert (await visitor.get("/v1/users/me")).status_code == 200
    assert (await visitor.post("/leave", headers=OURS)).status_code == 204
    assert auth.COOKIE not in visitor.cookies
    assert (await new_client(token).get("/v1/users/me")).status_code == 401


def test_every_route_names_who_may_call_it() -> None:
    named = {
        (route.path, auth.scope_of(route))
        for route in (*users.router.routes, *tokens.router.routes)
        if isinstance(route, APIRoute)
    }
    assert {scope for _, scope in named} == {"profile", "people", "tokens", "public"}
    assert ("/enter", "public") in named
    assert ("/v1/users/{user}/export", "people") in named


def test_an_unknown_scope_is_a_mistake_in_the_code() -> None:
    with pytest.raises(ValueError, match="unknown scope"):
        auth.principal("everything")
