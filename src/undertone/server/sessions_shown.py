"""Sessions as JSON, in the shape that the prototype's dashboard reads: camelCase, seconds, ISO times.

    Sessions(sessions=[shown(session)], stats=Statistics.of(numbers, active, since, until), next_cursor=None)

Knows no request and no query.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from undertone.analytics.visit_overview import VisitNumbers
from undertone.analytics.visits_store import AddressRead, Session


class _Shown(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class SessionShown(_Shown):
    """One visit. `duration` and `engagedTime` are seconds."""

    id: UUID
    site: str
    visitor_id: str
    user_id: str | None
    """The person, as your platform names them; null when nobody signed in."""
    ip_address: str | None
    """Null without the scope `addresses`; a network (`203.0.113.0/24`) where `ipTruncated`."""
    ip_truncated: bool
    country: str | None
    device: str
    browser: str
    browser_version: str
    os: str
    is_bot: bool
    is_active: bool
    started_at: datetime
    last_seen_at: datetime
    ended_at: datetime | None
    duration: int
    """From the first sign of the visitor to the last."""
    engaged_time: int
    """With a page visible and somebody there."""
    page_views: int
    entry_page: str
    exit_page: str
    referrer: str | None
    consent: bool


class Statistics(_Shown):
    """Numbers of the sessions that began from `since` on and fit the filters; means are seconds."""

    total_sessions: int
    active_sessions: int
    """Seen in the last five minutes, whenever they began."""
    unique_visitors: int | None
    """Null where there are more sessions than can be told apart at once."""
    total_page_views: int
    avg_duration: float
    avg_engaged_time: float
    since: datetime
    until: datetime

    @classmethod
    def of(cls, numbers: VisitNumbers, active: int, since: datetime, until: datetime) -> "Statistics":
        """The numbers of a stretch, and how many are active now."""
        return cls(
            total_sessions=numbers.sessions,
            active_sessions=active,
            unique_visitors=numbers.visitors,
            total_page_views=round(numbers.pages * numbers.sessions),
            avg_duration=round(numbers.elapsed_s, 1),
            avg_engaged_time=round(numbers.engaged_s, 1),
            since=since,
            until=until,
        )


class Sessions(_Shown):
    """Sessions and the numbers above them. `nextCursor` is null at the end."""

    sessions: list[SessionShown]
    stats: Statistics
    next_cursor: str | None


class AddressReadShown(BaseModel):
    """One time that somebody read visitors' addresses."""

    at: datetime
    who: str
    scope: str
    how_many: int
    filters: dict[str, Any]


def read_shown(read: AddressRead) -> AddressReadShown:
    """A row of the record."""
    return AddressReadShown.model_validate(read, from_attributes=True)


def shown(session: Session) -> SessionShown:
    """A session in the prototype's words."""
    return SessionShown(
        id=session.id,
        site=session.site,
        visitor_id=session.visitor,
        user_id=session.user,
        ip_address=session.address,
        ip_truncated=session.address_truncated,
        country=session.country,
        device=session.device,
        browser=session.browser,
        browser_version=session.browser_version,
        os=session.os,
        is_bot=session.is_bot,
        is_active=session.active,
        started_at=session.started_at,
        last_seen_at=session.last_seen_at,
        ended_at=session.ended_at,
        duration=session.elapsed_s,
        engaged_time=session.engaged_s,
        page_views=session.pages,
        entry_page=session.entry_path,
        exit_page=session.exit_path,
        referrer=session.referrer or None,
        consent=session.consent,
    )
