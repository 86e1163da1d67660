"""The pages as files and headers: who gets which, a strict policy that they keep, nothing from elsewhere."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from fastapi import FastAPI

from undertone.db import transaction
from undertone.engine import personas
from undertone.people import identity
from undertone.resources import Pool
from undertone.server import pages, problems, tokens
from undertone.server import personas as personas_api

ROOM = Path(pages.__file__).parent
OURS = [p for p in sorted((ROOM / "static").iterdir()) if not p.name.startswith("docs.")]
TEMPLATES = [p for p in sorted((ROOM / "templates").iterdir()) if p.name != "docs.html"]


@pytest.fixture
async def stranger(db: Pool) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    problems.install(app)
    app.include_router(tokens.router)
    app.include_router(pages.router)
    app.include_router(personas_api.router)
    app.state.resources, app.state.offline = SimpleNamespace(db=db), True
    async with transaction(db) as conn:
        await personas.load_samples(conn)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://undertone.test") as client:
        yield client


@pytest.fixture
async def visitor(stranger: httpx.AsyncClient, db: Pool) -> httpx.AsyncClient:
    """The same browser after it opened the one-time link."""
    async with transaction(db) as conn:
        anna = await identity.find_or_create_user(conn, "anna")
        code = await identity.issue_link(conn, anna.user_id, attests={"adult"})
    await stranger.get("/enter", params={"code": code})
    return stranger


@pytest.mark.parametrize("path", ["/", "/me"])
async def test_who_is_not_signed_in_is_told_how(stranger: httpx.AsyncClient, path: str) -> None:
    page = await stranger.get(path)
    assert page.status_code == 401
    assert "undertone serve" in page.text
    assert 'id="composer"' not in page.text


async def test_a_key_is_no_person_and_gets_no_chat_page(stranger: httpx.AsyncClient, db: Pool) -> None:
    async with db.connection() as conn:
        key = await identity.create_key(conn, "test")
    page = await stranger.get("/", headers={"Authorization": f"Bearer {key}"})
    assert page.status_code == 401


@pytest.mark.parametrize("path", ["/", "/me"])
async def test_a_signed_in_person_gets_the_page_and_everything_it_names(visitor: httpx.AsyncClient, path: str) -> None:
    page = await visitor.get(path)
    assert page.status_code == 200
    named = [a for a in re.findall(r'(?:src|href)="([^"]+)"', page.text) if a.startswith("/static/")]
    assert len(named) >= 4
    for address in named:
        assert (await visitor.get(address)).status_code == 200


async def test_offline_is_said_plainly(visitor: httpx.AsyncClient) -> None:
    assert "No model is connected: replies are composed offline" in (await visitor.get("/")).text


@pytest.mark.parametrize("path", ["/", "/me"])
async def test_the_policy_is_strict(visitor: httpx.AsyncClient, path: str) -> None:
    headers = (await visitor.get(path)).headers
    rules = dict(rule.strip().split(" ", 1) for rule in headers["content-security-policy"].split(";"))
    assert rules == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda p: p.name)
def test_no_script_or_style_stands_in_a_page(file: Path) -> None:
    html = file.read_text("utf-8")
    assert not re.search(r"<script(?![^>]*\ssrc=)", html)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=", html)


@pytest.mark.parametrize("file", [*OURS, *TEMPLATES], ids=lambda p: p.name)
def test_nothing_names_a_foreign_host(file: Path) -> None:
    text = file.read_text("utf-8").replace("http://www.w3.org/2000/svg", "").replace("http://…/enter", "")
    assert not re.search(r"https?://|(?<![:\w])//[a-z]+\.", text)
    assert len(text.splitlines()) <= 400


def test_scripts_never_parse_markup() -> None:
    for file in OURS:
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", file.read_text("utf-8"))


@pytest.mark.parametrize("name", ["pages.py", "..%2Fpages.py", "%2e%2e%2fauth.py", "templates", ""])
async def test_no_other_file_is_served(stranger: httpx.AsyncClient, name: str) -> None:
    assert (await stranger.get(f"/static/{name}")).status_code == 404


async def test_a_file_is_checked_each_time_and_sent_once(stranger: httpx.AsyncClient) -> None:
    first = await stranger.get("/static/chat.js")
    assert first.headers["content-type"].startswith("text/javascript")
    assert first.headers["cache-control"] == "no-cache"
    again = await stranger.get("/static/chat.js", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""


async def test_personas_show_who_they_are_and_not_their_instructions(visitor: httpx.AsyncClient) -> None:
    found = (await visitor.get("/v1/personas")).json()
    assert [persona["id"] for persona in found] == ["mira", "theo"]
    for persona in found:
        assert persona.keys() == {"id", "name", "tagline", "greeting", "ai", "badge"}
        assert (persona["ai"], persona["badge"]) == (True, "AI")
        assert persona["name"]


async def test_personas_need_a_key_or_a_person(stranger: httpx.AsyncClient) -> None:
    assert (await stranger.get("/v1/personas")).status_code == 401
