"""A little site of another origin that loads the tracker, for tests in a browser.

    async with open_shop(f"{site.address}/tracker.js") as shop: await page.goto(f"{shop.address}/plans")

Knows no assertion.
"""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Browser, BrowserContext, Request

SHOP = "localhost"
"""Its host, which `visit_sites` must name."""


@dataclass
class Shop:
    """A site that loads the tracker with these attributes. Each path is a page with a title of its own."""

    address: str
    tracker: str
    attributes: str = ""
    beacons: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """What the browser sent, as it left it."""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readline()).decode().split(" ")[1].split("?")[0]
        while (await reader.readline()).strip():
            pass
        body = (
            f"<!doctype html><title>Page {path}</title><body style='height:5000px'><h1>{path}</h1>"
            f'<script defer src="{self.tracker}" {self.attributes}></script>'
        ).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    def hear(self, request: Request) -> None:
        if request.url.endswith("/v1/collect"):
            self.beacons.append(json.loads(request.post_data or "{}"))


CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0 Safari/537.36"
"""A headless Chromium says that it is one, and counts as a bot."""


@asynccontextmanager
async def visiting(chromium: Browser, shop: Shop) -> AsyncGenerator[BrowserContext]:
    """A visitor's browser; the shop hears what it sends."""
    context = await chromium.new_context(user_agent=CHROME)
    context.set_default_timeout(15_000)
    context.on("request", shop.hear)
    yield context
    await context.close()


@asynccontextmanager
async def open_shop(tracker: str) -> AsyncGenerator[Shop]:
    """The site, for as long as the block lasts."""
    running = Shop("", tracker)
    server = await asyncio.start_server(running.answer, "127.0.0.1", 0)
    running.address = f"http://{SHOP}:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield running
