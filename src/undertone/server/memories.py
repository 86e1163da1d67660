"""What is held about a person, over HTTP: find, add, correct, pin, merge, forget, take back, and how it came to be.

Thin over the memory room and `engine.forgetting`. Changes say by which id they can be taken back. Knows no ranking.
"""

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, Self
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.requests import Request
from starlette.responses import Response

from undertone import guardrails, memory, signals
from undertone.db import transaction
from undertone.engine import forgetting, personas
from undertone.errors import BadInput, Unprocessable
from undertone.people import Principal, standing
from undertone.people.consent import require
from undertone.resources import Connection
from undertone.server.auth import own_id, principal, resources_of
from undertone.types import Vector

router = APIRouter(prefix="/v1/users/{user}/memories", tags=["memories"])
ForMemory = Annotated[Principal, Depends(principal("memory"))]

Kind = Literal["turn", "fact", "preference", "person", "event", "summary"]
KeptKind = Literal["fact", "preference", "person", "event"]
Sensitivity = Literal["normal", "private", "special"]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Wanted(_Body):
    """Something the person wants remembered."""

    text: str = Field(min_length=1, max_length=2000)
    persona: str = "mira"
    kind: KeptKind = "fact"


class Correction(_Body):
    """A correction by the person, a pin, or how private it is."""

    text: str | None = Field(None, min_length=1, max_length=8000)
    pinned: bool | None = None
    sensitivity: Sensitivity | None = None

    @model_validator(mode="after")
    def says_something(self) -> Self:
        if self.text is None and self.pinned is None and self.sensitivity is None:
            raise ValueError("give a new `text`, `pinned` true or false, or `sensitivity`")
        return self


class Forgetting(_Body):
    """How far forgetting goes."""

    sources: bool = Field(False, description="Also forget the messages a kept memory comes from, with their replies.")


class Merging(_Body):
    """Memories that are one and the same; the first of them stays."""

    memories: list[UUID] = Field(min_length=2, max_length=50)
    text: str | None = Field(None, min_length=1, max_length=2000, description="What it says from then on.")


class Undoing(_Body):
    """Which change is taken back; the last one when left out."""

    change: UUID | None = None
    memory: UUID | None = Field(None, description="The last change of this memory.")


class PlaceShown(BaseModel):
    """Where a message stands that a memory comes from."""

    message: UUID
    conversation: UUID
    persona: str
    role: str
    text: str
    at: datetime
    href: str
    """The place in the conversation, on the chat page."""


class MemoryShown(BaseModel):
    """One memory: a fact, preference, person, event or summary that is kept, or a message (`kind` "turn")."""

    id: UUID
    kind: Kind
    text: str
    persona: str
    pinned: bool
    confidence: float | None
    """How sure it is, in [0, 1]; null for a turn, which is what was said."""
    sensitivity: Sensitivity
    made_by: str
    """rules, model, person or operator."""
    sources: list[UUID]
    """Messages it comes from."""
    places: list[PlaceShown]
    """Where those messages stand; those forgotten, or of left branches, stand nowhere."""
    created_at: datetime
    last_used_at: datetime | None
    use_count: int
    state: Literal["current", "past", "forgotten"]
    valid_from: datetime
    valid_to: datetime | None
    superseded_by: UUID | None
    forgotten_at: datetime | None
    deleted_after: datetime | None
    """Until then a forgotten memory can be taken back; then it is deleted."""
    tier: str


class MemoryChanged(MemoryShown):
    """A memory after a change."""

    change: UUID | None
    """What `undo` takes; null when nothing had to change."""


class Forgotten(BaseModel):
    """What was hidden, and until when that can be taken back."""

    change: UUID | None
    memories: list[UUID]
    deleted_after: datetime


class Undone(BaseModel):
    """A change that was taken back, and the memories as they are again."""

    change: UUID
    what: str
    memories: list[MemoryShown]


class MomentShown(BaseModel):
    """One moment in the history of a memory."""

    at: datetime
    what: Literal["kept", "edited", "pinned", "unpinned", "merged", "forgotten", "replaced", "ended"]
    memory: UUID
    text: str | None
    was: list[str]
    """What it said before, or what was merged into it."""
    made_by: str
    undone_at: datetime | None


class Filters(BaseModel):
    """What narrows the list."""

    q: str = Field("", max_length=400, description="Words in any form, or a piece of text.")
    kind: list[Kind] = Field([], description="One or more kinds; all when left out.")
    state: Literal["current", "past", "forgotten", "all"] = "current"
    persona: str | None = None
    pinned: bool | None = None
    sensitivity: Sensitivity | None = None
    tier: Literal["hot", "cold"] | None = None
    limit: int = Field(50, description="At most 200.")
    cursor: str | None = Field(None, description="From the `Link` header of the page before.")


