"""The chat API: one call a message, a streamed reply; stop, report, resume, why.

A thin door to `engine.turn`: it reads the request, refuses what cannot be an answer, and streams frames.
Knows nothing of what a turn does.
"""

import hashlib
import json
from collections.abc import AsyncGenerator
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response, StreamingResponse

from undertone.engine import Begun, Engine, IdempotencyKey, Past, Said, replay, turn
from undertone.engine.live import Frame
from undertone.errors import BadInput, Forbidden
from undertone.people import Principal
from undertone.server import sse
from undertone.server.auth import own_id, principal

router = APIRouter(tags=["chat"])
MAX_HISTORY = 200


class PastIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    role: str = Field(pattern="^(user|assistant)$")
    content: str


class ChatIn(BaseModel):
    """One message from a person."""

    model_config = ConfigDict(extra="forbid")
    user: str | None = Field(None, description="The person, as your platform names them; a person's token implies it.")
    persona: str = Field("mira", description="Who should answer.")
    message: str = Field(description="What the person wrote.")
    conversation: UUID | None = Field(None, description="A conversation to go on with; the open one when left out.")
    history: list[PastIn] = Field([], max_length=MAX_HISTORY, description="Earlier chat elsewhere; taken once.")
    response_time_s: float | None = Field(None, ge=0, le=1e7, description="Seconds the person took to answer.")
    typing_stops: int | None = Field(None, ge=0, le=10_000, description="How often they stopped while typing.")
    edits: UUID | None = Field(None, description="The turn whose message this one takes the place of.")
    debug: bool = Field(False, description="Send the exact request and all readings with `turn.done` (keys only).")


class ReportIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    reason: str = Field("other", pattern="^(wrong|harmful|unwanted|pretends|other)$")


def engine_of(request: Request) -> Engine:
    return request.app.state.engine


@router.post("/v1/chat", summary="Say something, and stream the reply")
async def chat(
    request: Request,
    body: ChatIn,
    who: Annotated[Principal, Depends(principal("chat"))],
    idempotency_key: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    engine = engine_of(request)
    if body.debug and who.kind == "person":
        raise Forbidden("`debug` shows the persona's instructions, so it needs an API key.")
    said = Said(
        user=own_id(who, body.user),
        persona=body.persona,
        text=body.message,
        conversation_id=body.conversation,
        history=tuple(Past(p.role, p.content) for p in body.history),  # pyright: ignore[reportArgumentType]
        response_time_s=body.response_time_s,
        typing_stops=body.typing_stops,
        debug=body.debug,
        edits=body.edits,
        idempotency=key_from(idempotency_key, who, body),
    )
    begun = await turn.begin(engine, who, said)
    if not isinstance(begun, Begun):
        retried = await replay.again(engine, who, said.user, begun)
        if not isinstance(retried, Begun):
            return sse.stream(str(retried.turn_id), started(retried.turn_id, replay.follow(engine, retried)))
        begun = retried
    live = turn.reply(engine, begun)
    return sse.stream(str(begun.turn_id), started(begun.turn_id, live.follow()))


@router.get("/v1/turns/{turn_id}/stream", summary="Come back to a reply from any offset, on any replica")
async def resume(
    request: Request,
    turn_id: UUID,
    who: Annotated[Principal, Depends(principal("chat"))],
    last_event_id: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    engine = engine_of(request)
    row = await replay.find(engine, turn_id, who.user_id)
    offset = sse.offset_from(last_event_id)
    frames = replay.follow(engine, row, offset)
    return sse.stream(str(turn_id), frames if offset else started(turn_id, frames))


@router.get("/v1/turns/{turn_id}", summary="Why this reply: readings, strategy, memories, token shares")
async def why(request: Request, turn_id: UUID, who: Annotated[Principal, Depends(principal("chat"))]) -> dict[str, Any]:
    return await replay.explain(engine_of(request), turn_id, who.user_id)


@router.get("/v1/turns/{turn_id}/sent", summary="What was sent to the model for this reply, part by part")
async def sent(
    request: Request, turn_id: UUID, who: Annotated[Principal, Depends(principal("chat"))]
) -> dict[str, Any]:
    """`exact`: byte for byte what the model received. A person is not shown the persona's instructions."""
    return await replay.show_sent(engine_of(request), turn_id, who.user_id)


@router.post("/v1/turns/{turn_id}/stop", status_code=202, summary="Stop a reply; what was said stays")
async def stop(request: Request, turn_id: UUID, who: Annotated[Principal, Depends(principal("chat"))]) -> Response:
    await replay.stop(engine_of(request), turn_id, who.user_id)
    return Response(status_code=202)


@router.post("/v1/turns/{turn_id}/report", status_code=201, summary="Report one of our messages")
async def report(
    request: Request, turn_id: UUID, body: ReportIn, who: Annotated[Principal, Depends(principal("chat"))]
) -> dict[str, str]:
    return {"report": str(await replay.report(engine_of(request), turn_id, who.user_id, body.reason))}


def key_from(value: str | None, who: Principal, body: BaseModel) -> IdempotencyKey | None:
    """The request's idempotency key, private to the API key or person that sent it. Raises BadInput."""
    if value is None:
        return None
    if not 1 <= len(value) <= 255 or not value.isprintable():
        raise BadInput("Idempotency-Key must be 1 to 255 printable characters, for example a UUID.")
    owner = f"person:{who.user_id}" if who.kind == "person" else f"key:{who.key_id}"
    return IdempotencyKey(owner, value, hashlib.sha256(json.dumps(body.model_dump(), default=str).encode()).digest())


async def started(turn_id: UUID, frames: AsyncGenerator[Frame]) -> AsyncGenerator[Frame]:
    """A turn's frames, the one that names it first; closed with its reader."""
    yield Frame("turn.started", {"turn": str(turn_id)}, 0)
    try:
        async for frame in frames:
            yield frame
    finally:
        await frames.aclose()
