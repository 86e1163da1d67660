"""What a visit is: which session a beacon belongs to, and how the numbers of session and page change. Pure.

    placed = place(latest, pages, beacon, new_id)     # the session and the page as they then stand, what was ended

The server's clock rules: a tracker sends durations and random numbers, never a time. A beacon that comes twice, late or
out of order changes nothing it should not: what it counts only grows. Knows no database, no HTTP.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

IDLE = timedelta(minutes=30)
"""A visitor not heard of for so long begins a new session."""
CAP = timedelta(hours=24)
"""No session is longer; what comes after begins another."""
ACTIVE = timedelta(minutes=5)
"""Seen within this time, a session is active."""
DELAY = timedelta(seconds=60)
"""How far back a tracker's word that a page was opened earlier is believed."""
GRACE_S = 5
"""A tracker may have counted so much more than passed here since the page was first heard of."""
MOST_PAGES = 2000
"""Pages of one session that are kept; only a program opens more."""


@dataclass(frozen=True, slots=True)
class Agent:
    """What a user agent says of itself, in words that can be counted."""

    device: str
    """desktop, phone, tablet, bot or other."""
    browser: str = ""
    browser_version: str = ""
    os: str = ""
    is_bot: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a beacon came from: an ISO country code and an address, each None when unknown or not kept."""

    country: str | None = None
    address: str | None = None
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Beacon:
    """One message of a tracker, as the server understood it."""

    site: str
    visitor: str
    view: int
    received_at: datetime
    opened_at: datetime
    """When the page was opened, by the server's clock: at most DELAY before `received_at`."""
    engaged_s: int
    """Seconds of this view with the page visible and somebody there, so far."""
    path: str
    agent: Agent
    title: str = ""
    referrer: str = ""
    place: Place = Place()
    consent: bool = False
    user_id: UUID | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Whose beacon it is: a visitor is known by a site, nowhere else."""
        return self.site, self.visitor


@dataclass(frozen=True, slots=True)
class Page:
    """One view of a page within a session."""

    at: datetime
    path: str
    title: str
    engaged_s: int
    skipped_s: int = 0
    """What the tracker had counted of this view before this session."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A session as it stands, with what of its pages is needed to go on."""

    id: UUID
    site: str
    visitor: str
    started_at: datetime
    last_seen_at: datetime
    entry_path: str
    exit_path: str
    exit_at: datetime
    """When the latest page was opened."""
    agent: Agent
    place: Place = Place()
    ended_at: datetime | None = None
    engaged_s: int = 0
    counted_s: int = 0
    """The engaged seconds of all its pages; two windows side by side may count one second twice."""
    pages: int = 0
    referrer: str = ""
    consent: bool = False
    user_id: UUID | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.site, self.visitor


@dataclass(frozen=True, slots=True)
class Placed:
    """What a beacon made of its session and page. `ended` is the session before, where this one ended it."""

    visit: Visit
    page: Page
    ended: Visit | None = None


def opened(received_at: datetime, age_s: float) -> datetime:
    """When a page was opened that is `age_s` seconds old when its beacon arrives. A forged age moves little."""
    return received_at - min(max(timedelta(seconds=min(age_s, DELAY.total_seconds())), timedelta()), DELAY)


def goes_on(visit: Visit, beacon: Beacon) -> bool:
    """Does this beacon belong to that session? Not after 30 idle minutes, 24 hours, or when somebody else signed in."""
    if visit.ended_at is not None or (beacon.user_id and visit.user_id and beacon.user_id != visit.user_id):
        return False
    return beacon.received_at - visit.last_seen_at < IDLE and beacon.received_at - visit.started_at < CAP


def merge(first: Beacon, second: Beacon) -> Beacon:
    """Two beacons of one view as one, whichever came first."""
    older, newer = sorted((first, second), key=lambda beacon: beacon.received_at)
    return replace(
        newer,
        opened_at=min(older.opened_at, newer.opened_at),
        engaged_s=max(older.engaged_s, newer.engaged_s),
        title=newer.title or older.title,
        referrer=older.referrer or newer.referrer,
        consent=older.consent or newer.consent,
        user_id=newer.user_id or older.user_id,
    )


def place(latest: Visit | None, pages: Mapping[tuple[UUID, int], Page], beacon: Beacon, new_id: UUID) -> Placed | None:
    """Put a beacon where it belongs.

    `latest` is the visitor's newest session on the site, `pages` what is known of this view in it. A new session gets
    `new_id`. None when the session is full.
    """
    if latest is not None and goes_on(latest, beacon):
        return _go_on(latest, pages.get((latest.id, beacon.view)), beacon)
    ended = latest if latest is not None and latest.ended_at is None else None
    began = beacon.opened_at
    skipped = 0
    if latest is not None and (before := pages.get((latest.id, beacon.view))):
        skipped, began = before.skipped_s + before.engaged_s, beacon.received_at
    if latest is not None:
        began = max(began, latest.last_seen_at)
    visit = Visit(
        id=new_id,
        site=beacon.site,
        visitor=beacon.visitor,
        started_at=began,
        last_seen_at=max(beacon.received_at, began),
        entry_path=beacon.path,
        exit_path=beacon.path,
        exit_at=began,
        agent=beacon.agent,
        referrer=beacon.referrer,
    )
    placed = _count(visit, Page(began, beacon.path, beacon.title, 0, skipped), beacon, is_new=True)
    return replace(placed, ended=replace(ended, ended_at=ended.last_seen_at) if ended else None)


def _go_on(visit: Visit, page: Page | None, beacon: Beacon) -> Placed | None:
    if page is not None:
        return _count(visit, page, beacon, is_new=False)
    if visit.pages >= MOST_PAGES:
        return None
    page = Page(beacon.opened_at, beacon.path, beacon.title, 0)
    if page.at < visit.started_at:  # the first page's beacon came after the second's
        visit = replace(visit, started_at=page.at, entry_path=page.path, referrer=beacon.referrer or visit.referrer)
    if page.at >= visit.exit_at:
        visit = replace(visit, exit_at=page.at, exit_path=page.path)
    return _count(visit, page, beacon, is_new=True)


def _count(visit: Visit, page: Page, beacon: Beacon, *, is_new: bool) -> Placed:
    """The session and page after this beacon: seconds only grow, and never past what the clock allows."""
    seen = max(visit.last_seen_at, beacon.received_at)
    room = int((beacon.received_at - page.at).total_seconds()) + GRACE_S
    engaged = max(page.engaged_s, min(beacon.engaged_s - page.skipped_s, room))
    counted = visit.counted_s + engaged - page.engaged_s
    visit = replace(
        visit,
        last_seen_at=seen,
        counted_s=counted,
        engaged_s=min(counted, int((seen - visit.started_at).total_seconds())),
        pages=visit.pages + is_new,
        place=beacon.place if beacon.place.address or beacon.place.country else visit.place,
        consent=visit.consent or beacon.consent,
        user_id=beacon.user_id or visit.user_id,
    )
    return Placed(visit, replace(page, engaged_s=engaged, title=beacon.title or page.title))
