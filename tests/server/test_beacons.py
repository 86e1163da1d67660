"""Beacons over HTTP: what is taken and what is refused, whose word is believed, and the sessions that come of them."""

import gzip
import json
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from house import House, Streaming, open_house
from undertone.analytics import beacons_store, visits_store
from undertone.db import transaction
from undertone.llm.embedder import MiniLM

PHONE = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36"
)
NUMBERS = count(1)


@pytest.fixture(scope="module")
async def site(
    new_database: Callable[..., str],
    migrated_template: str,
    embedder: MiniLM,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[House]:
    """A house that takes visits of *.shop.test, behind a proxy at 127.0.0.1 and others in 10.0.0.0/8."""
    countries = tmp_path_factory.mktemp("countries") / "countries.mmdb"
    write_countries(countries)
    async with open_house(
        new_database(migrated_template),
        embedder,
        visit_sites=["*.shop.test"],
        trusted_proxies=["127.0.0.1/32", "10.0.0.0/8", "fd00::/8"],
        countries=countries,
    ) as running:
        yield running


def write_countries(path: Path) -> None:
    """The smallest file of countries: two networks that the standards keep for documents."""
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type="Test-Country")
    writer.insert_network(IPSet(["203.0.113.0/24"]), {"country": {"iso_code": "DE"}})
    writer.insert_network(IPSet(["2001:db8::/32"]), {"country": {"iso_code": "FR"}})
    writer.to_db_file(str(path))


@dataclass
class Visitor:
    """A browser on a page of its own site, so that tests do not see each other's visits."""

    house: House
    site: str = field(default_factory=lambda: f"s{next(NUMBERS)}.shop.test")
    number: str = field(default_factory=lambda: secrets.token_hex(16))
    headers: dict[str, str] = field(default_factory=dict[str, str])

    async def send(self, body: bytes | str | None = None, **more: Any) -> httpx.Response:
        """Send a beacon as the tracker does, or these bytes."""
        if body is None:
            body = json.dumps({"v": self.number, "p": 1, "u": "/", "t": "Home", "a": 0, "e": 0} | more)
        headers = {"Origin": f"https://{self.site}", "User-Agent": PHONE, "Content-Type": "text/plain"} | self.headers
        async with httpx.AsyncClient(transport=Streaming(self.house.app), base_url="http://undertone.test") as browser:
            return await browser.post("/v1/collect", content=body, headers=headers)

    async def taken(self, **more: Any) -> None:
        answer = await self.send(**more)
        assert (answer.status_code, answer.content) == (204, b""), answer.text

    async def seen(self, after_s: float = 0, **query: Any) -> list[dict[str, Any]]:
        """This site's sessions as the API tells them, once what is due so many seconds from now is written."""
        await self.house.app.state.visitors.collector.flush(datetime.now(UTC) + timedelta(seconds=after_s))
        return (await self.told(**query))["sessions"]

    async def told(self, headers: dict[str, str] | None = None, **query: Any) -> dict[str, Any]:
        answer = await self.house.client.get(
            "/v1/analytics/sessions", params={"site": self.site, **query}, headers=headers
        )
        assert answer.status_code == 200, answer.text
        return answer.json()


