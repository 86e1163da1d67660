"""Incidents over HTTP, for operators: what waits, and marking it as seen, closed, or open again with a note.

No person's words are in an incident. Thin over the guardrails room.
"""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.requests import Request

from undertone import guardrails
from undertone.db import clock, transaction
from undertone.people import Principal
from undertone.server.auth import principal, resources_of

router = APIRouter(prefix="/v1/incidents", tags=["incidents"])
ForCare = Annotated[Principal, Depends(principal("care"))]


class IncidentShown(BaseModel):
    """One incident."""

    id: UUID
    kind: str = Field(description="What it is about: suicidal, self_harm, eating, abuse, danger, or human.")
    level: str = Field(description="`crisis`, or `human` where somebody asked for a person.")
    state: str = Field(description="open, seen or closed.")
    user: str | None = Field(description="The person, as your platform names them; null once they were erased.")
    conversation: UUID | None
    persona: str | None
    country: str
    opened_at: datetime
    latest_at: datetime
    referrals: int = Field(description="How often help lines were said: lines of the referral ledger.")
    seen_at: datetime | None
    seen_by: str | None
    closed_at: datetime | None
    closed_by: str | None
    note: str


class IncidentList(BaseModel):
    """Incidents, and whether they agree with the ledger."""

    incidents: list[IncidentShown]
    waiting: int = Field(description="Neither seen nor closed, in all.")
    referrals: int = Field(description="Referrals counted on incidents, ever.")
    ledger: int = Field(description="Lines of the referral ledger; the two agree.")


class IncidentMove(BaseModel):
    """What an operator did."""

    model_config = ConfigDict(extra="forbid")
    state: Literal["open", "seen", "closed"]
    note: str | None = Field(None, description="Replaces the note before; never shown to the person's persona.")


@router.get("", summary="Incidents, the newest first")
async def list_all(
    request: Request,
    who: ForCare,
    state: Literal["open", "seen", "closed"] | None = None,
    since: AwareDatetime | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> IncidentList:
    async with transaction(resources_of(request).db) as conn:
        found = await guardrails.incidents.list_all(conn, state=state, since=since, limit=limit)
        tally = await guardrails.incidents.tally(conn)
    shown = [_shown(incident) for incident in found]
    return IncidentList(incidents=shown, waiting=tally.waiting, referrals=tally.referrals, ledger=tally.ledger)


@router.post("/{incident_id}", summary="Mark an incident as seen, close it, or open it again")
async def move(incident_id: UUID, moved: IncidentMove, request: Request, who: ForCare) -> IncidentShown:
    async with transaction(resources_of(request).db) as conn:
        now = await clock(conn)
        by = f"key {who.key_id}"
        found = await guardrails.incidents.move(conn, incident_id, moved.state, by=by, note=moved.note, now=now)
    return _shown(found)


def _shown(found: guardrails.incidents.Incident) -> IncidentShown:
    return IncidentShown(
        id=found.id,
        kind=found.kind,
        level=found.level,
        state=found.state,
        user=found.user,
        conversation=found.conversation_id,
        persona=found.persona_id,
        country=found.country,
        opened_at=found.opened_at,
        latest_at=found.latest_at,
        referrals=found.referrals,
        seen_at=found.seen_at,
        seen_by=found.seen_by,
        closed_at=found.closed_at,
        closed_by=found.closed_by,
        note=found.note,
    )
