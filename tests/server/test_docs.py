"""The API page: complete without a network, and no script but files of ours."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from undertone.server import docs, problems, users


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI(docs_url=None, redoc_url=None)
    problems.install(app)
    app.include_router(docs.router)
    app.include_router(users.router)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://undertone.test") as client:
        yield client


async def test_everything_the_page_names_is_served_here(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.status_code == 200
    named = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(named) >= 5
    for address in named:
        assert address.startswith("/"), "no foreign host"
        assert (await client.get(address)).status_code == 200
    assert not re.search(r"<script(?![^>]*src=)", page.text), "no inline script"


async def test_the_policy_allows_no_foreign_host_and_no_inline_script(client: httpx.AsyncClient) -> None:
    policy = (await client.get("/docs")).headers["content-security-policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == "'self'"
    assert "http" not in policy


@pytest.mark.parametrize("name", ["index.html", "swagger-ui.js.map", "..%2Fauth.py", "%2e%2e/auth.py"])
async def test_no_other_file_is_served(client: httpx.AsyncClient, name: str) -> None:
    assert (await client.get(f"/docs/{name}")).status_code == 404


async def test_the_document_says_that_a_key_is_needed(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    assert document["components"]["securitySchemes"]["key or token"]["scheme"] == "bearer"
    assert document["paths"]["/v1/users/{user}"]["get"]["security"] == [{"key or token": []}]
