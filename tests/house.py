"""The whole app in process, as `serve` builds it, and people who talk to it: for tests of routes and of turns.

    async with open_house(dsn, embedder, model) as house:
        anna = house.person()
        heard = await anna.say("Hello")             # every event of the stream
        async with anna.saying("Hello") as stream:  # event by event, as they are written

Bodies stream as a server streams them, and closing one early is a reader who hangs up. Knows no assertion.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx
from fastapi import FastAPI

from undertone.app import create_app
from undertone.config import Settings
from undertone.engine import Engine
from undertone.llm.protocol import ChatProvider, Embedder
from undertone.people import identity
from undertone.resources import Pool

NUMBERS = count(1)


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event."""

    id: str
    name: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Heard:
    """A whole stream."""

    status: int
    events: list[Event]

    @property
    def text(self) -> str:
        """The deltas, put together."""
        return "".join(event.data["text"] for event in self.events if event.name == "text.delta")

    @property
    def turn(self) -> str:
        return str(self.events[0].data["turn"])

    @property
    def last(self) -> Event:
        return self.events[-1]

    @property
    def done(self) -> dict[str, Any]:
        """The data of `turn.done`, which must be the last event."""
        assert self.last.name == "turn.done", self.last
        return self.last.data


@dataclass
class Person:
    """Somebody who talks, through `client`. `headers` may carry another key or a token."""

    client: httpx.AsyncClient
    name: str | None
    headers: dict[str, str] = field(default_factory=dict[str, str])
    persona: str = "mira"

    def body(self, text: str, **more: Any) -> dict[str, Any]:
        named = {"user": self.name} if self.name else {}
        return named | {"persona": self.persona, "message": text} | more

    async def post(self, text: str, *, key: str | None = None, **more: Any) -> httpx.Response:
        """Say something and read the whole answer, whatever it is."""
        return await self.client.post("/v1/chat", json=self.body(text, **more), headers=self._headers(key))

    async def say(self, text: str, *, key: str | None = None, **more: Any) -> Heard:
        """Say something and hear the reply to its end."""
        answer = await self.post(text, key=key, **more)
        assert answer.status_code == 200, answer.text
        return heard(answer)

    @asynccontextmanager
    async def saying(self, text: str, *, key: str | None = None, **more: Any) -> AsyncGenerator[AsyncIterator[Event]]:
        """Say something and take the events one by one; leaving the block hangs up."""
        body, headers = self.body(text, **more), self._headers(key)
        async with self.client.stream("POST", "/v1/chat", json=body, headers=headers) as response:
            assert response.status_code == 200, await response.aread()
            yield events_of(response)

    async def get(self, path: str, **params: Any) -> Any:
        """The JSON of an address, asked as this person."""
        named = {"user": self.name} if self.name else {}
        answer = await self.client.get(path, params=named | params, headers=self.headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def messages(self, conversation: str) -> list[tuple[str, str]]:
        """Role and text of a conversation, oldest first."""
        found = await self.get(f"/v1/conversations/{conversation}/messages", limit=500)
        return [(message["role"], message["text"]) for message in found]

    async def ended(self, turn: str) -> dict[str, Any]:
        """Why a turn replied as it did, once it has ended."""
        answer = await self.client.get(f"/v1/turns/{turn}/stream", headers=self.headers)
        assert answer.status_code == 200, answer.text
        return await self.get(f"/v1/turns/{turn}")

    def _headers(self, key: str | None) -> dict[str, str]:
        return self.headers | ({"Idempotency-Key": key} if key else {})


@dataclass
class House:
    """A running app. `client` holds a key with every scope and the attestations of `keys create`."""

    app: FastAPI
    client: httpx.AsyncClient

    @property
    def engine(self) -> Engine:
        return self.app.state.engine

    @property
    def db(self) -> Pool:
        return self.engine.resources.db

    @property
    def dsn(self) -> str:
        return self.app.state.settings.database_url

    def person(self, name: str | None = None, **more: Any) -> Person:
        """Somebody never seen before."""
        return Person(self.client, name or f"person-{next(NUMBERS)}", **more)

    async def token_of(self, person: Person) -> Person:
        """The same person with a token of their own, as a browser has."""
        issued = await self.client.post("/v1/tokens", json={"user": person.name})
        assert issued.status_code == 201, issued.text
        return Person(self.client, None, {"Authorization": f"Bearer {issued.json()['token']}"}, person.persona)

    async def key(self, **options: Any) -> dict[str, str]:
        """The header of another key."""
        async with self.db.connection() as conn:
            return {"Authorization": f"Bearer {await identity.create_key(conn, 'another', **options)}"}


@asynccontextmanager
async def open_house(
    dsn: str, embedder: Embedder, chat: ChatProvider | None = None, **settings: Any
) -> AsyncGenerator[House]:
    """The app on this database, its lifespan running; without `chat` the offline composer answers."""
    wanted: dict[str, Any] = {
        "offline_delay_ms": 0,
        "messages_per_minute": 1000,
        "background_model": "none",
        "second_look_model": "none",
    } | settings
    app = create_app(Settings(database_url=dsn, **wanted), worker=False, chat=chat, embed=embedder)
    async with app.router.lifespan_context(app):
        client = httpx.AsyncClient(transport=Streaming(app), base_url="http://undertone.test", timeout=30)
        house = House(app, client)
        client.headers.update(await house.key())
        async with client:
            yield house


def heard(answer: httpx.Response) -> Heard:
    """The events of a whole answer; comments are left out."""
    assert answer.headers["content-type"].startswith("text/event-stream"), answer.text
    blocks = [block for block in answer.text.split("\n\n") if block.strip() and not block.startswith(":")]
    return Heard(answer.status_code, [_event(block) for block in blocks])


async def events_of(response: httpx.Response) -> AsyncIterator[Event]:
    """Events as they come; comments are left out."""
    block: list[str] = []
    async for line in response.aiter_lines():
        if line:
            block.append(line)
        elif block:
            if not block[0].startswith(":"):
                yield _event("\n".join(block))
            block = []


def _event(block: str) -> Event:
    fields = dict(line.split(": ", 1) for line in block.splitlines())
    assert fields.keys() == {"id", "event", "data"}, block
    return Event(fields["id"], fields["event"], json.loads(fields["data"]))


class Streaming(httpx.AsyncBaseTransport):
    """Calls an ASGI app and hands its body over piece by piece (httpx.ASGITransport waits for the whole of it)."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        sent = await request.aread()
        gone = asyncio.Event()
        answers: asyncio.Queue[Any] = asyncio.Queue()
        incoming = iter([{"type": "http.request", "body": sent, "more_body": False}])

        async def receive() -> Any:
            if (message := next(incoming, None)) is not None:
                return message
            await gone.wait()
            return {"type": "http.disconnect"}

        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": request.url.scheme,
            "path": request.url.path,
            "raw_path": request.url.raw_path.split(b"?")[0],
            "query_string": request.url.query,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "server": ("undertone.test", 80),
            "client": ("127.0.0.1", 1),
            "root_path": "",
        }
        running = asyncio.create_task(self._app(scope, receive, answers.put))  # pyright: ignore[reportArgumentType]
        start = await answers.get()
        body = _Body(answers, gone, running)
        return httpx.Response(start["status"], headers=start["headers"], stream=body)


class _Body(httpx.AsyncByteStream):
    def __init__(self, answers: asyncio.Queue[Any], gone: asyncio.Event, running: asyncio.Task[None]) -> None:
        self._answers, self._gone, self._running = answers, gone, running

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            message = await self._answers.get()
            if message.get("body"):
                yield message["body"]
            if not message.get("more_body"):
                return

    async def aclose(self) -> None:
        self._gone.set()
        await asyncio.wait({self._running})
        if not self._running.cancelled():
            self._running.exception()  # sent as a 500 already; looked at, or asyncio complains
