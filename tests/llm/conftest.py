"""What the tests of this room share: the scripted endpoint."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from scripted import Endpoint


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    scripted = Endpoint()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", scripted.handle)
    app.router.add_post("/v1/embeddings", scripted.handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    scripted.url = f"http://{host}:{port}/v1"
    yield scripted
    await runner.cleanup()