async def test_three_pages_become_one_session_in_the_prototypes_shape(site: House) -> None:
    anna = Visitor(site, headers={"X-Forwarded-For": "203.0.113.9"})
    await anna.taken(r="https://search.test/find?q=secret#top", u="/?token=1")
    await anna.taken(p=2, u="/pricing#x", t="Prices")
    await anna.taken(p=3, u="/join", t="Join", c=1)
    (session,) = await anna.seen()
    assert session | {"id": "", "visitorId": "", "startedAt": "", "lastSeenAt": "", "duration": 0} == {
        "id": "", "site": anna.site, "visitorId": "", "userId": None, "ipAddress": "203.0.113.9", "ipTruncated": False,
        "country": "DE", "device": "phone", "browser": "Chrome", "browserVersion": "126.0", "os": "Android",
        "isBot": False, "isActive": True, "startedAt": "", "lastSeenAt": "", "endedAt": None, "duration": 0,
        "engagedTime": 0, "pageViews": 3, "entryPage": "/", "exitPage": "/join", "referrer": "search.test/find",
        "consent": True,
    }  # fmt: skip
    assert anna.number not in json.dumps(session)
    async with site.db.connection() as conn:
        pages = await visits_store.timeline(conn, session["id"])
    assert [(page.path, page.title) for page in pages] == [("/", "Home"), ("/pricing", "Prices"), ("/join", "Join")]
    stats = (await anna.told())["stats"]
    assert {name: stats[name] for name in ("totalSessions", "activeSessions", "uniqueVisitors", "totalPageViews")} == {
        "totalSessions": 1, "activeSessions": 1, "uniqueVisitors": 1, "totalPageViews": 3,
    }  # fmt: skip


async def test_presence_is_written_once_a_minute_and_nothing_of_it_is_lost(site: House) -> None:
    anna = Visitor(site)
    await anna.taken(e=0)
    (first,) = await anna.seen()
    for seconds in (1, 2, 3):
        await anna.taken(a=seconds, e=seconds)
        assert await anna.seen() == [first]
    (later,) = await anna.seen(after_s=61)
    assert later["lastSeenAt"] > first["lastSeenAt"]
    async with site.db.connection() as conn:
        (page,) = await visits_store.timeline(conn, later["id"])
    assert page.engaged_s == 3


async def test_two_processes_write_presence_once_a_minute_between_them(site: House) -> None:
    """The second has never heard of the visitor, and sees in the database that the minute is not over."""
    anna = Visitor(site)
    await anna.taken()
    (first,) = await anna.seen()
    collector = site.app.state.visitors.collector
    for held in (collector._wrote, collector._seen):
        held.clear()
    await anna.taken(a=5, e=5)
    assert await anna.seen() == [first]
    (later,) = await anna.seen(after_s=61)
    assert later["lastSeenAt"] > first["lastSeenAt"]


async def test_a_page_is_written_at_once_even_within_the_minute(site: House) -> None:
    anna = Visitor(site)
    await anna.taken()
    await anna.seen()
    await anna.taken(p=2, u="/next")
    (session,) = await anna.seen()
    assert (session["pageViews"], session["exitPage"]) == (2, "/next")


GARBAGE = {
    "nothing": b"",
    "no JSON": b"hello",
    "a list": b"[]",
    "a number": b"7",
    "no visitor": b"{}",
    "a visitor that is none": b'{"v": "anna"}',
    "half a character": b'{"v": "\xff\xfe"}',
    "deep": b"[" * 4000,
    "a negative time": json.dumps({"v": "0" * 32, "a": -1}).encode(),
    "an endless time": b'{"v": "' + b"0" * 32 + b'", "e": 1e999}',
    "no number": b'{"v": "' + b"0" * 32 + b'", "e": NaN}',
    "a huge view": json.dumps({"v": "0" * 32, "p": 2**63}).encode(),
    "a path that is an object": json.dumps({"v": "0" * 32, "u": {"a": 1}}).encode(),
    "a lone surrogate": b'{"v": "' + b"0" * 32 + b'", "t": "\\ud800"}',
}


@pytest.mark.parametrize("kind", GARBAGE)
async def test_garbage_is_refused_in_one_line_and_not_repeated(site: House, kind: str) -> None:
    answer = await Visitor(site).send(GARBAGE[kind])
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "bad_input"
    assert len(answer.json()["detail"]) < 200


async def test_a_body_that_is_too_large_is_refused_however_it_comes(site: House) -> None:
    assert (await Visitor(site).send(b" " * 5000)).status_code == 413

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b" " * 1000

    anna = Visitor(site)
    headers = {"Origin": f"https://{anna.site}"}
    answer = await site.client.post("/v1/collect", content=pieces(), headers=headers)
    assert answer.status_code == 413
    assert (await Visitor(site, headers={"Content-Length": "many"}).send(b"x")).status_code == 400


