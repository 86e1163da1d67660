"""Personas over HTTP: list, edit as versions, go back, preview, consent of real people, cards in and out.

A thin door to `engine.personas`. Whoever chats sees who there is; everything else needs the scope `admin`.
Knows nothing of how a persona is put into a request.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from undertone import cards
from undertone.db import transaction
from undertone.engine import persona_cards, persona_store, personas
from undertone.engine import preview as previews
from undertone.engine.persona_check import check
from undertone.errors import NotFound, TooLarge
from undertone.people import Principal
from undertone.server.auth import principal, resources_of
from undertone.server.chat import engine_of

router = APIRouter(tags=["personas"])
ForChat = Annotated[Principal, Depends(principal("chat"))]
ForAdmin = Annotated[Principal, Depends(principal("admin"))]

MOST_CARD = 50_000_000
MEDIA = {"json": "application/json", "png": "image/png", "charx": "application/zip"}


class PersonaShown(BaseModel):
    """What anybody may know of a persona: who it is, not how it is instructed. `ai` is true, always."""

    id: str
    name: str
    tagline: str
    greeting: str
    ai: Literal[True] = True
    badge: Literal["AI"] = "AI"


class PersonaWhole(BaseModel):
    """A persona as its creator edits it."""

    id: str
    version: int
    ai: Literal[True] = True
    badge: Literal["AI"] = "AI"
    persona: dict[str, Any]


class PersonaIn(BaseModel):
    """A new version."""

    model_config = ConfigDict(extra="forbid")
    persona: dict[str, Any] = Field(description="name, voice, and what else docs/personas.md lists.")
    note: str = Field("", max_length=300, description="What changed, for the history.")
    base_version: int | None = Field(None, description="The version that was edited; refused when another is active.")


class VersionShown(BaseModel):
    """One version in the history."""

    version: int
    active: bool
    author: str
    note: str
    created_at: datetime


class Rollback(BaseModel):
    """Which version is to be active again."""

    model_config = ConfigDict(extra="forbid")
    version: int


class PreviewIn(BaseModel):
    """What to preview; `persona` is a draft that need not be stored."""

    model_config = ConfigDict(extra="forbid")
    message: str = Field(min_length=1, max_length=8000)
    version: int | None = None
    persona: dict[str, Any] | None = None
    strategy: str = "gentle"


class ConsentIn(BaseModel):
    """What the person a persona is modelled on agreed to, in their words or by a document's name."""

    model_config = ConfigDict(extra="forbid")
    real_person: str = Field(min_length=1, max_length=120)
    covers: list[Literal["likeness", "voice"]] = Field(min_length=1, max_length=2)
    statement: str = Field(min_length=1, max_length=2000)


class ConsentShown(BaseModel):
    """One consent on record."""

    real_person: str
    covers: list[str]
    statement: str
    recorded_by: str
    granted_at: datetime
    withdrawn_at: datetime | None


class Imported(BaseModel):
    """What came of a card."""

    id: str
    version: int
    notes: list[str]


@router.get("/v1/personas", summary="Who there is to talk with")
async def list_personas(request: Request, _who: ForChat) -> list[PersonaShown]:
    async with transaction(resources_of(request).db) as conn:
        found = await personas.list_all(conn)
    return [PersonaShown(id=p.persona_id, name=p.name, tagline=p.tagline, greeting=p.greeting) for p in found]


@router.get("/v1/personas/{persona_id}", summary="A persona as its creator edits it")
async def show(request: Request, persona_id: str, _who: ForAdmin, version: int | None = None) -> PersonaWhole:
    async with transaction(resources_of(request).db) as conn:
        found = await personas.look(conn, persona_id, version)
    return PersonaWhole(id=persona_id, version=found.version, persona=found.card())


@router.put("/v1/personas/{persona_id}", summary="Store a new version, active from the next message on")
async def put(request: Request, persona_id: str, wanted: PersonaIn, who: ForAdmin) -> PersonaWhole:
    async with transaction(resources_of(request).db) as conn:
        await personas.put(
            conn, persona_id, wanted.persona, author=_author(who), note=wanted.note, base=wanted.base_version
        )
        found = await personas.look(conn, persona_id)
    return PersonaWhole(id=persona_id, version=found.version, persona=found.card())


