"""The real program: `undertone serve` with its own database, killed without warning, started again.

What was acknowledged is there, and nothing is there twice. The offline composer answers, a word every few milliseconds.
"""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from openai import AsyncOpenAI

from house import Event, Person, events_of
from undertone import postgres

REPOSITORY = Path(__file__).resolve().parent.parent
PROGRAM = Path(sys.executable).parent / "undertone"
START_S = 120
SLOWLY_MS = 250
"""Between words, so that fifty replies are still being written when the last of them has begun."""
PEOPLE = 50
FACTS = ("My sister Ana lives in Porto.", "I work as a baker.", "My dog is called Biscuit.")


class Program:
    """One installation in a folder of its own, and its server process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "serve.log"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("UNDERTONE_")},
            "UNDERTONE_DATA_DIR": str(folder),
            "OMP_NUM_THREADS": "1",
        }
        self.environment.pop("DATABASE_URL", None)
        self.process: subprocess.Popen[bytes] | None = None
        self.address = ""

    def start(self, delay_ms: int = 5) -> None:
        """Serve on a free port, a word every `delay_ms`, and return when it is ready."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "serve", "--port", str(port)],
                env=self.environment | {"UNDERTONE_OFFLINE_DELAY_MS": str(delay_ms)},
                cwd=self.folder,
                stderr=log,
                stdout=log,
            )
        self.address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + START_S
        while not self._ready():
            assert self.process.poll() is None, f"the server ended: {self.log.read_text()[-2000:]}"
            assert time.monotonic() < deadline, f"the server is not ready: {self.log.read_text()[-2000:]}"
            time.sleep(0.05)

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.address}/readyz", timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """As a crash or a pulled plug would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """As Ctrl-C; returns the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)

    def key(self) -> str:
        """A key made by the command line beside the running server."""
        made = subprocess.run(
            [PROGRAM, "keys", "create", "--json"], env=self.environment, capture_output=True, check=True, text=True
        )
        return httpx.Response(200, text=made.stdout.splitlines()[-1]).json()["key"]

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What the database holds, asked behind the server's back."""
        embedded = postgres.start(self.folder / "postgres")
        try:
            with psycopg.connect(embedded.dsn) as conn:
                return conn.execute(query, values).fetchall()  # pyright: ignore[reportArgumentType]
        finally:
            embedded.stop()


@pytest.fixture(scope="module")
def program() -> Iterator[Program]:
    folder = Path(tempfile.mkdtemp(prefix="undertone-house-"))
    folder.chmod(0o755)  # the database runs under an account of its own when we are root
    (folder / "models").symlink_to(REPOSITORY / "var" / "models")
    running = Program(folder)
    try:
        running.start(delay_ms=SLOWLY_MS)
        yield running
    finally:
        if running.process and running.process.poll() is None:
            running.kill()
        postgres.start(folder / "postgres").stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def key(program: Program) -> str:
    return program.key()


@pytest.fixture
async def client(program: Program, key: str) -> AsyncIterator[httpx.AsyncClient]:
    async with open_client(program, key) as opened:
        yield opened


def open_client(program: Program, key: str) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=PEOPLE + 10, max_keepalive_connections=0)
    return httpx.AsyncClient(
        base_url=program.address, headers={"Authorization": f"Bearer {key}"}, timeout=60, limits=limits
    )


async def test_a_kill_amid_fifty_streams_loses_no_message_and_doubles_none(
    program: Program, key: str, client: httpx.AsyncClient
) -> None:
    progress = asyncio.Event()
    streams = [Broken(Person(client, f"amid-{number}"), progress) for number in range(PEOPLE)]
    early, late = streams[:-5], streams[-5:]
    talking = [asyncio.create_task(stream.listen()) for stream in early]
    await until(progress, lambda: all(s.turn for s in early) and sum(s.pieces > 1 for s in early) >= 10)
    talking += [asyncio.create_task(stream.listen()) for stream in late]
    await until(progress, lambda: any(s.turn for s in late))
    program.kill()
    await asyncio.gather(*talking)
    acknowledged = [stream for stream in streams if stream.turn is not None]
    unfinished = [stream for stream in streams if not stream.ended]
    assert len(acknowledged) >= PEOPLE - 5
    assert len(unfinished) >= PEOPLE // 2, "the kill came too late to say anything"
    program.start()
    kept = said(program)
    for stream in acknowledged:
        assert kept[stream.person.name] == [stream.text], "an acknowledged message is gone"
    async with open_client(program, key) as fresh:
        again = await asyncio.gather(*(stream.again(fresh) for stream in streams))
    kept = said(program)
    for stream, events in zip(streams, again, strict=True):
        turn = events[0].data["turn"]
        assert turn == (stream.turn or turn)
        assert events[-1].name in ("turn.done", "turn.interrupted")
        assert kept[stream.person.name] == [stream.text], "a retry stored the message twice"
    turns = program.rows("select count(*) from turns t join users u using (user_id) where external_id like 'amid-%%'")
    assert turns == [(PEOPLE,)]
    running = program.rows("select count(*) from turns where state = 'running'")
    assert running == [(0,)]
    ends = [events[-1].name for events in again]
    print(
        f"{len(acknowledged)} acknowledged, {len(unfinished)} cut off; retries: { ({e: ends.count(e) for e in ends}) }"
    )