async def test_other_sites_are_refused_and_allowed_ones_told_so(site: House) -> None:
    for origin in ("https://evil.test", "null", "https://shop.test.evil.test", "https://[", "", "https://shop.test"):
        assert (await Visitor(site, headers={"Origin": origin}).send()).status_code == 403, origin
    anna = Visitor(site)
    assert (await anna.send()).headers["access-control-allow-origin"] == f"https://{anna.site}"
    asked = await site.client.options("/v1/collect", headers={"Origin": f"https://{anna.site}"})
    assert (asked.status_code, asked.headers["access-control-allow-methods"]) == (204, "POST")
    assert (await site.client.options("/v1/collect", headers={"Origin": "https://evil.test"})).status_code == 403
    referred = Visitor(site, headers={"Origin": "", "Referer": "https://www.shop.test/page"})
    assert (await referred.send()).status_code == 204


FORWARDED = {
    "the proxy's own word": (["203.0.113.5"], "203.0.113.5"),
    "a client that adds a header of its own": (["1.2.3.4, 203.0.113.5"], "203.0.113.5"),
    "a client that claims to be one of our proxies": (["1.2.3.4, 10.0.0.9, 203.0.113.5"], "203.0.113.5"),
    "two of our proxies in a row": (["203.0.113.5, 10.1.2.3"], "203.0.113.5"),
    "two headers, in order": (["1.2.3.4", "203.0.113.5"], "203.0.113.5"),
    "with a port": (["203.0.113.5:4711"], "203.0.113.5"),
    "version 6 in brackets with a port": (["[2001:db8::7]:443"], "2001:db8::7"),
    "version 4 within version 6": (["::ffff:203.0.113.5"], "203.0.113.5"),
    "garbage in front": (["<script>, 203.0.113.5"], "203.0.113.5"),
    "garbage alone": (["unknown"], "127.0.0.1"),
    "empty": ([""], "127.0.0.1"),
    "nothing but our proxies": (["10.0.0.1, 10.0.0.2"], "10.0.0.1"),
}


@pytest.mark.parametrize("story", FORWARDED)
async def test_an_address_is_what_trusted_proxies_say(site: House, story: str) -> None:
    headers, expected = FORWARDED[story]
    anna = Visitor(site)
    body = json.dumps({"v": anna.number})
    sent = [("Origin", f"https://{anna.site}"), *(("X-Forwarded-For", value) for value in headers)]
    async with httpx.AsyncClient(transport=Streaming(site.app), base_url="http://undertone.test") as browser:
        assert (await browser.post("/v1/collect", content=body, headers=sent)).status_code == 204
    (session,) = await anna.seen(bots=True)
    assert session["ipAddress"] == expected


async def test_addresses_need_their_scope_and_each_look_is_written_down(site: House) -> None:
    anna = Visitor(site, headers={"X-Forwarded-For": "2001:db8::1"})
    await anna.taken()
    await anna.seen()
    without = await anna.told(headers=await site.key(scopes={"analytics"}))
    assert [(s["ipAddress"], s["country"]) for s in without["sessions"]] == [(None, "FR")]
    with_them = await site.key(scopes={"analytics", "addresses"})
    assert (await anna.told(headers=with_them))["sessions"][0]["ipAddress"] == "2001:db8::1"
    (read,) = (await site.client.get("/v1/admin/address-reads", params={"limit": 1})).json()
    assert read["who"] == f"key {with_them['Authorization'][10:22]}"
    assert (read["scope"], read["how_many"], read["filters"]["site"]) == ("addresses", 1, anna.site)
    assert (await site.client.get("/v1/admin/address-reads", headers=with_them)).status_code == 403
    assert (await site.client.get("/v1/analytics/sessions", headers=await site.key(scopes={"chat"}))).status_code == 403


