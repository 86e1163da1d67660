"""One turn's cost: what the engine adds before the first word, CPU of API, worker and PostgreSQL, turns a second.

    .venv/bin/python benchmarks/turn.py [--seconds 30] [--quick]    # progress on stderr, JSON as the last line

A real server in a process of its own with its own embedded database; the offline composer answers without any delay, so
that all that is measured is ours. `added_ms` is what one client at a time waits from sending a message to the first
piece of the reply; `loaded_ms` the same with `clients` at once, which is where `turns_per_second` and `cpu_ms_per_turn`
come from. The client's own CPU is not counted, but it shares the machine. CPU figures survive a busy one, others less.
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import psutil
import psycopg

from undertone import postgres

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = Path(sys.executable).parent / "undertone"
READY_S = 180
PEOPLE = 48
SAID = (
    "I had a long day at work and my sister called about her birthday.",
    "My dog Biscuit ran through the whole park today!",
    "what do you think I should cook tonight?",
    "Honestly I feel a bit tired, but the sea was lovely this morning.",
    "Do you remember what my dog is called?",
    "We are going to Porto in May, I can't wait.",
    "haha that's funny",
    "I started to read a book about lighthouses, it is slow but I like it.",
)


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@dataclass
class Server:
    """A running `undertone serve` and all the processes that work for it."""

    process: subprocess.Popen[bytes]
    folder: Path
    address: str
    started: float
    """`time.perf_counter()` when the process was started."""
    log: Path
    environment: dict[str, str] = field(repr=False)

    def processes(self) -> tuple[psutil.Process, list[psutil.Process]]:
        """The server, and PostgreSQL with its backends."""
        postmaster = postgres.running_postmaster(postgres.find_home(self.folder / "postgres", tell))
        assert postmaster is not None
        database = psutil.Process(postmaster)
        return psutil.Process(self.process.pid), [database, *database.children(recursive=True)]

    def cpu_s(self) -> tuple[float, float]:
        """CPU seconds so far of the server (API and worker), and of PostgreSQL, ended backends included."""
        server, database = self.processes()
        reaped = database[0].cpu_times()
        return spent(server), sum(map(spent, database)) + reaped.children_user + reaped.children_system

    def key(self) -> str:
        made = subprocess.run(
            [PROGRAM, "keys", "create", "--json"], env=self.environment, capture_output=True, check=True, text=True
        )
        return json.loads(made.stdout.splitlines()[-1])["key"]

    def wait_for(self, pattern: str) -> str:
        """The first group of a pattern once the server has printed it."""
        deadline = time.monotonic() + READY_S
        while not (found := re.search(pattern, self.log.read_text("utf-8"))):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"the server did not start: {self.log.read_text('utf-8')[-2000:]}")
            time.sleep(0.01)
        return found[1]

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)


def spent(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system


@contextmanager
def folder_of_our_own(*, weights: bool = True) -> Generator[Path]:
    """A data folder, removed in the end; with the embedder's converted weights when they are there already."""
    folder = Path(tempfile.mkdtemp(prefix="undertone-bench-"))
    folder.chmod(0o755)  # the database runs under an account of its own when we are root
    if weights and (ROOT / "var" / "models").is_dir():
        (folder / "models").symlink_to(ROOT / "var" / "models")
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def serving(folder: Path, **settings: Any) -> Generator[Server]:
    """`undertone serve` on this folder. Settings are given as UNDERTONE_* in lower case."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("UNDERTONE_", "DATABASE"))}
    wanted = {"data_dir": folder, "offline_delay_ms": 0, "messages_per_minute": 10**6, "messages_per_day": 10**9}
    environment |= {f"UNDERTONE_{name.upper()}": str(value) for name, value in (wanted | settings).items()}
    environment |= {"OMP_NUM_THREADS": "1"}
    log = folder / "serve.log"
    log.unlink(missing_ok=True)
    with log.open("wb") as sink:
        started = time.perf_counter()
        process = subprocess.Popen(
            [PROGRAM, "serve", "--port", str(port)], env=environment, cwd=folder, stdout=sink, stderr=sink
        )
    server = Server(process, folder, f"http://127.0.0.1:{port}", started, log, environment)
    try:
        yield server
    finally:
        server.stop()


@dataclass
class Measured:
    """What a phase brought, times in milliseconds."""

    first: list[float] = field(default_factory=list[float])
    whole: list[float] = field(default_factory=list[float])
    seconds: float = 0.0


async def say(session: aiohttp.ClientSession, person: str, text: str) -> tuple[float, float]:
    """One message; milliseconds to the first piece and to the end of the reply."""
    began = time.perf_counter()
    first = 0.0
    async with session.post("/v1/chat", json={"user": person, "message": text}) as answer:
        if answer.status != 200:
            raise SystemExit(f"{answer.status}: {await answer.text()}")
        async for line in answer.content:
            if not first and line.startswith(b"event: text.delta"):
                first = (time.perf_counter() - began) * 1e3
            if line.startswith(b"event: turn.error"):
                raise SystemExit("a turn failed; see the server's log")
    return first, (time.perf_counter() - began) * 1e3


async def talk(session: aiohttp.ClientSession, clients: int, seconds: float, people: Iterator[str]) -> Measured:
    """Keep `clients` messages in the air for so long. Nobody speaks twice at once."""
    measured = Measured()
    texts = cycle(SAID)
    began = time.perf_counter()

    async def one() -> None:
        while time.perf_counter() - began < seconds:
            first, whole = await say(session, next(people), next(texts))
            measured.first.append(first)
            measured.whole.append(whole)

    await asyncio.gather(*(one() for _ in range(clients)))
    measured.seconds = time.perf_counter() - began
    return measured


async def jobs_done(server: Server, patience_s: float = 60) -> bool:
    """Wait until the worker has nothing left to do: its CPU belongs to the turns."""
    embedded = await asyncio.to_thread(postgres.start, server.folder / "postgres")
    try:
        async with await psycopg.AsyncConnection.connect(embedded.dsn, autocommit=True) as conn:
            deadline = time.monotonic() + patience_s
            while time.monotonic() < deadline:
                waiting = await conn.execute(
                    "select count(*) from procrastinate_jobs where task_name = 'after_turn' and status in"
                    " ('todo', 'doing')"
                )
                if await waiting.fetchone() == (0,):
                    return True
                await asyncio.sleep(0.2)
    finally:
        embedded.stop()
    return False


async def measure(server: Server, seconds: float, clients: int) -> dict[str, Any]:
    names = [f"bench-{number}" for number in range(PEOPLE)]
    people = cycle(names)
    headers = {"Authorization": f"Bearer {server.key()}"}
    connector = aiohttp.TCPConnector(limit=clients)
    async with aiohttp.ClientSession(server.address, headers=headers, connector=connector) as session:
        tell(f"warming up: {PEOPLE} people say hello")
        for name in names:
            await say(session, name, "Hello there.")
        tell(f"one client for {seconds / 3:.0f} s")
        alone = await talk(session, 1, seconds / 3, people)
        await jobs_done(server)
        before = server.cpu_s()
        tell(f"{clients} clients for {seconds * 2 / 3:.0f} s")
        loaded = await talk(session, clients, seconds * 2 / 3, people)
        drained = await jobs_done(server)
        after = server.cpu_s()
    turns = len(loaded.whole)
    api, database = ((b - a) * 1e3 / turns for a, b in zip(before, after, strict=True))
    return {
        "turns_per_second": round(turns / loaded.seconds, 1),
        "cpu_ms_per_turn": round(api + database, 2),
        "cpu_ms": {"api_and_worker": round(api, 2), "postgresql": round(database, 2)},
        "added_ms": percentiles(alone.first),
        "whole_turn_ms": percentiles(alone.whole),
        "loaded_ms": percentiles(loaded.first),
        "clients": clients,
        "turns": turns,
        "turns_alone": len(alone.whole),
        "jobs_drained": drained,
        "rss_mb": round(psutil.Process(server.process.pid).memory_info().rss / 1e6),
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 1),
    }


def percentiles(values: list[float]) -> dict[str, float]:
    p50, p99 = np.percentile(values, [50, 99])
    return {"p50": round(float(p50), 2), "p99": round(float(p99), 2)}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=float, default=30.0, help="how long to measure, both phases together")
    arguments.add_argument("--clients", type=int, default=8, help="messages in the air at once in the second phase")
    arguments.add_argument("--quick", action="store_true", help="six seconds")
    given = arguments.parse_args()
    with folder_of_our_own() as folder, serving(folder) as server:
        tell("starting the server")
        server.wait_for(r"(/enter\?code=)")
        print(json.dumps(asyncio.run(measure(server, 6.0 if given.quick else given.seconds, given.clients))))


if __name__ == "__main__":
    main()
