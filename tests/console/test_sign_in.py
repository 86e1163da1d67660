"""Opening the console: a key or a one-time link becomes a cookie for the console alone; whose request it came with."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from house import House, Streaming
from undertone.console import sign_in
from undertone.db import transaction
from undertone.people import identity, operators

HOST = "http://undertone.test"
OURS = {"Origin": HOST, "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
async def browser(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who holds no key in a header: cookies only."""
    async with httpx.AsyncClient(transport=Streaming(house.app), base_url=HOST, timeout=30) as client:
        yield client


async def key_of(house: House, *scopes: str) -> str:
    async with house.db.connection() as conn:
        return await identity.create_key(conn, "console", scopes=scopes)


async def enter(browser: httpx.AsyncClient, key: str, **more: Any) -> httpx.Response:
    fields = {"key": key} | more
    return await browser.post("/console/sign-in", data=fields, headers=OURS)


async def test_who_is_not_signed_in_is_sent_to_sign_in_and_comes_back(house: House, browser: httpx.AsyncClient) -> None:
    sent = await browser.get("/console/sessions?period=7d&device=phone")
    assert sent.status_code == 303
    form = await browser.get(sent.headers["location"])
    assert 'value="/console/sessions?period=7d&amp;device=phone"' in form.text
    entered = await enter(browser, await key_of(house, "analytics"), next="/console/sessions?period=7d&device=phone")
    assert (entered.status_code, entered.headers["location"]) == (303, "/console/sessions?period=7d&device=phone")
    cookie = entered.headers["set-cookie"]
    for word in ("HttpOnly", "SameSite=strict", "Path=/console"):
        assert word in cookie
    assert (await browser.get(entered.headers["location"])).status_code == 200
    assert (await browser.get("/console/")).text.count("/console/sessions") >= 2


async def test_the_cookie_opens_the_console_only(house: House, browser: httpx.AsyncClient) -> None:
    await enter(browser, await key_of(house, "analytics", "admin"))
    secret = browser.cookies["undertone_operator"]
    assert not secret.startswith("ut_")
    everywhere = {"Cookie": f"undertone_operator={secret}; undertone_session={secret}"}
    assert (await browser.get("/v1/analytics/reports")).status_code == 401
    assert (await browser.get("/console/sessions", headers=everywhere)).status_code == 200


async def test_what_does_not_open_it_is_told_in_words(house: House, browser: httpx.AsyncClient) -> None:
    wrong = await enter(browser, f"ut_{'0' * 12}_{'1' * 48}")
    assert wrong.status_code == 401
    assert "not known here or was revoked" in wrong.text
    assert "1" * 48 not in wrong.text
    lacking = await enter(browser, await key_of(house, "chat"))
    assert lacking.status_code == 403
    assert "lacks the scope" in lacking.text
    person = await house.client.post("/v1/tokens", json={"user": "somebody"})
    assert (await enter(browser, person.json()["token"])).status_code == 401
    assert (await enter(browser, "")).status_code == 401
    assert (await enter(browser, "x" * 20_000)).status_code == 400
    assert not browser.cookies


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {}],
)
async def test_another_site_cannot_sign_a_browser_in_or_out(
    house: House, browser: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    key = await key_of(house, "analytics")
    refused = await browser.post("/console/sign-in", data={"key": key}, headers=headers)
    assert refused.status_code == 403
    assert not browser.cookies
    await enter(browser, key)
    assert (await browser.post("/console/sign-out", headers=headers)).status_code == 403
    assert (await browser.get("/console/sessions")).status_code == 200


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/console/", "//evil.example/console/", "/console/\\evil", "/console", "javascript:alert(1)"],
)
async def test_the_form_sends_nobody_elsewhere(house: House, browser: httpx.AsyncClient, elsewhere: str) -> None:
    entered = await enter(browser, await key_of(house, "analytics"), next=elsewhere)
    assert entered.headers["location"] == "/console/"


async def test_a_link_opens_it_once(house: House, browser: httpx.AsyncClient) -> None:
    async with transaction(house.db) as conn:
        code = await operators.issue_link(conn)
    assert (await browser.get("/console/enter", params={"code": code})).headers["location"] == "/console/"
    assert "Local operator" in (await browser.get("/console/sessions")).text
    again = await browser.get("/console/enter", params={"code": code})
    assert again.status_code == 401
    assert "was used before" in again.text


async def test_a_sign_in_ends_with_its_key_and_by_signing_out(house: House, browser: httpx.AsyncClient) -> None:
    key = await key_of(house, "analytics")
    await enter(browser, key)
    first = browser.cookies["undertone_operator"]
    async with house.db.connection() as conn:
        assert (await operators.signed_in(conn, first)).scopes == {"analytics"}
        left = await browser.post("/console/sign-out", headers=OURS)
        assert left.headers["location"] == "/console/sign-in"
        with pytest.raises(operators.Unauthenticated):
            await operators.signed_in(conn, first)
        await enter(browser, key)
        await identity.revoke_key(conn, key.split("_")[1])
        with pytest.raises(operators.Unauthenticated):
            await operators.signed_in(conn, browser.cookies["undertone_operator"])
        cursor = await conn.execute("select hash from operator_sign_ins where hash = sha256(%s)", [first.encode()])
        assert await cursor.fetchone() is None


def from_address(house: House, address: str) -> httpx.AsyncClient:
    """A browser elsewhere: what an address failed is counted by the app, which outlives a test."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(house.app, client=(address, 5000)), base_url=HOST)


async def test_who_fails_too_often_waits_and_nobody_else(house: House) -> None:
    key = await key_of(house, "analytics")
    lacking = await key_of(house, "chat")
    async with transaction(house.db) as conn:
        code = await operators.issue_link(conn)
    async with from_address(house, "2001:db8:7::1") as browser:
        for n in range(sign_in.MOST_FAILURES):
            assert (await enter(browser, lacking)).status_code == 403, "a key that is one counts nothing"
            if n % 2:
                failed = await enter(browser, "ut_wrong")
            else:
                failed = await browser.get("/console/enter", params={"code": "utk_wrong"})
            assert failed.status_code == 401
    async with from_address(house, "2001:db8:7::2") as same_household:
        refused = await enter(same_household, key, next="/console/sessions?period=7d")
        assert refused.status_code == 429
        assert "Too many failed sign-ins" in refused.text
        assert 'value="/console/sessions?period=7d"' in refused.text
        assert 0 < int(refused.headers["retry-after"]) <= sign_in.FAILURES_S
        assert (await same_household.get("/console/enter", params={"code": code})).status_code == 429
        assert not same_household.cookies
    async with from_address(house, "198.51.100.7") as elsewhere:
        assert (await enter(elsewhere, key)).status_code == 303
        entered = await elsewhere.get("/console/enter", params={"code": code})
        assert entered.status_code == 303, "the link was used up"