@router.get("", summary="What is remembered of a person: pinned, then kept, then what was said")
async def find(
    user: str, request: Request, response: Response, who: ForMemory, filters: Annotated[Filters, Query()]
) -> list[MemoryShown]:
    """The newest first in each group. A `Link` header with `rel="next"` leads to the next page while there is one."""
    async with transaction(resources_of(request).db) as conn:
        person = await standing(conn, who, own_id(who, user))
        return await page(conn, person.user_id, filters, request, response)


@router.post("", status_code=201, summary="Ask for something to be remembered")
async def remember(user: str, wanted: Wanted, request: Request, who: ForMemory) -> MemoryShown:
    """What is kept in these words already is not kept twice."""
    text = guardrails.limits.check_text(wanted.text)
    await _embedded(request, text)
    async with transaction(resources_of(request).db) as conn:
        person = await standing(conn, who, own_id(who, user))
        require(person, "memory")
        persona = await personas.get(conn, wanted.persona)
        _, now = await guardrails.load_care(conn, person.user_id)
        made = await memory.keep(conn, person.user_id, persona.persona_id, text, kind=wanted.kind, now=now)
        return await one(conn, person.user_id, made)


@router.post("/merge", summary="Make one memory of several")
async def merge(user: str, wanted: Merging, request: Request, who: ForMemory) -> MemoryChanged:
    """The first stays with the sources of all; the others end and point to it."""
    text = guardrails.limits.check_text(wanted.text) if wanted.text is not None else None
    vector = await _embedded(request, text)
    async with transaction(resources_of(request).db) as conn:
        person = await standing(conn, who, own_id(who, user))
        _, now = await guardrails.load_care(conn, person.user_id)
        into, *others = wanted.memories
        done = await memory.merge(conn, person.user_id, into, others, text=text, vector=vector, now=now)
        return await _changed(conn, person.user_id, done.change, into)


@router.post("/undo", summary="Take back the last change, or a named one")
async def undo(user: str, request: Request, who: ForMemory, wanted: Undoing | None = None) -> Undone:
    """For 24 hours: a correction, a pin, a merge, or forgetting. Taking back the same change twice changes nothing."""
    async with transaction(resources_of(request).db) as conn:
        person = await standing(conn, who, own_id(who, user))
        _, now = await guardrails.load_care(conn, person.user_id)
        asked = wanted or Undoing(change=None, memory=None)
        change = await memory.undo(conn, person.user_id, change_id=asked.change, memory_id=asked.memory, now=now)
        held = [
            await memory.find_held(conn, person.user_id, memory.Search(state="all"), limit=1, id=id)
            for id in change.memory_ids
        ]
        shown = await _shown(conn, person.user_id, [row for rows in held for row in rows])
    return Undone(change=change.id, what=change.change, memories=shown)


@router.get("/{memory_id}", summary="One memory")
async def show(user: str, memory_id: UUID, request: Request, who: ForMemory) -> MemoryShown:
    async with transaction(resources_of(request).db) as conn:
        person = await standing(conn, who, own_id(who, user))
        return await one(conn, person.user_id, memory_id)


@router.get("/{memory_id}/history", summary="How a memory came to be what it is")
async def history(user: str, memory_id: UUID, request: Request, who: ForMemory) -> list[MomentShown]:
    """The oldest first: what it replaced, what was merged into it, and each change by hand."""
    async with transaction(resources_of(request).db) as conn:
        person = await standing(conn, who, own_id(who, user))
        return await moments(conn, person.user_id, memory_id)


@router.patch("/{memory_id}", summary="Correct what is remembered, pin it, or say how private it is")
async def correct(user: str, memory_id: UUID, change: Correction, request: Request, who: ForMemory) -> MemoryChanged:
    """The old text stays in its history. A message can be corrected, and not pinned."""
    text = guardrails.limits.check_text(change.text) if change.text is not None else None
    vector = await _embedded(request, text)
    async with transaction(resources_of(request).db) as conn:
        person = await standing(conn, who, own_id(who, user))
        _, now = await guardrails.load_care(conn, person.user_id)
        done = await memory.edit(
            conn,
            person.user_id,
            memory_id,
            text=text,
            vector=vector,
            pinned=change.pinned,
            sensitivity=change.sensitivity,
            now=now,
        )
        return await _changed(conn, person.user_id, done.change, memory_id)


@router.post("/{memory_id}/forget", summary="Forget something, with 24 hours to take it back")
async def hide(
    user: str, memory_id: UUID, request: Request, who: ForMemory, wanted: Forgetting | None = None
) -> Forgotten:
    """Gone at once from replies, lists, history and what was sent; deleted for good by a job when the time is over."""
    async with transaction(resources_of(request).db) as conn:
        person = await standing(conn, who, own_id(who, user))
        _, now = await guardrails.load_care(conn, person.user_id)
        sources = wanted.sources if wanted else False
        done = await memory.hide(conn, person.user_id, memory_id, sources=sources, now=now)
        held = await memory.get_held(conn, person.user_id, memory_id)
    since = held.forgotten_at or now
    return Forgotten(change=done.change, memories=list(done.ids), deleted_after=since + memory.UNDO_FOR)


