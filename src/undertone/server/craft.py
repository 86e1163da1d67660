"""Conversation craft over HTTP: another reply, more of one, other versions, a suggestion, and a hello by time away.

A thin door to `engine.branches` and `engine.alternatives`. Knows nothing of what a turn does.
"""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from undertone import guardrails, memory
from undertone.db import transaction
from undertone.engine import alternatives, branches, greetings, personas, replay, turn
from undertone.people import Principal, standing
from undertone.server import sse
from undertone.server.auth import own_id, principal, resources_of
from undertone.server.chat import engine_of, started

router = APIRouter(tags=["craft"])
ForChat = Annotated[Principal, Depends(principal("chat"))]


class Suggestion(BaseModel):
    """What the person would rather have heard."""

    model_config = ConfigDict(extra="forbid")
    suggestion: str = Field(min_length=1, max_length=4000)


@router.post("/v1/turns/{turn_id}/regenerate", summary="Another reply to the same message")
async def regenerate(request: Request, turn_id: UUID, who: ForChat, user: str | None = None) -> StreamingResponse:
    engine = engine_of(request)
    row = await replay.find(engine, turn_id, who.user_id)
    begun = await branches.regenerate(engine, who, row, own_id(who, user))
    live = turn.reply(engine, begun)
    return sse.stream(str(begun.turn_id), started(begun.turn_id, live.follow()))


@router.post("/v1/turns/{turn_id}/continue", summary="More of the last reply, nothing having been said meanwhile")
async def go_on(request: Request, turn_id: UUID, who: ForChat, user: str | None = None) -> StreamingResponse:
    engine = engine_of(request)
    row = await replay.find(engine, turn_id, who.user_id)
    begun = await branches.go_on(engine, who, row, own_id(who, user))
    live = turn.reply(engine, begun)
    return sse.stream(str(begun.turn_id), started(begun.turn_id, live.follow()))


@router.get("/v1/turns/{turn_id}/alternatives", summary="The replies there were, and the wordings of the message")
async def versions(request: Request, turn_id: UUID, who: ForChat, user: str | None = None) -> dict[str, Any]:
    engine = engine_of(request)
    row = await replay.find(engine, turn_id, who.user_id)
    return await alternatives.of(engine, who, row, own_id(who, user))


@router.post("/v1/turns/{turn_id}/choose", status_code=204, summary="Let this message and reply stand")
async def choose(request: Request, turn_id: UUID, who: ForChat, user: str | None = None) -> Response:
    engine = engine_of(request)
    row = await replay.find(engine, turn_id, who.user_id)
    await alternatives.choose(engine, who, row, own_id(who, user))
    return Response(status_code=204)


@router.post("/v1/turns/{turn_id}/suggestion", status_code=201, summary="Say what you would rather have heard")
async def suggest(
    request: Request, turn_id: UUID, body: Suggestion, who: ForChat, user: str | None = None
) -> dict[str, str]:
    engine = engine_of(request)
    row = await replay.find(engine, turn_id, who.user_id)
    return {"id": str(await alternatives.suggest(engine, who, row, own_id(who, user), body.suggestion))}


@router.get("/v1/personas/{persona_id}/greeting", summary="What stands before the first word, by time away")
async def greeting(request: Request, persona_id: str, who: ForChat, user: str | None = None) -> dict[str, str]:
    async with transaction(resources_of(request).db) as conn:
        person = await standing(conn, who, own_id(who, user))
        persona = await personas.get(conn, persona_id)
        _, now = await guardrails.load_care(conn, person.user_id)
        last = await memory.last_said(conn, person.user_id, persona_id)
        stopped = await guardrails.limits_store.contact_stopped(conn, person.user_id)
    gap = now - last if last is not None else None
    if stopped is not None:
        return {"text": "", "away": ""}
    return {"text": greetings.hello(persona, gap), "away": greetings.away(gap)}