async def until(progress: asyncio.Event, reached: Callable[[], bool]) -> None:
    """Wait for streams to get so far."""
    async with asyncio.timeout(60):
        while not reached():
            await progress.wait()
            progress.clear()


class Broken:
    """One person's message whose stream may break at any moment."""

    def __init__(self, person: Person, progress: asyncio.Event) -> None:
        self.person = person
        self.progress = progress
        self.text = f"I am {person.name} and I walked to the lighthouse today with my old friend."
        self.turn: str | None = None
        self.pieces = 0
        self.ended = False

    async def listen(self) -> None:
        try:
            async with self.person.saying(self.text, key=str(self.person.name)) as events:
                async for event in events:
                    self.turn = self.turn or event.data["turn"]
                    self.pieces += event.name == "text.delta"
                    self.ended = event.name == "turn.done"
                    self.progress.set()
        except httpx.TransportError:
            return

    async def again(self, client: httpx.AsyncClient) -> list[Event]:
        """The retry of a good client: the same key, and as late as it is asked to come."""
        headers = {"Idempotency-Key": str(self.person.name)}
        while True:
            async with client.stream("POST", "/v1/chat", json=self.person.body(self.text), headers=headers) as answer:
                if answer.status_code == 200:
                    return [event async for event in events_of(answer)]
                assert answer.status_code == 409, await answer.aread()
                wait = int(answer.headers["retry-after"])
            await asyncio.sleep(wait)


def said(program: Program) -> dict[str | None, list[str]]:
    """Everybody's messages in the database, those of left branches included."""
    found: dict[str | None, list[str]] = {}
    query = "select external_id, text from messages m join users u using (user_id) where role = 'user'"
    for name, text in program.rows(query):
        found.setdefault(name, []).append(text)
    return found


async def test_what_was_told_survives_a_kill_and_is_recalled(
    program: Program, key: str, client: httpx.AsyncClient
) -> None:
    anna = Person(client, "anna")
    for fact in FACTS:
        await anna.say(fact)
    program.kill()
    program.start()
    async with open_client(program, key) as fresh:
        anna = Person(fresh, "anna")
        begun = await fresh.post("/v1/conversations", json={"user": "anna"})
        for question, fact, word in (
            ("Where does my sister live?", FACTS[0], "Porto"),
            ("What is my dog called?", FACTS[2], "Biscuit"),
        ):
            done = (await anna.say(question, conversation=begun.json()["id"])).done
            recalled = {memory["text"]: memory["why"] for memory in done["memories"]}
            assert recalled[fact]
            assert word in done["text"]
        listed = [memory["text"] for memory in await anna.get("/v1/users/anna/memories")]
        assert set(FACTS) <= set(listed)


async def test_the_openai_sdk_talks_to_the_real_server(program: Program, key: str) -> None:
    asked: Any = [{"role": "user", "content": "I grow tomatoes on my balcony."}]
    async with AsyncOpenAI(api_key=key, base_url=f"{program.address}/v1", max_retries=0) as sdk:
        whole = await sdk.chat.completions.create(model="undertone/mira", user="sdk", messages=asked)
        told = whole.choices[0].message.content
        assert told
        asked += [{"role": "assistant", "content": told}, {"role": "user", "content": "What do I grow?"}]
        stream = await sdk.chat.completions.create(model="undertone/mira", user="sdk", messages=asked, stream=True)
        pieces = [chunk.choices[0].delta.content or "" async for chunk in stream]
    assert len(pieces) > 3, "it must come in pieces"
    assert "tomatoes" in "".join(pieces)


def test_it_ends_in_peace_and_takes_its_database_along(program: Program) -> None:
    assert program.stop() == 0
    home = postgres.find_home(program.folder / "postgres", lambda _: None)
    assert postgres.running_postmaster(home) is None
