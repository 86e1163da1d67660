"""A person's own limits over HTTP: minutes a day, spending, breaks, time off, and not being written to.

A person's token sets their own, a key the platform's for them; the stricter holds, and neither loosens the other's.
Thin over the guardrails room.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.requests import Request

from undertone import events, guardrails
from undertone.db import clock, transaction
from undertone.engine import asides
from undertone.errors import Forbidden, Unprocessable
from undertone.guardrails import limits_store, own_limits
from undertone.guardrails.limits_store import Side
from undertone.people import Person, Principal, standing
from undertone.people.identity import find_user
from undertone.resources import Connection
from undertone.server.auth import own_id, principal, resources_of
from undertone.server.chat import engine_of

router = APIRouter(prefix="/v1/users/{user}", tags=["limits"])
ForPeople = Annotated[Principal, Depends(principal("people"))]
Amount = Annotated[Decimal | None, Field(None, ge=0, max_digits=12, decimal_places=2)]
LONGEST_COOL_DOWN = timedelta(days=30)
LONGEST_EXCLUSION = timedelta(days=3650)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LimitsWanted(_Body):
    """All limits of one side; what is left out is no limit. What is stricter holds at once, the rest in 24 hours."""

    minutes_a_day: int | None = Field(None, ge=1, le=1440)
    spend_a_day: Amount
    spend_a_week: Amount
    spend_a_month: Amount
    currency: str | None = Field(None, pattern="^[A-Z]{3}$", description="ISO 4217; the amounts need it.")
    break_after: int | None = Field(None, ge=0, le=720, description="Minutes without a pause; 0 for no suggestion.")

    @model_validator(mode="after")
    def _amounts_have_a_currency(self) -> "LimitsWanted":
        amounts = (self.spend_a_day, self.spend_a_week, self.spend_a_month)
        if any(amount is not None for amount in amounts) and self.currency is None:
            raise ValueError("amounts need a `currency`, for example EUR")
        return self

    def limits(self) -> own_limits.Limits:
        return own_limits.Limits(**self.model_dump())


class SideShown(LimitsWanted):
    """What one side set, and what follows."""

    later: LimitsWanted | None = None
    later_at: datetime | None = None


class LeftShown(BaseModel):
    """What may still be spent under one limit."""

    amount: Decimal
    currency: str


class LimitsShown(BaseModel):
    """What holds for a person now."""

    own: SideShown
    platform: SideShown
    minutes_a_day: int | None = Field(description="The strictest of theirs, yours and the installation's.")
    minutes_today: int
    break_after: int
    spending_left: list[LeftShown] = Field(description="Under each spending limit; 0 is reached: ask before you sell.")
    cool_down_until: datetime | None
    excluded_until: datetime | None
    contact: bool = Field(description="Whether they may be written to unasked.")


class TimeOff(_Body):
    """A break that runs until its end and can only be made longer."""

    kind: Literal["cool_down", "self_exclusion"]
    hours: int = Field(
        ge=1, le=24 * 3650, description="From now; a cool-down at most 720, a self-exclusion at least 24."
    )


class Contact(_Body):
    """Whether somebody may be written to unasked."""

    allowed: bool


@router.get("/limits", summary="What holds for a person, and what is left of it; 404 for somebody never seen")
async def show(user: str, request: Request, who: ForPeople) -> LimitsShown:
    external_id = own_id(who, user)
    async with transaction(resources_of(request).db) as conn:
        await find_user(conn, external_id)
        person = await standing(conn, who, external_id)
        return await _shown(conn, request, person)


@router.put("/limits", summary="Set them: tighter at once, looser in 24 hours")
async def change(user: str, wanted: LimitsWanted, request: Request, who: ForPeople) -> LimitsShown:
    side: Side = "person" if who.kind == "person" else "platform"
    async with transaction(resources_of(request).db) as conn:
        person = await standing(conn, who, own_id(who, user))
        now = await clock(conn)
        kept = await limits_store.load_limits(conn, person.user_id)
        after = own_limits.changed(kept.get(side, own_limits.Kept()), wanted.limits(), now)
        await limits_store.save_limits(conn, person.user_id, side, after, now)
        await _tell(conn, person, side, "limits", loosens=after.later is not None)
        return await _shown(conn, request, person)


@router.post("/time-off", status_code=201, summary="Begin a cool-down or a self-exclusion; it cannot be shortened")
async def take_time_off(user: str, wanted: TimeOff, request: Request, who: ForPeople) -> LimitsShown:
    span = timedelta(hours=wanted.hours)
    if wanted.kind == "cool_down" and span > LONGEST_COOL_DOWN:
        raise Unprocessable("A cool-down lasts at most 720 hours; take a self-exclusion for longer.")
    if wanted.kind == "self_exclusion" and span < timedelta(days=1):
        raise Unprocessable("A self-exclusion lasts at least 24 hours; take a cool-down for less.")
    async with transaction(resources_of(request).db) as conn:
        person = await standing(conn, who, own_id(who, user))
        until = await clock(conn) + min(span, LONGEST_EXCLUSION)
        if wanted.kind == "cool_down":
            await guardrails.limits.set_cooldown(conn, person.user_id, until)
        else:
            await guardrails.limits.self_exclude(conn, person.user_id, until)
        await _tell(conn, person, "person" if who.kind == "person" else "platform", wanted.kind, loosens=False)
        return await _shown(conn, request, person)


@router.put("/contact", summary="Be written to unasked no more; only the person turns it on again")
async def set_contact(user: str, wanted: Contact, request: Request, who: ForPeople) -> LimitsShown:
    if wanted.allowed and who.kind != "person":
        raise Forbidden(
            "Only the person can allow it again: with a token of theirs, on /me, or by saying so in the chat."
        )
    said = "page" if who.kind == "person" else "platform"
    async with transaction(resources_of(request).db) as conn:
        person = await standing(conn, who, own_id(who, user))
        if wanted.allowed:
            moved = await limits_store.allow_contact(conn, person.user_id)
        else:
            moved = await limits_store.stop_contact(conn, person.user_id, said, await clock(conn))
        if moved:
            event = events.ContactChanged(user_id=person.user_id, allowed=wanted.allowed, said=said)
            await events.record(conn, event)
        return await _shown(conn, request, person)


async def _tell(conn: Connection, person: Person, side: Side, what: str, *, loosens: bool) -> None:
    event = events.LimitsChanged(user_id=person.user_id, set_by=side, change=what, loosens=loosens)
    await events.record(conn, event)


async def _shown(conn: Connection, request: Request, person: Person) -> LimitsShown:
    engine = engine_of(request)
    now = await clock(conn)
    kept = await limits_store.load_limits(conn, person.user_id)
    default = own_limits.Limits(minutes_a_day=engine.minutes_a_day, break_after=engine.break_after)
    minutes, after = guardrails.limits.held(kept, now, default)
    used = await guardrails.limits.use(conn, person.user_id)
    today = used.day_began is not None and now < used.day_began + timedelta(days=1)
    lefts = await asides.spending_left(conn, person.user_id, now)
    return LimitsShown(
        own=_side(kept.get("person"), now),
        platform=_side(kept.get("platform"), now),
        minutes_a_day=minutes,
        minutes_today=used.active_s // 60 if today else 0,
        break_after=after,
        spending_left=[LeftShown(amount=left.amount, currency=left.currency) for left in lefts],
        cool_down_until=_ahead(used.cooldown_until, now),
        excluded_until=_ahead(used.excluded_until, now),
        contact=await limits_store.contact_stopped(conn, person.user_id) is None,
    )


def _side(kept: own_limits.Kept | None, now: datetime) -> SideShown:
    if kept is None:
        kept = own_limits.Kept()
    waits = kept.later is not None and kept.later_at is not None and now < kept.later_at
    later = LimitsWanted(**kept.later.as_json()) if kept.later and waits else None
    return SideShown(**kept.at(now).as_json(), later=later, later_at=kept.later_at if waits else None)


def _ahead(until: datetime | None, now: datetime) -> datetime | None:
    return until if until is not None and until > now else None
