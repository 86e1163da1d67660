"""The people's part of the API in process: routers on a bare app, with keys and people already there."""

from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from undertone import signals
from undertone.people import identity
from undertone.resources import Pool
from undertone.server import problems, tokens, users

NewClient = Callable[..., httpx.AsyncClient]


@pytest.fixture
def people_app(db: Pool) -> FastAPI:
    app = FastAPI()
    problems.install(app)
    app.include_router(tokens.router)
    app.include_router(users.router)
    app.state.resources = SimpleNamespace(db=db)
    app.state.age_issuer = None
    app.state.types = signals.reader()
    return app


@pytest.fixture
async def new_client(people_app: FastAPI) -> AsyncIterator[NewClient]:
    """Make a client of the app; `secret` is sent as a bearer."""
    made: list[httpx.AsyncClient] = []

    def make(secret: str | None = None, **options: Any) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        transport = httpx.ASGITransport(people_app, raise_app_exceptions=False)
        made.append(
            httpx.AsyncClient(transport=transport, base_url="http://undertone.test", headers=headers, **options)
        )
        return made[-1]

    yield make
    for client in made:
        await client.aclose()


@pytest.fixture
def new_key(db: Pool) -> Callable[..., Awaitable[str]]:
    async def make(**options: Any) -> str:
        async with db.connection() as conn:
            return await identity.create_key(conn, "test", **options)

    return make


@pytest.fixture
async def platform(new_client: NewClient, new_key: Callable[..., Awaitable[str]]) -> httpx.AsyncClient:
    """A client that holds a key with every scope and the attestations of `keys create`."""
    return new_client(await new_key())


@pytest.fixture
async def visitor(new_client: NewClient, db: Pool) -> httpx.AsyncClient:
    """A browser that opened the one-time link as the person "anna": its cookie is set."""
    async with db.connection() as conn:
        anna = await identity.find_or_create_user(conn, "anna")
        code = await identity.issue_link(conn, anna.user_id, attests={"adult"})
    client = new_client()
    assert (await client.get("/enter", params={"code": code})).status_code == 303
    return client
