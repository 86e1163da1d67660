"""The platform's paid items over HTTP: register, list, retire; and what was ever mentioned to one person.

Thin over the engine's gate and its rows. Which item comes beside which reply is not decided here.
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from undertone.db import transaction
from undertone.engine import offers, offers_store
from undertone.errors import NotFound
from undertone.people import Principal, standing
from undertone.server.auth import own_id, principal, resources_of

router = APIRouter(tags=["offers"])
ForOffers = Annotated[Principal, Depends(principal("offers"))]
ForPeople = Annotated[Principal, Depends(principal("people"))]


class OfferIn(BaseModel):
    """A paid item. Everyone sees this price, as it stands here."""

    model_config = ConfigDict(extra="forbid")
    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    title: str = Field(min_length=1, max_length=80)
    description: str = Field("", max_length=300, description="What it is. Nothing that presses.")
    price: str = Field(pattern=r"^[0-9]{1,9}(\.[0-9]{1,2})?$", description="As text, for example 4.99.")
    currency: str = Field(pattern="^[A-Z]{3}$")
    url: str = Field(max_length=508, description="The platform's own page for it; https.")
    personas: list[str] = Field([], max_length=200, description="Beside whose replies it may come; empty: everyone's.")
    cues: list[str] = Field([], max_length=20, description="Words by which somebody asks for just this item.")


class OfferShown(OfferIn):
    """An item as it is kept."""

    active: bool


class Mentioned(BaseModel):
    """An item that was mentioned to a person, at the price everyone sees."""

    turn: UUID
    offer: str
    price: str
    currency: str
    at: datetime


@router.post("/v1/offers", status_code=201, summary="Register a paid item, or replace it")
async def register(wanted: OfferIn, request: Request, _who: ForOffers) -> OfferShown:
    offer = offers.check(
        offers.Offer(
            offer_id=wanted.id,
            title=wanted.title,
            description=wanted.description,
            price=wanted.price,
            currency=wanted.currency,
            url=wanted.url,
            personas=tuple(wanted.personas),
            cues=tuple(cue.strip() for cue in wanted.cues if cue.strip()),
        )
    )
    async with transaction(resources_of(request).db) as conn:
        await offers_store.save(conn, offer)
    return _shown(offer)


@router.get("/v1/offers", summary="Every paid item, retired ones too")
async def list_all(request: Request, _who: ForOffers) -> list[OfferShown]:
    async with transaction(resources_of(request).db) as conn:
        return [_shown(offer) for offer in await offers_store.catalogue(conn)]


@router.delete("/v1/offers/{offer_id}", status_code=204, summary="No longer mention an item")
async def retire(offer_id: str, request: Request, _who: ForOffers) -> Response:
    async with transaction(resources_of(request).db) as conn:
        if not await offers_store.retire(conn, offer_id):
            raise NotFound(f"There is no offer '{offer_id}'.")
    return Response(status_code=204)


@router.get("/v1/users/{user}/offers", summary="What was ever mentioned to a person, oldest first")
async def mentioned(user: str, request: Request, who: ForPeople) -> list[Mentioned]:
    async with transaction(resources_of(request).db) as conn:
        person = await standing(conn, who, own_id(who, user))
        rows = await offers_store.export_mentions(conn, person.user_id)
    return [
        Mentioned(
            turn=row["turn_id"],
            offer=row["offer_id"],
            price=row["price"],
            currency=row["currency"],
            at=row["mentioned_at"],
        )
        for row in rows
    ]


def _shown(offer: offers.Offer) -> OfferShown:
    return OfferShown(
        id=offer.offer_id,
        title=offer.title,
        description=offer.description,
        price=offer.price,
        currency=offer.currency,
        url=offer.url,
        personas=list(offer.personas),
        cues=list(offer.cues),
        active=offer.active,
    )
