"""Conversations and what is remembered, over HTTP: list, begin, read back; see, correct, pin and forget memories.

Thin over the memory room. Knows no ranking.
"""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.requests import Request
from starlette.responses import Response

from undertone import guardrails, memory
from undertone.db import transaction
from undertone.engine import personas
from undertone.errors import NotFound
from undertone.people import Principal, require_chat, standing
from undertone.server.auth import own_id, principal, resources_of

router = APIRouter(tags=["conversations"])
ForChat = Annotated[Principal, Depends(principal("chat"))]
ForMemory = Annotated[Principal, Depends(principal("memory"))]


class ConversationWanted(BaseModel):
    """Whom a new conversation is with."""

    model_config = ConfigDict(extra="forbid")
    user: str | None = None
    persona: str = "mira"


class ConversationShown(BaseModel):
    """One conversation."""

    id: UUID
    persona: str
    opened_at: datetime
    last_at: datetime
    closed_at: datetime | None
    messages: int
    title: str | None
    summary: str | None


class MessageShown(BaseModel):
    """One message of the branch that is alive."""

    id: UUID
    turn: UUID | None
    role: str
    text: str
    created_at: datetime
    ai_generated: bool


def _shown(found: memory.Conversation) -> ConversationShown:
    return ConversationShown(
        id=found.id,
        persona=found.persona_id,
        opened_at=found.opened_at,
        last_at=found.last_at,
        closed_at=found.closed_at,
        messages=found.messages,
        title=found.title,
        summary=found.summary,
    )


@router.post("/v1/conversations", status_code=201, summary="Begin a new conversation")
async def create(wanted: ConversationWanted, request: Request, who: ForChat) -> ConversationShown:
    async with transaction(resources_of(request).db) as conn:
        person = await standing(conn, who, own_id(who, wanted.user))
        require_chat(person)
        persona = await personas.get(conn, wanted.persona)
        _, now = await guardrails.load_care(conn, person.user_id)
        return _shown(await memory.open_conversation(conn, person.user_id, persona.persona_id, now=now))


@router.get("/v1/conversations", summary="A person's conversations, the latest first")
async def list_all(
    request: Request, who: ForChat, user: str | None = None, persona: str | None = None
) -> list[ConversationShown]:
    async with transaction(resources_of(request).db) as conn:
        person = await standing(conn, who, own_id(who, user))
        found = await memory.list_conversations(conn, person.user_id, persona_id=persona)
    return [_shown(conversation) for conversation in found]


@router.get("/v1/conversations/{conversation_id}/messages", summary="What was said, oldest first")
async def messages(
    request: Request, conversation_id: UUID, who: ForChat, user: str | None = None, limit: int = 100
) -> list[MessageShown]:
    async with transaction(resources_of(request).db) as conn:
        person = await standing(conn, who, own_id(who, user))
        await memory.get_conversation(conn, person.user_id, conversation_id)
        found = await memory.history(conn, person.user_id, conversation_id, limit=max(1, min(limit, 500)))
    return [
        MessageShown(
            id=m.id,
            turn=m.turn_id,
            role=m.role,
            text=m.text,
            created_at=m.created_at,
            ai_generated=m.role == "assistant",
        )
        for m in found
    ]


class MemoryWanted(BaseModel):
    """Something the person wants remembered."""

    model_config = ConfigDict(extra="forbid")
    text: str = Field(min_length=1, max_length=2000)
    persona: str = "mira"


class MemoryChange(BaseModel):
    """A correction by the person, or a pin."""

    model_config = ConfigDict(extra="forbid")
    text: str | None = Field(None, min_length=1, max_length=8000)
    pinned: bool | None = None

    @model_validator(mode="after")
    def says_something(self) -> Self:
        if self.text is None and self.pinned is None:
            raise ValueError("give a new `text`, or `pinned` true or false")
        return self


class MemoryShown(BaseModel):
    """One memory: a fact, preference, person or event that is kept, or a message (`kind` "turn")."""

    id: UUID
    kind: str
    text: str
    persona: str
    pinned: bool
    confidence: float | None
    sources: list[UUID]
    """Messages it comes from."""
    created_at: datetime


@router.get("/v1/users/{user}/memories", summary="What is remembered of a person: what is kept, then what was said")
async def memories(user: str, request: Request, who: ForMemory, q: str = "", limit: int = 50) -> list[MemoryShown]:
    most = max(1, min(limit, 200))
    async with transaction(resources_of(request).db) as conn:
        person = await standing(conn, who, own_id(who, user))
        kept = await memory.kept(conn, person.user_id, containing=q, limit=most)
        said = await memory.said(conn, person.user_id, containing=q, limit=most)
    shown = [
        MemoryShown(
            id=m.id,
            kind=m.kind,
            text=m.text,
            persona=m.persona_id,
            pinned=m.pinned,
            confidence=m.confidence,
            sources=m.source_message_ids,
            created_at=m.created_at,
        )
        for m in kept
    ]
    turns = [
        MemoryShown(
            id=m.id,
            kind="turn",
            text=m.text,
            persona=m.persona_id,
            pinned=False,
            confidence=None,
            sources=[m.id],
            created_at=m.created_at,
        )
        for m in said
    ]
    return [*shown, *turns]


@router.post("/v1/users/{user}/memories", status_code=201, summary="Ask for something to be remembered")
async def remember(user: str, wanted: MemoryWanted, request: Request, who: ForMemory) -> dict[str, UUID]:
    text = guardrails.limits.check_text(wanted.text)
    async with transaction(resources_of(request).db) as conn:
        person = await standing(conn, who, own_id(who, user))
        persona = await personas.get(conn, wanted.persona)
        _, now = await guardrails.load_care(conn, person.user_id)
        return {"id": await memory.keep(conn, person.user_id, persona.persona_id, text, now=now)}


@router.patch("/v1/users/{user}/memories/{memory_id}", status_code=204, summary="Correct what is remembered, or pin it")
async def correct(user: str, memory_id: UUID, change: MemoryChange, request: Request, who: ForMemory) -> Response:
    text = guardrails.limits.check_text(change.text) if change.text is not None else None
    vector = (await resources_of(request).recall_embed.embed([text]))[0] if text is not None else None
    async with transaction(resources_of(request).db) as conn:
        person = await standing(conn, who, own_id(who, user))
        if await memory.change_kept(conn, person.user_id, memory_id, text=text, pinned=change.pinned):
            return Response(status_code=204)
        if text is None or vector is None:
            raise NotFound(f"There is no kept memory {memory_id} to pin; a message can be corrected or forgotten.")
        await memory.rewrite(conn, user_id=person.user_id, message_id=memory_id, text=text, vector=vector)
    return Response(status_code=204)


@router.delete("/v1/users/{user}/memories/{memory_id}", status_code=204, summary="Forget something for good")
async def forget(user: str, memory_id: UUID, request: Request, who: ForMemory) -> Response:
    async with transaction(resources_of(request).db) as conn:
        person = await standing(conn, who, own_id(who, user))
        await memory.forget(conn, person.user_id, memory_id)
    return Response(status_code=204)
