"""`/console/sessions`: who is on the sites now and who was, and one visit from page to page.

The filters stand in the address. `/stream` says when something changed; the page is then fetched again and its marked
parts are exchanged. Addresses are shown on request to whoever holds the scope `addresses`, and each look is recorded.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Query
from starlette.requests import Request
from starlette.responses import HTMLResponse, StreamingResponse

from undertone.analytics import visit_overview, visit_shares_store, visits_store
from undertone.analytics.tracking import CAP
from undertone.analytics.visits_store import Reader
from undertone.console import pictures, words
from undertone.console.frame import page, page_router
from undertone.console.pictures import Bar
from undertone.console.views import PERIODS, View
from undertone.errors import Forbidden, NotFound
from undertone.people import Principal
from undertone.resources import Pool
from undertone.server import sse
from undertone.server.auth import principal, resources_of

router = page_router()
ForAnalytics = Annotated[Principal, Depends(principal("analytics"))]

SHOWN = 50
"""Sessions on a page."""
LOOKS_S = 1.0
"""How often an open page's stream looks for a change: one short index range."""
STREAM_S = 600.0
"""A stream ends after so long and the browser opens another: whoever was signed out meanwhile is noticed."""
ADDRESS_SCOPE = "addresses"


@router.get("/sessions")
async def sessions(request: Request, who: ForAnalytics, view: Annotated[View, Query()]) -> HTMLResponse:
    """The dashboard."""
    now, zone = datetime.now(UTC), request.app.state.settings.time_zone
    filters = view.filters(now)
    before = replace(filters, since=now - 2 * view.stretch.span, until=filters.since)
    here_now = replace(filters, active=True, since=now - CAP)
    reader = _reader(who, shown=view.addresses is not None)
    async with resources_of(request).db.connection() as conn:
        pulse = await visit_shares_store.pulse(conn, now)
        found = await visits_store.list_sessions(
            conn, at=now, filters=filters, cursor=view.after, limit=SHOWN + 1, addresses_for=reader
        )
        active = (await visits_store.stats(conn, now, here_now)).active
        overview = await visit_overview.overview_of(conn, now, filters, step=view.stretch.step, zone=zone)
        # Who is active is known of now only, so there is nothing to compare with.
        previous = await visit_overview.numbers_of(conn, now, before) if view.state is None else overview.numbers
    numbers = overview.numbers
    bars = [Bar(view.stretch.label_of(step.at), words.wall(step.at), step.sessions) for step in overview.steps]
    title = f"Sessions begun, by {words.spoken(view.stretch.step)}"
    return page(
        "sessions.html",
        who,
        "sessions",
        view=view,
        periods=PERIODS,
        now=now,
        zone=zone,
        pulse=pulse,
        active=active,
        numbers=numbers,
        sampled=visit_overview.SAMPLED,
        changes={
            name: words.change(getattr(numbers, name) or 0, getattr(previous, name) or 0)
            for name in ("sessions", "visitors", "engaged_s", "elapsed_s")
        },
        wide=pictures.bars(bars, title),
        narrow=pictures.bars(bars, title, narrow=True),
        picture_title=title,
        shares={what: list(group) for what, group in groupby(overview.shares, key=lambda share: share.what)},
        sites=len({session.site for session in found}),
        sessions=found[:SHOWN],
        more=visits_store.cursor_after(found[SHOWN - 1]) if len(found) > SHOWN else None,
        may_see_addresses=ADDRESS_SCOPE in who.scopes,
    )


@router.get("/sessions/stream")
async def stream(
    request: Request, who: ForAnalytics, seen: str = "", last_event_id: Annotated[str, Header()] = ""
) -> StreamingResponse:
    """An event as soon as the pulse is another one than the page has `seen`; its id is the new pulse."""
    changes = _changes(resources_of(request).db, last_event_id or seen, request.app.state.stopping)
    return StreamingResponse(changes, media_type="text/event-stream", headers=sse.HEADERS)


@router.get("/sessions/{session_id}")
async def one_session(
    session_id: UUID, request: Request, who: ForAnalytics, addresses: str | None = None
) -> HTMLResponse:
    """One visit, page by page."""
    now = datetime.now(UTC)
    async with resources_of(request).db.connection() as conn:
        session = await visits_store.find_session(
            conn, session_id, at=now, addresses_for=_reader(who, shown=addresses is not None)
        )
        if session is None:
            raise NotFound("There is no such visit. It may have been erased, or its consent withdrawn.")
        views = await visits_store.timeline(conn, session_id)
    return page(
        "session.html",
        who,
        "sessions",
        session=session,
        views=views,
        longest=max([1, *(view.engaged_s for view in views)]),
        now=now,
        zone=request.app.state.settings.time_zone,
        addresses=addresses is not None,
        may_see_addresses=ADDRESS_SCOPE in who.scopes,
    )


def _reader(who: Principal, *, shown: bool) -> Reader | None:
    """Whoever asked to see addresses, for the record. Raises Forbidden when they may not."""
    if not shown:
        return None
    if ADDRESS_SCOPE not in who.scopes:
        raise Forbidden(f"Addresses are for keys with the scope “{ADDRESS_SCOPE}”.")
    return Reader(f"key {who.key_id}" if who.key_id else "the local operator", ADDRESS_SCOPE)


async def _changes(db: Pool, seen: str, stopping: asyncio.Event) -> AsyncGenerator[bytes]:
    """`changed` when the pulse is another one, and a sign of life while it is not; ends when the server does."""
    for look in range(int(STREAM_S / LOOKS_S)):
        # A reader who leaves must not break off a query: that would cost the pool its connection.
        pulse = await asyncio.shield(asyncio.create_task(_pulse(db)))
        if pulse != seen:
            yield sse.encode("changed", {}, pulse)
            seen = pulse
        elif look % int(sse.ALIVE_S) == 0:
            yield b": still here\n\n"
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), LOOKS_S)
            return


async def _pulse(db: Pool) -> str:
    async with db.connection() as conn:
        return await visit_shares_store.pulse(conn, datetime.now(UTC))
