"""Conversations over HTTP: list, begin, read back. Thin over the memory room; what is remembered is in `memories`."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request

from undertone import guardrails, memory
from undertone.db import transaction
from undertone.engine import personas
from undertone.people import Principal, require_chat, standing
from undertone.server.auth import own_id, principal, resources_of
from undertone.types import Message

router = APIRouter(tags=["conversations"])
ForChat = Annotated[Principal, Depends(principal("chat"))]


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
    by_human: bool
    """Written by a person of the platform's."""
    model: str | None
    """Which model wrote it; null for what a person said, and for words of ours that no model wrote."""
    persona: str
    persona_version: int | None


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
    return [message_shown(m) for m in found]


def message_shown(message: Message) -> MessageShown:
    """One message as it is shown; what a person wrote is never called the AI's."""
    return MessageShown(
        id=message.id,
        turn=message.turn_id,
        role=message.role,
        text=message.text,
        created_at=message.created_at,
        ai_generated=message.role == "assistant" and not message.by_human,
        by_human=message.by_human,
        model=message.model,
        persona=message.persona_id,
        persona_version=message.persona_version,
    )
