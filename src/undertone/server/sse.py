"""Server-sent events, encoded by hand: a frame in, bytes out, a sign of life while nothing comes.

    return stream(frames, prefix="turn-id")

Each event's id is `<turn>:<offset>`, which `GET /v1/turns/{id}/stream` takes as `Last-Event-ID`. Knows no engine.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, TypeVar

from starlette.responses import StreamingResponse

from undertone import observability
from undertone.engine.live import Frame
from undertone.errors import BadInput

T = TypeVar("T")

ALIVE_S = 15.0
"""A comment is sent after so long a silence, or proxies close the connection."""
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def encode(event: str, data: dict[str, Any], event_id: str) -> bytes:
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":"), default=str)
    return f"id: {event_id}\nevent: {event}\ndata: {body}\n\n".encode()


def offset_from(last_event_id: str | None) -> int:
    """The offset in a `Last-Event-ID`, 0 when there is none. Raises BadInput."""
    if not last_event_id:
        return 0
    number = last_event_id.rpartition(":")[2]
    if not number.isascii() or not number.isdigit():
        raise BadInput("Last-Event-ID must be the id of the last event you got, such as '<turn>:120'.")
    return int(number)


async def with_signs_of_life(items: AsyncGenerator[T], alive_s: float = ALIVE_S) -> AsyncGenerator[T | None]:
    """The items as they come, and None after each stretch of `alive_s` seconds without one."""
    pending: asyncio.Task[T] | None = None
    try:
        while True:
            pending = pending or asyncio.ensure_future(anext(items))
            done, _ = await asyncio.wait({pending}, timeout=alive_s)
            if not done:
                yield None
                continue
            try:
                item = pending.result()
            except StopAsyncIteration:
                return
            finally:
                pending = None
            yield item
    finally:
        if pending is not None:
            pending.cancel()
            await asyncio.wait({pending})
        await items.aclose()


async def _bytes(turn: str, frames: AsyncGenerator[Frame]) -> AsyncIterator[bytes]:
    with observability.OPEN_STREAMS.track_inprogress():
        async for frame in with_signs_of_life(frames):
            if frame is None:
                yield b": still here\n\n"
            else:
                yield encode(frame.event, frame.data, f"{turn}:{frame.offset}")


def stream(turn: str, frames: AsyncGenerator[Frame]) -> StreamingResponse:
    """A response that sends the frames of one turn."""
    return StreamingResponse(_bytes(turn, frames), media_type="text/event-stream", headers=HEADERS)