@router.get("/v1/personas/{persona_id}/versions", summary="The history, newest first")
async def versions(request: Request, persona_id: str, _who: ForAdmin) -> list[VersionShown]:
    async with transaction(resources_of(request).db) as conn:
        found = await persona_store.versions(conn, persona_id)
    if not found:
        raise NotFound(f"There is no persona '{persona_id[:60]}'.")
    fields = VersionShown.model_fields
    return [VersionShown(**{field: getattr(row, field) for field in fields}) for row in found]


@router.post("/v1/personas/{persona_id}/rollback", summary="Make an older version the active one again")
async def rollback(request: Request, persona_id: str, wanted: Rollback, _who: ForAdmin) -> PersonaWhole:
    async with transaction(resources_of(request).db) as conn:
        await personas.rollback(conn, persona_id, wanted.version)
        found = await personas.look(conn, persona_id)
    return PersonaWhole(id=persona_id, version=found.version, persona=found.card())


@router.post("/v1/personas/{persona_id}/preview", summary="The exact request a model would get")
async def preview(request: Request, persona_id: str, wanted: PreviewIn, _who: ForAdmin) -> dict[str, Any]:
    engine = engine_of(request)
    if wanted.persona is not None:
        check(persona_id, wanted.persona)
        found = personas.from_card(persona_id, 0, wanted.persona)
    else:
        async with transaction(resources_of(request).db) as conn:
            found = await personas.look(conn, persona_id, wanted.version)
    return previews.preview(found, wanted.message, model=engine.model, window=engine.window, strategy=wanted.strategy)


@router.get("/v1/personas/{persona_id}/consents", summary="What real people agreed to, withdrawn or standing")
async def list_consents(request: Request, persona_id: str, _who: ForAdmin) -> list[ConsentShown]:
    async with transaction(resources_of(request).db) as conn:
        found = await persona_store.consents(conn, persona_id)
    fields = ConsentShown.model_fields
    return [ConsentShown(**{field: getattr(row, field) for field in fields}) for row in found]


@router.post("/v1/personas/{persona_id}/consents", status_code=204, summary="Record a real person's consent")
async def consent(request: Request, persona_id: str, given: ConsentIn, who: ForAdmin) -> Response:
    async with transaction(resources_of(request).db) as conn:
        await personas.look(conn, persona_id)
        await persona_store.add_consent(
            conn,
            persona_id,
            given.real_person,
            sorted(set(given.covers)),
            statement=given.statement,
            recorded_by=_author(who),
        )
    return Response(status_code=204)


@router.delete("/v1/personas/{persona_id}/consents", status_code=204, summary="Withdraw it; the persona stops at once")
async def withdraw(request: Request, persona_id: str, real_person: str, _who: ForAdmin) -> Response:
    async with transaction(resources_of(request).db) as conn:
        if not await persona_store.withdraw_consents(conn, persona_id, real_person):
            raise NotFound("No consent of that person stands for this persona.")
    return Response(status_code=204)


@router.post("/v1/personas/{persona_id}/card", status_code=201, summary="Import a character card: the file as the body")
async def import_card(request: Request, persona_id: str, who: ForAdmin, real_person: str = "") -> Imported:
    source = bytearray()
    async for piece in request.stream():
        source += piece
        if len(source) > MOST_CARD:
            raise TooLarge(f"The card is larger than {MOST_CARD:,} bytes.")
    card = cards.read(bytes(source))
    async with transaction(resources_of(request).db) as conn:
        version, notes = await persona_cards.bring_in(
            conn, persona_id, card, author=_author(who), real_person=real_person
        )
    return Imported(id=persona_id, version=version, notes=notes)


@router.get("/v1/personas/{persona_id}/card", summary="The persona as a character card", response_class=Response)
async def export_card(
    request: Request, persona_id: str, _who: ForAdmin, container: cards.Container = "json", version: int | None = None
) -> Response:
    async with transaction(resources_of(request).db) as conn:
        made = await persona_cards.give_out(conn, persona_id, container, version=version)
    named = {
        "Content-Disposition": f'attachment; filename="{persona_id}.{container}"',
        "X-Content-Type-Options": "nosniff",
    }
    return Response(made, media_type=MEDIA[container], headers=named)


def _author(who: Principal) -> str:
    return f"key {who.key_id}" if who.key_id else "a signed-in person"
