"""A whole server for a browser: the app as `serve` builds it, on a free port, with a model that speaks when it is told.

    async with serve(dsn, embedder) as site: await page.goto(await site.link("anna"))

Knows nothing of what a page shows.
"""

import asyncio
import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from granian.constants import Interfaces
from granian.server.embed import Server
from playwright.async_api import Browser, Page

from undertone.app import create_app
from undertone.config import Settings
from undertone.db import Pool, open_pool, transaction
from undertone.errors import ModelFailed
from undertone.llm.protocol import ChatProvider, ChatRequest, Embedder, Piece
from undertone.people import identity
from undertone.types import Usage


@dataclass
class Told:
    """An ordinary provider whose sentences the test hands over one by one; `None` ends a reply."""

    name: str = "told"
    sentences: asyncio.Queue[str | None] = field(default_factory=asyncio.Queue)
    asked: int = 0

    def will_say(self, *sentences: str, ends: bool = True) -> None:
        for sentence in sentences:
            self.sentences.put_nowait(sentence)
        if ends:
            self.sentences.put_nowait(None)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Piece, None]:
        self.asked += 1
        while (sentence := await self.sentences.get()) is not None:
            if sentence == "(fails)":
                raise ModelFailed("The model is away. Try again.")
            yield Piece(sentence)
        yield Piece(finish="stop", usage=Usage(model="told", prompt_tokens=100, completion_tokens=10))

    async def complete_json(self, request: ChatRequest, schema: Mapping[str, Any]) -> dict[str, Any]:
        raise ModelFailed("This model writes no JSON.")

    async def close(self) -> None: ...


@dataclass
class Site:
    """A running server."""

    address: str
    db: Pool

    async def link(self, person: str) -> str:
        """A one-time link that signs an adult in."""
        async with transaction(self.db) as conn:
            user = await identity.find_or_create_user(conn, person)
            return f"{self.address}/enter?code={await identity.issue_link(conn, user.user_id, attests={'adult'})}"


@asynccontextmanager
async def watched(browser: Browser, site: Site, **settings: Any) -> AsyncGenerator[Page]:
    """A tab in a browser of its own. At the end: no error in it, and no other host was asked."""
    shape: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}, "reduced_motion": "reduce"} | settings
    context = await browser.new_context(**shape)
    tab = await context.new_page()
    tab.set_default_timeout(15_000)
    wrong: list[str] = []
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on("console", lambda line: wrong.append(line.text) if "Content Security Policy" in line.text else None)
    hosts: set[str] = set()
    tab.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    yield tab
    await context.close()
    assert wrong == []
    assert hosts == {urlsplit(site.address).netloc}


@asynccontextmanager
async def serve(
    dsn: str, embedder: Embedder, model: ChatProvider | None = None, **settings: Any
) -> AsyncGenerator[Site]:
    """Serve for as long as the block lasts; the offline composer answers when no model is given."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = create_app(
        Settings(database_url=dsn, offline_delay_ms=0, second_look_model="none", **settings),
        worker=False,
        chat=model,
        embed=embedder,
    )
    server = Server(app, port=port, interface=Interfaces.ASGI, websockets=False, log_enabled=False)
    running = asyncio.create_task(server.serve())
    pool = await open_pool(dsn, max_size=2)
    try:
        await _answers(port, running)
        yield Site(f"http://127.0.0.1:{port}", pool)
    finally:
        app.state.stopping.set()
        server.stop()
        await running
        await pool.close()


async def _answers(port: int, running: asyncio.Task[None]) -> None:
    """Wait until the port is open, or raise what kept the server from starting."""
    async with asyncio.timeout(30):
        while True:
            if running.done():
                running.result()
                raise RuntimeError("the server ended before it began")
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            await writer.wait_closed()
            return
