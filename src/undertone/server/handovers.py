"""Hand-over over HTTP: what waits for a person, take a conversation over, write into it, give it back to the AI.

What an operator writes is stored as written by a person (`ai_generated: false`). Thin over the engine's hand-overs.
"""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from undertone import memory
from undertone.db import clock, transaction
from undertone.engine import handovers
from undertone.errors import BadInput
from undertone.people import Principal, standing
from undertone.server.auth import own_id, principal, resources_of
from undertone.server.conversations import MessageShown, message_shown

router = APIRouter(tags=["handover"])
ForCare = Annotated[Principal, Depends(principal("care"))]
ForChat = Annotated[Principal, Depends(principal("chat"))]


class HandoverMove(BaseModel):
    """What an operator does."""

    model_config = ConfigDict(extra="forbid")
    user: str = Field(description="The person, as your platform names them.")
    action: Literal["take", "say", "back"]
    text: str | None = Field(None, description="What the operator writes; only with `say`.")


class HandoverShown(BaseModel):
    """One conversation that waits for a person or has one."""

    user: str
    conversation: UUID
    persona: str
    state: str
    asked_at: datetime
    taken_at: datetime | None
    taken_by: str | None
    incident: UUID | None


class HandoverState(BaseModel):
    """Who answers: `asked` (the AI paused, nobody came yet), `taken` (a person), `back` (the AI)."""

    state: str


@router.get("/v1/handovers", summary="Conversations that wait for a person or have one, the longest waiting first")
async def going(request: Request, who: ForCare) -> list[HandoverShown]:
    async with transaction(resources_of(request).db) as conn:
        found = await handovers.going(conn)
    return [
        HandoverShown(
            user=one.user,
            conversation=one.conversation_id,
            persona=one.persona_id,
            state=one.state,
            asked_at=one.asked_at,
            taken_at=one.taken_at,
            taken_by=one.taken_by,
            incident=one.incident_id,
        )
        for one in found
    ]


@router.get("/v1/conversations/{conversation_id}/handover", summary="Who answers in a conversation")
async def state(conversation_id: UUID, request: Request, who: ForChat, user: str | None = None) -> HandoverState:
    async with transaction(resources_of(request).db) as conn:
        person = await standing(conn, who, own_id(who, user))
        await memory.get_conversation(conn, person.user_id, conversation_id)
        return HandoverState(state=await handovers.state_of(conn, person.user_id, conversation_id))


@router.post("/v1/conversations/{conversation_id}/handover", status_code=201, summary="Take over, write, or hand back")
async def move(conversation_id: UUID, wanted: HandoverMove, request: Request, who: ForCare) -> MessageShown:
    if (wanted.text is not None) != (wanted.action == "say"):
        raise BadInput("`text` belongs to the action `say`, and only to it.")
    async with transaction(resources_of(request).db) as conn:
        person = await standing(conn, who, own_id(who, wanted.user))
        now = await clock(conn)
        if wanted.action == "take":
            message = await handovers.take(conn, person, conversation_id, by=f"key {who.key_id}", now=now)
        elif wanted.action == "say":
            message = await handovers.say(conn, person, conversation_id, wanted.text or "", now)
        else:
            message = await handovers.back(conn, person, conversation_id, now)
    return message_shown(message)
