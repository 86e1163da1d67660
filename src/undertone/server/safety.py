"""`/safety`: what is in force here, for anybody, without signing in.

    app.include_router(safety.router)

Read from the running installation and its crisis protocol; the counts come from the referral ledger and hold nobody.
Knows no turn and no person.
"""

from datetime import datetime
from typing import Annotated, Any

from babel import Locale
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import HTMLResponse

from undertone import guardrails
from undertone.db import clock, transaction
from undertone.guardrails import reports
from undertone.people import Principal
from undertone.resources import Connection
from undertone.server.auth import anyone, resources_of
from undertone.server.chat import engine_of
from undertone.server.pages import page, visitor

router = APIRouter(tags=["pages"])

KINDS = {
    "suicidal": "thoughts of suicide",
    "self_harm": "self-harm",
    "eating": "eating disorders",
    "abuse": "abuse and violence",
    "danger": "immediate danger",
}
"""What a help line is for, in words."""


@router.get("/safety", dependencies=[Depends(anyone)], include_in_schema=False)
async def safety(request: Request, who: Annotated[Principal | None, Depends(visitor)]) -> HTMLResponse:
    """The protocol, the limits, the help lines and the counts, as they stand now."""
    engine, settings = engine_of(request), request.app.state.settings
    protocol = guardrails.require_protocol()
    async with transaction(resources_of(request).db) as conn:
        now = await clock(conn)
        counts = await _counts(conn, now)
    return page(
        "safety.html",
        signed_in=who is not None,
        notice=guardrails.disclosure.notice("en"),
        notice_every=spoken(int(min(engine.notice_every, guardrails.disclosure.LONGEST).total_seconds() // 60)),
        pause=spoken(int(guardrails.care.CRISIS_PAUSE.total_seconds() // 60)),
        words=protocol.words["en"]["crisis"]["suicidal"],
        countries=_countries(protocol),
        directory=protocol.directory,
        directory_href=f"https://{protocol.directory}",
        version_of_protocol=protocol.version,
        counts=counts,
        limits={
            "minute": engine.per_minute,
            "day": engine.per_day,
            "minutes": settings.minutes_per_day,
            "break": settings.break_minutes,
        },
        handover=settings.handover,
        contact=settings.safety_contact or "",
        now=now,
    )


def spoken(minutes: int) -> str:
    """A span in words: two hours, 90 minutes."""
    hours, rest = divmod(minutes, 60)
    if rest or not hours:
        return f"{minutes} minutes"
    return "hour" if hours == 1 else f"{hours} hours"


async def _counts(conn: Connection, now: datetime) -> list[dict[str, Any]]:
    """This year's and last year's referrals; small ones only as such."""
    found: list[dict[str, Any]] = []
    for year in (now.year, now.year - 1):
        total = (await guardrails.ledger.yearly_counts(conn, year))["total"]
        small = 0 < total < reports.FEWEST
        found.append({"year": year, "shown": f"fewer than {reports.FEWEST}" if small else f"{total:,}"})
    return found


def _countries(protocol: guardrails.crisis.Protocol) -> list[dict[str, Any]]:
    """Help lines by country, in the order of the countries' names."""
    names: dict[str, str] = dict(Locale("en").territories)
    codes = sorted(set(protocol.lines) | set(protocol.emergency), key=lambda code: names.get(code, code))
    return [
        {
            "code": code,
            "name": names.get(code, code),
            "emergency": protocol.emergency.get(code),
            "lines": [
                {
                    "name": line.name,
                    "contact": line.contact,
                    "kinds": ", ".join(text for kind, text in KINDS.items() if kind in line.kinds),
                    "source": line.source,
                    "checked": line.checked,
                }
                for line in protocol.lines.get(code, ())
            ],
        }
        for code in codes
    ]
