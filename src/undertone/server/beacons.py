"""Visits over HTTP: the tracker, what it sends, and the sessions that came of it.

`GET /tracker.js` and `POST /v1/collect` are for everybody's browser: a beacon is checked, bounded, given its place and
handed to the collector, and nothing waits for the database. `GET /v1/analytics/sessions` reads. Knows no SQL.
"""

import gzip
import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime
from starlette.requests import Request
from starlette.responses import Response

from undertone.analytics import visit_overview, visits_store
from undertone.analytics.visits_store import SessionFilters
from undertone.errors import BadInput, Forbidden, LimitReached, TooLarge, Unauthenticated
from undertone.observability import BEACONS
from undertone.people import Principal
from undertone.server.auth import anyone, known, principal, resources_of
from undertone.server.sessions_shown import AddressReadShown, Sessions, Statistics, read_shown, shown
from undertone.server.visitors import Visitors

router = APIRouter(tags=["visits"])
ForAnalytics = Annotated[Principal, Depends(principal("analytics"))]

DAY = timedelta(days=1)
LARGEST = 4096
"""Bytes of a beacon. The tracker's stay under 2 kB."""

_TRACKER = files("undertone.server").joinpath("static/tracker.js").read_bytes()
_PACKED = gzip.compress(_TRACKER, 9, mtime=0)
_TAG = f'"{hashlib.sha256(_TRACKER).hexdigest()[:16]}"'
_TRACKER_HEADERS = {
    "Cache-Control": "public, max-age=3600",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "ETag": _TAG,
    "Vary": "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
}


@router.api_route("/tracker.js", methods=["GET", "HEAD"], dependencies=[Depends(anyone)], include_in_schema=False)
async def tracker(request: Request) -> Response:
    """The script that a site's pages load."""
    if request.headers.get("if-none-match") == _TAG:
        return Response(status_code=304, headers=_TRACKER_HEADERS)
    if "gzip" in request.headers.get("accept-encoding", ""):
        packed = {"Content-Encoding": "gzip"}
        return Response(_PACKED, media_type="text/javascript", headers=_TRACKER_HEADERS | packed)
    return Response(_TRACKER, media_type="text/javascript", headers=_TRACKER_HEADERS)


@router.options("/v1/collect", dependencies=[Depends(anyone)], include_in_schema=False)
async def may_collect(request: Request) -> Response:
    """What a browser asks first where a page sends JSON as JSON."""
    origin = _visitors(request).site_of(request)[1]
    allowed = {"Access-Control-Allow-Methods": "POST", "Access-Control-Allow-Headers": "content-type"}
    return Response(status_code=204, headers=_allow(origin) | allowed | {"Access-Control-Max-Age": "86400"})


@router.post("/v1/collect", status_code=204, dependencies=[Depends(anyone)])
async def collect(request: Request) -> Response:
    """Take one beacon of the tracker: JSON of at most 4 kB, whatever its content type says. 204 once it is taken."""
    visitors = _visitors(request)
    try:
        site, origin = visitors.site_of(request)
        address = visitors.address_of(request)
        visitors.admit(address)
        sent = visitors.read(await _body(request))
    except (BadInput, Forbidden, LimitReached, TooLarge):
        BEACONS.labels("refused").inc()
        raise
    if sent.w:
        await visitors.collector.withdraw((site, visitors.digest(site, sent.v)), delete=sent.w == 2)
    else:
        who = await _named(request, sent.k)
        visitors.collector.add(visitors.beacon(sent, site, address, request.headers, who, datetime.now(UTC)))
    return Response(status_code=204, headers=_allow(origin))


@router.get("/v1/analytics/sessions")
async def sessions(
    request: Request,
    who: ForAnalytics,
    active: Annotated[bool | None, Query(description="Seen in the last five minutes, or not.")] = None,
    device: Literal["desktop", "phone", "tablet", "bot", "other"] | None = None,
    browser: Annotated[str | None, Query(max_length=64)] = None,
    os: Annotated[str | None, Query(max_length=64)] = None,
    country: Annotated[str | None, Query(pattern="^[A-Z]{2}$")] = None,
    site: Annotated[str | None, Query(max_length=253)] = None,
    bot: Annotated[bool | None, Query(description="Leave out for people only; both with `bots=true`.")] = None,
    bots: Annotated[bool, Query(description="Bots beside people.")] = False,
    user: Annotated[str | None, Query(max_length=128)] = None,
    since: Annotated[AwareDatetime | None, Query(description="Begun at or after; for `stats` a day ago.")] = None,
    until: AwareDatetime | None = None,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=visits_store.MOST_SESSIONS)] = 50,
) -> Sessions:
    """Sessions, the latest begun first, and numbers of those begun in the last day (or since `since`).

    Over very many sessions the numbers come from hourly counts, up to five minutes old, without `uniqueVisitors`.

    `ipAddress` is null unless the key has the scope `addresses`; each such answer is written down with the key's id.
    """
    now = datetime.now(UTC)
    filters = SessionFilters(
        active=active,
        device=device,
        browser=browser,
        os=os,
        country=country,
        site=site,
        bot=(None if bots else False) if bot is None and device != "bot" else bot,
        user=user,
        since=since,
        until=until,
    )
    reader = visits_store.Reader(f"key {who.key_id}", "addresses") if "addresses" in who.scopes else None
    async with resources_of(request).db.connection() as conn:
        found = await visits_store.list_sessions(
            conn, at=now, filters=filters, cursor=cursor, limit=limit, addresses_for=reader
        )
        recent = replace(filters, active=None, since=since or now - DAY)
        numbers = await visit_overview.numbers_of(conn, now, recent)
        here = await visits_store.stats(conn, now, replace(filters, active=True, since=None, until=None))
    more = visits_store.cursor_after(found[-1]) if len(found) == limit else None
    return Sessions(
        sessions=[shown(session) for session in found],
        stats=Statistics.of(numbers, here.active, since or now - DAY, until or now),
        next_cursor=more,
    )


@router.get("/v1/admin/address-reads")
async def address_reads(
    request: Request,
    who: Annotated[Principal, Depends(principal("admin"))],
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[AddressReadShown]:
    """Who read visitors' addresses, the latest first: when, by which scope, how many, with which filters."""
    async with resources_of(request).db.connection() as conn:
        return [read_shown(read) for read in await visits_store.list_address_reads(conn, limit=limit)]


async def _body(request: Request) -> bytes:
    """The body, refused as soon as it is too large."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST:
            raise TooLarge(f"A beacon has at most {LARGEST} bytes.")
    return body


async def _named(request: Request, token: str | None) -> Principal | None:
    """The person whose end-user token came along; nobody for a token that is none, which is no reason to refuse."""
    if not token:
        return None
    try:
        who = await known(request, token)
    except Unauthenticated:
        return None
    return who if who.kind == "person" else None


def _visitors(request: Request) -> Visitors:
    return request.app.state.visitors


def _allow(origin: str | None) -> dict[str, str]:
    return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"} if origin else {}