async def test_hostile_words_are_kept_as_words(site: House) -> None:
    wrong = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
    anna = Visitor(site, headers={"User-Agent": f"Mozilla/5.0 {wrong}"})
    await anna.taken(t=f"{wrong}\x00\u202etxt.exe\n", u=f"/{wrong}?{wrong}", r=f"https://evil.test/{wrong}")
    await anna.taken(p=2, r="javascript:alert(1)", u="javascript:alert(1)", t="=cmd|' /C calc'!A0")
    (session,) = await anna.seen()
    assert session["referrer"] == f"evil.test/{wrong}"
    assert (session["entryPage"], session["exitPage"]) == (f"/{wrong}", "/javascript:alert(1)")
    async with site.db.connection() as conn:
        first, second = await visits_store.timeline(conn, session["id"])
    assert first.title == f"{wrong} txt.exe"
    assert second.title == "=cmd|' /C calc'!A0"


async def test_a_named_person_needs_a_token_and_can_export_and_erase(site: House) -> None:
    person = await site.token_of(site.person())
    token = person.headers["Authorization"].removeprefix("Bearer ")
    forged = Visitor(site)
    await forged.taken(k=token[:-1] + ("0" if token[-1] != "0" else "1"))
    await forged.taken(p=2, k="anna")
    assert [s["userId"] for s in await forged.seen()] == [None]
    anna = Visitor(site)
    await anna.taken(k=token)
    (session,) = await anna.seen()
    assert session["userId"].startswith("person-")
    assert len(await anna.seen(user=session["userId"])) == 1
    exported = await site.client.get(f"/v1/users/{session['userId']}/export")
    assert [s["site"] for s in exported.json()["tables"]["sessions"]] == [anna.site]
    assert (await site.client.delete(f"/v1/users/{session['userId']}")).json()["erased"]["sessions"] == 1
    await anna.taken(a=3, e=3)
    assert [s["userId"] for s in await anna.seen(after_s=61)] == [None], "a new visit that names nobody"


async def test_withdrawing_stops_at_once_and_deletes_where_asked(site: House) -> None:
    anna = Visitor(site)
    await anna.taken()
    await anna.seen()
    await anna.taken(w=1)
    (session,) = await anna.seen()
    assert (session["isActive"], session["endedAt"]) == (False, session["lastSeenAt"])
    await anna.taken(p=2)
    assert len(await anna.seen(after_s=61)) == 1, "a beacon that was still on its way counts nothing"
    ben = Visitor(site)
    await ben.taken()
    await ben.taken(p=2)
    await ben.seen()
    other = Visitor(site, site=ben.site)
    await other.taken()
    await other.taken(v=secrets.token_hex(16), w=2)
    assert len(await ben.seen()) == 2, "another visitor's number deletes nothing"
    await ben.taken(w=2)
    await ben.taken(a=1)
    assert len(await ben.seen(after_s=61)) == 1


async def test_one_address_sends_so_many_a_minute(
    new_database: Callable[..., str], migrated_template: str, embedder: MiniLM
) -> None:
    async with open_house(new_database(migrated_template), embedder, beacons_per_minute=3) as house:
        anna = Visitor(house, site="undertone.test")
        assert [(await anna.send()).status_code for _ in range(4)] == [204, 204, 204, 429]
        assert (
            await Visitor(house, headers={"X-Forwarded-For": "1.2.3.4"}, site="undertone.test").send()
        ).status_code == 429
        assert (await Visitor(house, site="other.test").send()).status_code == 403


