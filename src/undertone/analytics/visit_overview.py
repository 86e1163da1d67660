"""The numbers above a list of visits: exact while there are few, from hours and a sample where there are very many.

    numbers = await numbers_of(conn, now, filters)
    overview = await overview_of(conn, now, filters, step=timedelta(hours=3), zone="UTC")

Knows no query and no page.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from undertone.analytics import visit_hours_store, visit_shares_store, visits_store
from undertone.analytics.visit_shares_store import Share, Step
from undertone.analytics.visits_store import SessionFilters
from undertone.resources import Connection

MANY = 15_000
"""With more sessions than this in a stretch its numbers come from the hours, and its visitors are not counted."""
SAMPLED = 5_000
"""Pages and referrers are then those of so many sessions, the latest."""
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class VisitNumbers:
    """Numbers of the sessions that began in a stretch and fit; means of a session, in pages and seconds."""

    sessions: int
    visitors: int | None
    """None where there are too many to tell apart at once."""
    pages: float
    engaged_s: float
    elapsed_s: float
    exact: bool
    """Counted from the sessions themselves, to the second."""


@dataclass(frozen=True, slots=True)
class Overview:
    """Numbers, sessions over time, and what they came with."""

    numbers: VisitNumbers
    steps: tuple[Step, ...]
    shares: tuple[Share, ...]
    """Where `numbers` are not exact, pages and referrers are counted over the latest SAMPLED sessions."""


async def numbers_of(conn: Connection, now: datetime, filters: SessionFilters) -> VisitNumbers:
    """Numbers of what fits. `filters` name a `since`."""
    everything = SessionFilters(since=filters.since, until=filters.until)
    few = filters.user is not None or filters.active is True
    if few or (await visit_hours_store.numbers_of(conn, everything)).sessions <= MANY:
        found = await visits_store.stats(conn, now, filters)
        pages = found.pages / found.sessions if found.sessions else 0.0
        return VisitNumbers(found.sessions, found.visitors, pages, found.engaged_s, found.elapsed_s, exact=True)
    counted = await visit_hours_store.numbers_of(conn, filters)
    n = counted.sessions or 1
    return VisitNumbers(
        counted.sessions, None, counted.pages / n, counted.engaged_s / n, counted.elapsed_s / n, exact=False
    )


async def overview_of(
    conn: Connection, now: datetime, filters: SessionFilters, *, step: timedelta, zone: str
) -> Overview:
    """What a dashboard shows above its list. `filters` name a `since`."""
    numbers = await numbers_of(conn, now, filters)
    by_hour = not numbers.exact and step >= HOUR
    series = visit_hours_store.over_time if by_hour else visit_shares_store.over_time
    steps = await series(conn, now, filters, step=step, zone=zone)
    if numbers.exact:
        return Overview(numbers, steps, await visit_shares_store.shares(conn, now, filters))
    sample = await visit_shares_store.shares(conn, now, filters, of_latest=SAMPLED)
    named = (*await visit_hours_store.shares(conn, filters), *(s for s in sample if s.what in ("page", "referrer")))
    return Overview(numbers, steps, tuple(sorted(named, key=lambda share: share.what)))
