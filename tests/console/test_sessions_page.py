"""The sessions page in process: filters in the address, hostile words as text, addresses by role, the stream."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import sql
from uuid_utils.compat import uuid7

from house import House, open_house
from undertone.llm.embedder import MiniLM

HOSTILE = '"><img src=x onerror=alert(1)></script><script>alert(1)</script>'


async def visit(
    house: House, ago_s: float = 60, *, pages: tuple[tuple[str, str], ...] = (("/", "Home"),), **more: Any
) -> UUID:
    """A session that began and was last seen so many seconds ago, with its pages."""
    at = datetime.now(UTC) - timedelta(seconds=ago_s)
    row: dict[str, Any] = {
        "id": uuid7(), "site": "shop.test", "visitor": uuid4().hex, "started_at": at, "last_seen_at": at,
        "entry_path": pages[0][0], "exit_path": pages[-1][0], "device": "phone", "browser": "Firefox",
        "browser_version": "151.0", "os": "Android", "is_bot": False, "country": "PT", "address": "203.0.113.7",
        "pages": len(pages),
    } | more  # fmt: skip
    names, places = map(sql.Identifier, row), [sql.Placeholder()] * len(row)
    insert = sql.SQL("insert into sessions ({}) values ({})")
    async with house.db.connection() as conn:
        await conn.execute(insert.format(sql.SQL(",").join(names), sql.SQL(",").join(places)), list(row.values()))
        for n, (path, title) in enumerate(pages):
            await conn.execute(
                "insert into page_views (session_id, view, at, path, title) values (%s, %s, %s, %s, %s)",
                [row["id"], n, at + timedelta(seconds=n), path, title],
            )
    return row["id"]


async def page(house: House, path: str = "", status: int = 200, **options: Any) -> str:
    answer = await house.client.get(f"/console/sessions{path}", **options)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    return answer.text


async def test_the_filters_in_the_address_choose_the_rows(house: House) -> None:
    site = f"{uuid4().hex}.test"
    phone = await visit(house, site=site)
    desk = await visit(house, site=site, device="desktop", browser="Edge", country="FR")
    bot = await visit(house, site=site, device="bot", browser="Googlebot", is_bot=True)
    old = await visit(house, 5 * 86400, site=site)

    async def found(query: str) -> set[UUID]:
        html = await page(house, f"?site={site}{query}")
        return {UUID(key) for key in re.findall(r'<tr data-key="([^"]+)"', html)}

    assert await found("") == {phone, desk}
    assert await found("&device=desktop") == {desk}
    assert await found("&country=PT&browser=Firefox") == {phone}
    assert await found("&bots=only") == {bot}
    assert await found("&period=7d") == {phone, desk, old}
    assert await found("&state=active") == {phone, desk}
    assert await found("&period=7d&state=over") == {old}
    assert await found("&user=&device=") == {phone, desk}
    assert await found("&device=tablet") == set()
    assert "Nothing fits these filters" in await page(house, f"?site={site}&device=tablet")
    for query, active in (("", 2), ("&device=desktop", 1), ("&bots=with", 3), ("&period=7d&state=over", 2)):
        html = await page(house, f"?site={site}{query}")
        assert re.findall(r"Active now</dt><dd>(?:<span.*?</span>)?(\d+)", html) == [str(active)], query


async def test_more_rows_follow_by_the_cursor(house: House) -> None:
    site = f"{uuid4().hex}.test"
    for n in range(53):
        await visit(house, 60 + n, site=site)
    html = await page(house, f"?site={site}")
    first = re.findall(r'<tr data-key="([^"]+)"', html)
    (after,) = re.findall(r'rel="next" href="([^"]+)"', html)
    rest = re.findall(r'<tr data-key="([^"]+)"', (await house.client.get(after.replace("&amp;", "&"))).text)
    assert (len(first), len(rest)) == (50, 3)
    assert not set(first) & set(rest)
    assert "This cursor is not one of ours" in await page(house, "?after=x", 400)


async def test_hostile_words_stay_text_and_no_style_or_script_stands_in_the_page(house: House) -> None:
    site = f"{uuid4().hex}.test"
    hostile = await visit(
        house, site=site, pages=((f"/{HOSTILE}", HOSTILE), ("/b", "B")), referrer=HOSTILE, browser=HOSTILE, os=HOSTILE,
        browser_version=HOSTILE, exit_path=f"/{HOSTILE}",
    )  # fmt: skip
    for path in (f"?site={site}", f"/{hostile}", f"?site={HOSTILE}&user={HOSTILE}&browser={HOSTILE}"):
        html = await page(house, path)
        assert "<img" not in html.replace('<img src="/static/mark.svg"', "")
        assert "alert(1)</script>" not in html
        assert not re.search(r"<style|\sstyle=|<script(?! (type=\"module\" )?src=\"/)", html)
        assert "&lt;img src=x" in html


async def test_addresses_are_for_those_who_may_and_ask_and_each_look_is_recorded(house: House) -> None:
    site = f"{uuid4().hex}.test"
    one = await visit(house, site=site)
    reader = await house.key(scopes=["analytics"])
    assert "203.0.113.7" not in await page(house, f"?site={site}")
    assert "203.0.113.7" not in await page(house, f"/{one}")
    assert "Show addresses" not in await page(house, f"?site={site}", headers=reader)
    for path in (f"?site={site}&addresses=shown", f"/{one}?addresses=shown"):
        assert "Addresses are for keys with the scope" in await page(house, path, 403, headers=reader)
        assert "203.0.113.7" in await page(house, path)
    async with house.db.connection() as conn:
        cursor = await conn.execute(
            "select who, scope, how_many from address_reads where filters->>'site' = %s or filters->>'id' = %s",
            [site, str(one)],
        )
        read = await cursor.fetchall()
    assert [(scope, n) for _, scope, n in read] == [("addresses", 1), ("addresses", 1)]
    assert all(re.fullmatch(r"key [0-9a-f]{12}", who) for who, _, _ in read)


async def test_one_visit_is_told_page_by_page(house: House) -> None:
    one = await visit(house, pages=(("/", "Home"), ("/plans", "Plans"), ("/", "Home")))
    html = await page(house, f"/{one}")
    assert re.findall(r"<li data-key.*?<b>(\w+)</b>", html, re.DOTALL) == ["Home", "Plans", "Home"]
    assert "Still here" in html
    assert "There is no such visit" in await page(house, f"/{uuid4()}", 404)
    assert "cannot be read" in await page(house, "/no-uuid", 422)
    assert "cannot be read" in await page(house, "?period=ever", 422)


async def test_the_scope_is_needed(house: House) -> None:
    chat = await house.key(scopes=["chat"])
    for path in ("", "/stream", f"/{uuid4()}"):
        answer = await house.client.get(f"/console/sessions{path}", headers=chat)
        assert answer.status_code == 403


async def test_the_stream_says_when_something_changed(house: House) -> None:
    pulse = re.search(r'data-seen="([^"]*)"', await page(house))
    assert pulse
    async with (
        asyncio.timeout(20),
        house.client.stream("GET", "/console/sessions/stream", params={"seen": pulse[1]}) as stream,
    ):
        await visit(house, 0)
        async for line in stream.aiter_lines():
            if line == "event: changed":
                return
    pytest.fail("the stream ended and nothing had changed")


async def test_a_server_that_stops_lets_the_stream_go(dsn: str, embedder: MiniLM) -> None:
    async with (
        open_house(dsn, embedder) as house,
        asyncio.timeout(20),
        house.client.stream("GET", "/console/sessions/stream") as stream,
    ):
        lines = stream.aiter_lines()
        assert await anext(lines) == "id: 0 0"
        house.app.state.stopping.set()
        assert [line async for line in lines if line and not line.startswith(":")] == ["event: changed", "data: {}"]


@pytest.mark.parametrize("name", ["frame.css", "live.js", "sessions.css"])
async def test_its_files_are_served_to_anybody(house: House, name: str) -> None:
    answer = await house.client.get(f"/console/static/{name}", headers={"Authorization": ""})
    assert answer.status_code == 200
    assert (await house.client.get("/console/static/..%2fframe.py")).status_code == 404
