"""Reminders over HTTP: what waits, agree to one, set one, take one off; the clock they go by; and what was said.

A platform without a webhook asks `GET /v1/reminders/delivered` now and then. Thin over the engine's deliveries.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from uuid_utils.compat import uuid7

from undertone import guardrails
from undertone.db import transaction
from undertone.engine import deliveries, personas, reminders, reminders_store
from undertone.errors import Unprocessable
from undertone.people import Principal, require, standing
from undertone.server.auth import own_id, principal, resources_of

router = APIRouter(tags=["reminders"])
ForChat = Annotated[Principal, Depends(principal("chat"))]
ForPeople = Annotated[Principal, Depends(principal("people"))]


class ReminderWanted(BaseModel):
    """Something to come back to at a moment."""

    model_config = ConfigDict(extra="forbid")
    user: str | None = None
    persona: str = "mira"
    kind: Literal["luck", "ask", "remind"] = "remind"
    words: str = Field(min_length=1, max_length=reminders.LONGEST, description="The person's own words.")
    at: AwareDatetime = Field(description="When, with its offset; moved out of the person's quiet hours.")


class ReminderShown(BaseModel):
    """One reminder."""

    id: UUID
    persona: str
    kind: str
    words: str
    due_at: datetime
    state: str
    delivered_at: datetime | None
    conversation: UUID | None
    message: UUID | None


class Clock(BaseModel):
    """Whose hours count, and in which nothing is said. The same hour twice: no quiet hours."""

    model_config = ConfigDict(extra="forbid")
    time_zone: str = Field("UTC", max_length=64, description="For example Europe/Berlin.")
    quiet_from: int = Field(22, ge=0, le=23)
    quiet_to: int = Field(8, ge=0, le=23)


@router.get("/v1/reminders", summary="A person's reminders, the next first")
async def list_all(
    request: Request, who: ForChat, user: str | None = None, state: str | None = None
) -> list[ReminderShown]:
    async with transaction(resources_of(request).db) as conn:
        person = await standing(conn, who, own_id(who, user))
        return [_shown(found) for found in await reminders_store.listed(conn, person.user_id, state)]


@router.get("/v1/reminders/delivered", summary="What was said to anybody since a moment: for a platform that polls")
async def delivered(request: Request, who: ForPeople, since: AwareDatetime | None = None) -> list[dict[str, Any]]:
    if who.kind == "person":
        own_id(who, "a platform")  # refuses: this is about everybody
    async with transaction(resources_of(request).db) as conn:
        found = await reminders_store.sent_since(conn, since or datetime.now(UTC) - timedelta(days=1))
    return [row | {"ai_generated": True} for row in found]


@router.post("/v1/reminders", status_code=201, summary="Set a reminder; needs consent to `reminders`")
async def create(wanted: ReminderWanted, request: Request, who: ForChat) -> ReminderShown:
    words = guardrails.limits.check_text(wanted.words)
    async with transaction(resources_of(request).db) as conn:
        person = await standing(conn, who, own_id(who, wanted.user))
        require(person, "reminders")
        persona = await personas.get(conn, wanted.persona)
        _, now = await guardrails.load_care(conn, person.user_id)
        if not now < wanted.at <= now + reminders.FURTHEST:
            raise Unprocessable("`at` lies in the future, and at most a year ahead.")
        place = await reminders_store.place_of(conn, person.user_id)
        reminder = reminders_store.Reminder(
            user_id=person.user_id,
            id=uuid7(),
            persona_id=persona.persona_id,
            turn_id=None,
            kind=wanted.kind,
            words=words,
            due_at=place.loud(wanted.at.astimezone(UTC)),
            state="set",
            created_at=now,
        )
        await deliveries.create(conn, reminder)
    return _shown(reminder)


@router.post("/v1/reminders/{reminder_id}/accept", status_code=204, summary="Agree to a reminder that was proposed")
async def accept(reminder_id: UUID, request: Request, who: ForChat, user: str | None = None) -> Response:
    async with transaction(resources_of(request).db) as conn:
        person = await standing(conn, who, own_id(who, user))
        _, now = await guardrails.load_care(conn, person.user_id)
        await deliveries.accept(conn, person, reminder_id, now)
    return Response(status_code=204)


@router.delete("/v1/reminders/{reminder_id}", status_code=204, summary="Take a reminder off")
async def cancel(reminder_id: UUID, request: Request, who: ForChat, user: str | None = None) -> Response:
    async with transaction(resources_of(request).db) as conn:
        person = await standing(conn, who, own_id(who, user))
        await deliveries.cancel(conn, person.user_id, reminder_id)
    return Response(status_code=204)


@router.get("/v1/users/{user}/clock", summary="The time zone and quiet hours that reminders go by")
async def clock(user: str, request: Request, who: ForChat) -> Clock:
    async with transaction(resources_of(request).db) as conn:
        person = await standing(conn, who, own_id(who, user))
        place = await reminders_store.place_of(conn, person.user_id)
    return Clock(time_zone=place.time_zone, quiet_from=place.quiet_from, quiet_to=place.quiet_to)


@router.put("/v1/users/{user}/clock", summary="Set the time zone and quiet hours")
async def set_clock(user: str, wanted: Clock, request: Request, who: ForChat) -> Clock:
    place = reminders.Place(wanted.time_zone, wanted.quiet_from, wanted.quiet_to)
    assert place.zone  # an unknown zone is refused in words
    async with transaction(resources_of(request).db) as conn:
        person = await standing(conn, who, own_id(who, user))
        await reminders_store.save_place(conn, person.user_id, place)
    return wanted


def _shown(found: reminders_store.Reminder) -> ReminderShown:
    return ReminderShown(
        id=found.id,
        persona=found.persona_id,
        kind=found.kind,
        words=found.words,
        due_at=found.due_at,
        state=found.state,
        delivered_at=found.delivered_at,
        conversation=found.conversation_id,
        message=found.message_id,
    )