@router.delete("/{memory_id}", status_code=204, summary="Forget something for good, now")
async def forget(user: str, memory_id: UUID, request: Request, who: ForMemory, sources: bool = False) -> Response:
    """The row, its vector and index, what was drawn from it, and every place that quotes it. It cannot be undone."""
    async with transaction(resources_of(request).db) as conn:
        person = await standing(conn, who, own_id(who, user))
        await forgetting.forget(conn, person.user_id, memory_id, sources=sources)
    return Response(status_code=204)


async def page(
    conn: Connection, user_id: UUID, filters: Filters, request: Request, response: Response
) -> list[MemoryShown]:
    """One page of a person's memories; says in `response` where the next one is."""
    limit = max(1, min(filters.limit, 200))
    search = memory.Search(
        words=filters.q.strip(),
        kinds=tuple(filters.kind),
        state=filters.state,
        persona_id=filters.persona,
        pinned=filters.pinned,
        sensitivity=filters.sensitivity,
        tier=filters.tier,
    )
    after = _after(filters.cursor) if filters.cursor else None
    found = await memory.find_held(conn, user_id, search, limit=limit + 1, after=after)
    if len(found) > limit:
        last = found[limit - 1]
        name = f"{last.rank}|{last.created_at.isoformat()}|{last.id}"
        cursor = base64.urlsafe_b64encode(name.encode()).decode().rstrip("=")
        asked = [(key, value) for key, value in request.query_params.multi_items() if key != "cursor"]
        response.headers["Link"] = f'<{request.url.path}?{urlencode([*asked, ("cursor", cursor)])}>; rel="next"'
    return await _shown(conn, user_id, found[:limit])


async def one(conn: Connection, user_id: UUID, memory_id: UUID) -> MemoryShown:
    """One memory as it is shown. Raises NotFound."""
    return (await _shown(conn, user_id, [await memory.get_held(conn, user_id, memory_id)]))[0]


async def moments(conn: Connection, user_id: UUID, memory_id: UUID) -> list[MomentShown]:
    """A memory's history as it is shown. Raises NotFound."""
    found = await memory.moments(conn, user_id, memory_id)
    return [MomentShown.model_validate(moment, from_attributes=True) for moment in found]


async def _changed(conn: Connection, user_id: UUID, change: UUID | None, memory_id: UUID) -> MemoryChanged:
    return MemoryChanged(**(await one(conn, user_id, memory_id)).model_dump(), change=change)


async def _embedded(request: Request, text: str | None) -> Vector | None:
    """The vector that goes with a text by hand, made before the transaction begins.

    Raises Unprocessable for an order to the model: a memory stands in every later request, so none is planted here.
    """
    if text is None:
        return None
    resources = resources_of(request)
    vector = (await resources.embed.embed([text]))[0]
    if guardrails.check_input(text, vector, readable=signals.readable(text)).injection:
        raise Unprocessable("This reads as an order to the model. A memory says something about the person.")
    same = resources.recall_embed is resources.embed
    return vector if same else (await resources.recall_embed.embed([text]))[0]


def _after(cursor: str) -> memory.After:
    try:
        name = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        rank, at, id = name.split("|")
        return memory.After(int(rank), datetime.fromisoformat(at), UUID(id))
    except ValueError:
        raise BadInput("`cursor` is not one of ours; take it from the `Link` header of the page before.") from None


async def _shown(conn: Connection, user_id: UUID, held: Sequence[memory.Held]) -> list[MemoryShown]:
    wanted = list(dict.fromkeys(id for row in held for id in row.source_message_ids))
    there = await memory.places(conn, user_id, wanted) if wanted else {}
    return [
        MemoryShown(
            id=row.id,
            kind=row.kind,  # pyright: ignore[reportArgumentType]
            text=row.text,
            persona=row.persona_id,
            pinned=row.pinned,
            confidence=row.confidence,
            sensitivity=row.sensitivity,  # pyright: ignore[reportArgumentType]
            made_by=row.made_by,
            sources=row.source_message_ids,
            places=[_place(there[id]) for id in row.source_message_ids if id in there],
            created_at=row.created_at,
            last_used_at=row.last_used_at,
            use_count=row.use_count,
            state=row.state,
            valid_from=row.valid_from,
            valid_to=row.valid_to,
            superseded_by=row.superseded_by,
            forgotten_at=row.forgotten_at,
            deleted_after=row.forgotten_at + memory.UNDO_FOR if row.forgotten_at else None,
            tier=row.tier,
        )
        for row in held
    ]


def _place(place: memory.Place) -> PlaceShown:
    asked = urlencode({"persona": place.persona_id, "conversation": place.conversation_id, "message": place.id})
    return PlaceShown(
        message=place.id,
        conversation=place.conversation_id,
        persona=place.persona_id,
        role=place.role,
        text=place.text,
        at=place.created_at,
        href=f"/?{asked}",
    )
