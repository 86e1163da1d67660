"""Replies being written in this process: who listens, what was said so far, and the log that outlives us.

A `LiveTurn` belongs to the process and not to a connection: readers `follow` it from any offset and may leave and come
back. `Live.keep` writes the pieces of all turns in one statement a beat, so that another replica can replay them, and
tells the database that this replica lives. Knows nothing of models, memory or HTTP.
"""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from uuid_utils.compat import uuid7

from undertone import observability
from undertone.db import transaction
from undertone.engine import store
from undertone.resources import Pool

FLUSH_S = 0.25
"""How often pieces go to the log: at most this much text is lost with a process."""
BEAT_S = 1.0
"""How often the replica says that it lives; see `store.REPLICA_SILENT_S`."""

log = observability.get_logger("engine.live")


@dataclass(frozen=True, slots=True)
class Frame:
    """One thing a reader gets: an event's name, its data, and the offset in the reply after it."""

    event: str
    data: dict[str, Any]
    offset: int


class LiveTurn:
    """One reply in the making."""

    def __init__(self, user_id: UUID, turn_id: UUID) -> None:
        self.user_id = user_id
        self.turn_id = turn_id
        self.text = ""
        self.logged = 0
        """Characters of `text` that are in the piece log."""
        self.stopping = False
        self.speaking: asyncio.Task[None] | None = None
        """The model's stream, while there is one."""
        self.ending: Frame | None = None
        self._readers: set[asyncio.Event] = set()

    def push(self, text: str) -> None:
        """Add to the reply and wake its readers."""
        if text:
            self.text += text
            self._wake()

    def end(self, event: str, data: dict[str, Any]) -> None:
        self.ending = Frame(event, data, len(self.text))
        self._wake()

    def stop(self) -> None:
        """End the reply where it is."""
        self.stopping = True
        if self.speaking is not None:
            self.speaking.cancel()

    def _wake(self) -> None:
        for reader in self._readers:
            reader.set()

    async def follow(self, offset: int = 0, pause_s: float = 0.05) -> AsyncGenerator[Frame]:
        """Frames from `offset` on, the ending last. What comes within `pause_s` after a piece is sent as one."""
        changed = asyncio.Event()
        self._readers.add(changed)
        try:
            while True:
                changed.clear()
                if offset < len(self.text):
                    fresh = self.text[offset:]
                    offset = len(self.text)
                    yield Frame("text.delta", {"text": fresh}, offset)
                if self.ending is not None and offset >= len(self.text):
                    yield self.ending
                    return
                await changed.wait()
                if offset and self.ending is None:
                    await asyncio.sleep(pause_s)
        finally:
            self._readers.discard(changed)


class Live:
    """All replies this process writes. One a process, kept running by `app.py`."""

    def __init__(self, pool: Pool, most: int = 4000) -> None:
        self.replica_id = uuid7()
        self.most = most
        self._pool = pool
        self._turns: dict[UUID, LiveTurn] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.full = False

    def __len__(self) -> int:
        return len(self._turns)

    def get(self, turn_id: UUID) -> LiveTurn | None:
        return self._turns.get(turn_id)

    def start(self, live: LiveTurn, work: Coroutine[Any, Any, None]) -> None:
        """Own a turn until its reply is stored, whoever listens."""
        self._turns[live.turn_id] = live
        self.full = len(self._turns) >= self.most
        task = asyncio.create_task(work, name=f"turn {live.turn_id}")
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._drop(live, done))

    def _drop(self, live: LiveTurn, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._turns.pop(live.turn_id, None)
        self.full = len(self._turns) >= self.most
        if not task.cancelled() and (error := task.exception()):
            log.error("turn_broke", turn=str(live.turn_id), error=repr(error))
        if live.ending is None:
            live.end("turn.interrupted", {"turn": str(live.turn_id), "text": live.text})

    async def beat(self) -> None:
        """Write the fresh pieces and the heartbeat; pass on stop requests made at other replicas."""
        rows: list[tuple[UUID, UUID, int, str]] = []
        upto: list[tuple[LiveTurn, int]] = []
        for live in self._turns.values():
            if live.ending is None and live.logged < len(live.text):
                rows.append((live.user_id, live.turn_id, live.logged, live.text[live.logged :]))
                upto.append((live, len(live.text)))
        async with transaction(self._pool) as conn:
            await store.add_pieces(conn, self.replica_id, rows)
            for turn_id in await store.beat(conn, self.replica_id):
                if (live := self._turns.get(turn_id)) is not None:
                    live.stop()
        for live, length in upto:
            live.logged = length

    async def keep(self) -> None:
        """Beat until cancelled: every FLUSH_S while replies are written, every BEAT_S otherwise."""
        clock = asyncio.get_running_loop().time
        last = 0.0
        while True:
            if self._turns or clock() - last >= BEAT_S:
                try:
                    await self.beat()
                    last = clock()
                except psycopg.Error as error:  # a database that is away for a while must not end the beat
                    log.warning("beat_failed", error=repr(error))
            await asyncio.sleep(FLUSH_S)

    async def close(self, patience_s: float = 20.0) -> None:
        """Let running replies end, then leave."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=patience_s)
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2.0)
        async with transaction(self._pool) as conn:
            await store.leave(conn, self.replica_id)
