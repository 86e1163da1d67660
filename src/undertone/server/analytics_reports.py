"""Reports and outcomes over HTTP, for whoever holds the scope `analytics`.

`GET /v1/analytics/reports` lists them, `/{name}` answers one as JSON or CSV, `/v1/analytics/users/{user}/metrics` one
person's days; `POST /v1/outcomes` takes what came of talking. Knows no query.
"""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from starlette.requests import Request
from starlette.responses import Response

from undertone.analytics import REPORTS, Report, add_outcome, person_days, run_report, tables
from undertone.db import transaction
from undertone.errors import NotFound
from undertone.people import Principal, hold_user
from undertone.people.identity import find_user
from undertone.server.auth import principal, resources_of

router = APIRouter(prefix="/v1", tags=["analytics"])
ForAnalytics = Annotated[Principal, Depends(principal("analytics"))]
First = Annotated[date | None, Query(alias="from", description="30 days before `to` when left out.")]
Last = Annotated[date | None, Query(alias="to", description="Today when left out.")]
Form = Annotated[Literal["json", "csv"], Query(alias="format")]


class ReportNamed(BaseModel):
    """A report that can be asked for."""

    name: str
    question: str


class ReportShown(ReportNamed):
    """A report's rows over the days asked for, both included."""

    first: date
    last: date
    columns: list[str]
    rows: list[list[Any]]


class OutcomeGiven(BaseModel):
    """What came of talking. The four harm labels are complaint, refund, regret and crisis."""

    model_config = ConfigDict(extra="forbid")
    user: str = Field(min_length=1, max_length=128)
    kind: Literal["purchase", "subscription", "cancellation", "thanks", "complaint", "refund", "regret", "crisis"]
    value: Decimal | None = Field(None, ge=0, max_digits=14, decimal_places=2, description="An amount of `currency`.")
    currency: str | None = Field(None, pattern="^[A-Z]{3}$", description="ISO 4217; with `value`, or not at all.")
    turn: UUID | None = Field(None, description="The turn it came of, where that is known.")
    at: AwareDatetime | None = Field(None, description="When it happened; now when left out.")

    @model_validator(mode="after")
    def _amount_has_a_currency(self) -> "OutcomeGiven":
        if (self.value is None) != (self.currency is None):
            raise ValueError("value and currency come together: send both or neither")
        return self


class OutcomeKept(BaseModel):
    """An outcome as it was kept."""

    id: UUID
    kind: str
    at: datetime


def _days(first: First = None, last: Last = None) -> tuple[date, date]:
    last = last or datetime.now(UTC).date()
    return first or last - timedelta(days=30), last


Days = Annotated[tuple[date, date], Depends(_days)]


@router.get("/analytics/reports")
async def list_reports(who: ForAnalytics) -> list[ReportNamed]:
    """Every report and the question it answers."""
    return [ReportNamed(name=name, question=r.question) for name, r in REPORTS.items()]


@router.get("/analytics/reports/{name}", response_model=ReportShown)
async def show_report(
    name: str,
    request: Request,
    who: ForAnalytics,
    days: Days,
    form: Form = "json",
) -> ReportShown | Response:
    """One report. Days are days in the operator's time zone; numbers are at most five minutes old."""
    since, until = days
    async with resources_of(request).db.connection() as conn:
        report = await run_report(conn, name, since, until)
    return _shown(report, since, until, form, name)


@router.get("/analytics/users/{user}/metrics", response_model=ReportShown)
async def show_person(
    user: str,
    request: Request,
    who: ForAnalytics,
    days: Days,
    form: Form = "json",
) -> ReportShown | Response:
    """One person's days: turns, conversations, memories, mood, tokens, cost, how they were read. 404 for a stranger."""
    since, until = days
    async with resources_of(request).db.connection() as conn:
        person = await find_user(conn, user)
        report = await person_days(conn, person.user_id, since, until)
    return _shown(report, since, until, form, "person")


def _shown(report: Report, first: date, last: date, form: str, name: str) -> ReportShown | Response:
    if form == "csv":
        named = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
        return Response(tables.as_csv(report), media_type="text/csv; charset=utf-8", headers=named)
    rows = json.loads(tables.as_json(report))["rows"]
    return ReportShown(
        name=name, question=report.question, first=first, last=last, columns=list(report.columns), rows=rows
    )


@router.post("/outcomes", status_code=201)
async def give_outcome(
    given: OutcomeGiven,
    request: Request,
    who: ForAnalytics,
    key: Annotated[str | None, Header(alias="Idempotency-Key", max_length=200)] = None,
) -> OutcomeKept:
    """Tell what came of talking. The same Idempotency-Key, or without one the very same outcome, counts once."""
    at = given.at or datetime.now(UTC)
    async with transaction(resources_of(request).db) as conn:
        person = await find_user(conn, given.user)
        if not await hold_user(conn, person.user_id):
            raise NotFound("Nothing is held about this person.")
        kept = await add_outcome(
            conn,
            person.user_id,
            given.kind,
            at=at,
            value=given.value,
            currency=given.currency,
            turn_id=given.turn,
            key=f"key:{key}" if key else f"it:{given.model_dump_json()}:{'' if given.at else at.isoformat()}",
        )
    return OutcomeKept(id=kept.id, kind=kept.kind, at=kept.at)
