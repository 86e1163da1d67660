"""A real HTTP server on loopback that speaks Chat Completions by a script, faults included."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

Step = Callable[[web.Request], Awaitable[web.StreamResponse]]


def chunk(text: str = "", finish: str | None = None, **more: Any) -> str:
    delta = {"content": text} if text else {}
    return json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more})


class Endpoint:
    """Plays one step a request, the last one for ever; keeps the bodies and headers it was sent."""

    def __init__(self) -> None:
        self.url = ""
        self.steps: list[Step] = []
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[Mapping[str, str]] = []
        self.hung_up = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.json())
        self.headers.append(request.headers)
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        try:
            return await step(request)
        except (asyncio.CancelledError, ConnectionResetError):
            self.hung_up.set()
            raise

    def plays(self, *steps: Step) -> None:
        self.steps = list(steps)

    @staticmethod
    def events(*data: str, die: bool = False, then: Callable[[], Awaitable[None]] | None = None) -> Step:
        """Server-sent events as given; `die` cuts the connection, `then` is awaited before the end."""

        async def step(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await response.prepare(request)
            for event in data:
                await response.write(f"data: {event}\n\n".encode())
            if then is not None:
                await then()
            if die:
                assert request.transport is not None
                request.transport.abort()
            return response

        return step

    @classmethod
    def says(cls, *words: str, finish: str = "stop", usage: dict[str, Any] | None = None) -> Step:
        tail = [json.dumps({"choices": [], "usage": usage})] if usage else []
        opening = json.dumps({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})
        return cls.events(opening, *map(chunk, words), chunk(finish=finish), *tail, "[DONE]")

    @staticmethod
    def fails(status: int, message: str = "no", headers: Mapping[str, str] | None = None, code: str = "") -> Step:
        async def step(_: web.Request) -> web.StreamResponse:
            body = {"error": {"message": message, "type": "error", "code": code or None}}
            return web.json_response(body, status=status, headers=headers)

        return step

    @staticmethod
    def answers(body: Any) -> Step:
        async def step(_: web.Request) -> web.StreamResponse:
            return web.json_response(body)

        return step

    @staticmethod
    async def hangs(_: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")