async def test_cut_addresses_old_ones_and_old_visits(
    new_database: Callable[..., str], migrated_template: str, embedder: MiniLM
) -> None:
    dsn = new_database(migrated_template)
    async with open_house(dsn, embedder, address_whole=False, trusted_proxies=["127.0.0.1"]) as house:
        for address, cut in (("203.0.113.7", "203.0.113.0/24"), ("2001:db8:1:2::3", "2001:db8:1::/48")):
            anna = Visitor(house, site="undertone.test", headers={"X-Forwarded-For": address})
            await anna.taken()
            assert ((await anna.seen())[0]["ipAddress"], (await anna.seen())[0]["ipTruncated"]) == (cut, True)
    async with open_house(dsn, embedder, address_days=0, visit_days=1, trusted_proxies=["127.0.0.1"]) as house:
        anna = Visitor(house, site="undertone.test", headers={"X-Forwarded-For": "203.0.113.7"})
        await anna.taken()
        await anna.seen()
        async with transaction(house.db) as conn:
            await conn.execute(
                "update sessions set started_at = now() - interval '3 days',"
                " last_seen_at = now() - interval '2 days' where address = '2001:db8:1::/48'"
            )
        async with transaction(house.db) as conn:
            assert await beacons_store.drop_old(conn) == (1, 1)
        assert [s["ipAddress"] for s in await anna.seen()] == ["203.0.113.0/24"] * 2


async def test_what_waits_is_written_on_the_way_out(
    new_database: Callable[..., str], migrated_template: str, embedder: MiniLM
) -> None:
    dsn = new_database(migrated_template)
    async with open_house(dsn, embedder) as house:
        await Visitor(house, site="undertone.test").taken(u="/last")
    async with open_house(dsn, embedder) as house:
        assert [s["entryPage"] for s in await Visitor(house, site="undertone.test").seen()] == ["/last"]


WRONG = ({"device": "toaster"}, {"country": "Germany"}, {"since": "yesterday"}, {"since": "2026-05-04T12:00:00"},
         {"limit": 0}, {"limit": 501}, {"active": "perhaps"}, {"site": "x" * 300})  # fmt: skip


@pytest.mark.parametrize("query", WRONG, ids=str)
async def test_a_wrong_filter_is_refused_in_words(site: House, query: dict[str, Any]) -> None:
    answer = await site.client.get("/v1/analytics/sessions", params=query)
    assert (answer.status_code, answer.json()["code"]) == (422, "unprocessable")


async def test_filters_over_http(site: House) -> None:
    anna = Visitor(site)
    await anna.taken()
    crawler = Visitor(site, site=anna.site, headers={"User-Agent": "Googlebot/2.1"})
    await crawler.taken()
    assert [s["browser"] for s in await anna.seen()] == ["Chrome"], "bots are left out"
    assert len(await anna.seen(bots=True)) == 2
    one: tuple[dict[str, Any], ...] = ({"bot": True}, {"device": "bot"}, {"os": "Android"}, {"active": True})
    none: tuple[dict[str, Any], ...] = ({"os": "Linux"}, {"active": False}, {"country": "DE"})
    assert [[s["isBot"] for s in await anna.seen(**only)] for only in one] == [[True], [True], [False], [False]]
    assert [await anna.seen(**only) for only in none] == [[], [], []]
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert len(await anna.seen(until=tomorrow)) == 1
    assert await anna.seen(since=tomorrow) == []


async def test_the_tracker_is_small_and_cached(site: House) -> None:
    answer = await site.client.get("/tracker.js", headers={"Accept-Encoding": "identity"})
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    packed = await site.client.get("/tracker.js", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == answer.content
    assert len(gzip.compress(answer.content, 9)) <= 2500
    tag = {"If-None-Match": answer.headers["etag"]}
    assert (await site.client.get("/tracker.js", headers=tag)).status_code == 304
    head = await site.client.head("/tracker.js", headers={"Accept-Encoding": "gzip"})
    assert (head.status_code, head.headers["etag"]) == (200, answer.headers["etag"])


async def test_a_cursor_pages_through_and_a_wrong_one_is_refused(site: House) -> None:
    anna = Visitor(site)
    for _ in range(3):
        await Visitor(site, site=anna.site).taken()
    whole = [session["id"] for session in await anna.seen()]
    first = await anna.told(limit=2)
    second = await anna.told(limit=2, cursor=first["nextCursor"])
    assert [s["id"] for s in first["sessions"] + second["sessions"]] == whole
    assert second["nextCursor"] is None
    refused = await site.client.get("/v1/analytics/sessions", params={"cursor": "x"})
    assert (refused.status_code, refused.json()["code"]) == (400, "bad_input")
