"""Visits, read: sessions with filters and a cursor, their pages, the numbers above them, and who read addresses.

    sessions = await list_sessions(conn, filters=SessionFilters(device="phone"), limit=50)
    sessions = await list_sessions(conn, addresses_for=Reader("key 1a2b", "addresses"))     # and writes that down

An address leaves this file only for a named reader, in the transaction that records it. Knows no beacon and no HTTP.
"""

import base64
import binascii
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import class_row, dict_row

from undertone.analytics.tracking import ACTIVE, IDLE
from undertone.errors import BadInput
from undertone.resources import Connection

MOST_SESSIONS = 500
"""The longest list that is given out at once."""


@dataclass(frozen=True, slots=True)
class Session:
    """One visit to a site, as it stands. Times are the server's; durations are whole seconds."""

    id: UUID
    site: str
    visitor: str
    """A digest of the random number the tracker keeps for the site: the same for the visitor's other sessions there."""
    user: str | None
    """The person, as the platform names them; None when nobody signed in."""
    started_at: datetime
    last_seen_at: datetime
    ended_at: datetime | None
    """When it was last heard of, once it is over; None while it goes on."""
    active: bool
    """Seen in the last five minutes."""
    elapsed_s: int
    engaged_s: int
    """Seconds with a page in view and somebody there; never more than `elapsed_s`."""
    pages: int
    entry_path: str
    exit_path: str
    referrer: str
    """Host and path of the page that led here; empty when none did, or when it is the site itself."""
    device: str
    browser: str
    browser_version: str
    os: str
    is_bot: bool
    country: str | None
    address: str | None
    """The client's address or its network; None unless asked for by a reader who may see it."""
    address_truncated: bool
    consent: bool


@dataclass(frozen=True, slots=True)
class PageView:
    """One page as one tab showed it."""

    at: datetime
    path: str
    title: str
    engaged_s: int


@dataclass(frozen=True, slots=True)
class SessionStats:
    """Numbers of the sessions that began in a stretch of time and fit the filters."""

    sessions: int
    active: int
    visitors: int
    pages: int
    elapsed_s: float
    """The mean, in seconds."""
    engaged_s: float
    """The mean, in seconds."""


@dataclass(frozen=True, slots=True)
class SessionFilters:
    """Which sessions; None leaves a matter open. `user` is the platform's id of a person; times are when it began."""

    active: bool | None = None
    device: str | None = None
    browser: str | None = None
    os: str | None = None
    country: str | None = None
    site: str | None = None
    bot: bool | None = None
    user: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def named(self) -> dict[str, Any]:
        """The filters that are set, ready for JSON."""
        return {name: str(value) for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who may see addresses: `who` names a key or an operator, `scope` what lets them."""

    who: str
    scope: str


@dataclass(frozen=True, slots=True)
class AddressRead:
    """One time that addresses were read."""

    at: datetime
    who: str
    scope: str
    how_many: int
    filters: dict[str, Any]


EVERYTHING = SessionFilters()


def cursor_after(session: Session) -> str:
    """What to hand to `list_sessions` to go on after this session."""
    plain = f"{session.started_at.astimezone(UTC).isoformat()}|{session.id}"
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


async def list_sessions(
    conn: Connection,
    *,
    at: datetime | None = None,
    filters: SessionFilters = EVERYTHING,
    cursor: str | None = None,
    limit: int = 50,
    addresses_for: Reader | None = None,
) -> tuple[Session, ...]:
    """Sessions, the latest begun first, at most `limit` (1 to 500). `at` is now when left out.

    With `addresses_for` they hold addresses, and that is recorded. Raises BadInput for a cursor that is none.
    """
    at = at or datetime.now(UTC)
    where, values = where_of(filters, at)
    if cursor is not None:
        where.append("(s.started_at, s.id) < (%(cursor_at)s, %(cursor_id)s)")
        values["cursor_at"], values["cursor_id"] = _read_cursor(cursor)
    query: LiteralString = (
        f"{_SESSIONS} where {' and '.join(where)} order by s.started_at desc, s.id desc limit %(limit)s"
    )
    values |= {"at": at, "limit": max(1, min(limit, MOST_SESSIONS))}
    return await _sessions(conn, query, values, addresses_for, filters.named())


async def find_session(
    conn: Connection, session_id: UUID, *, at: datetime | None = None, addresses_for: Reader | None = None
) -> Session | None:
    """One session, or None. With `addresses_for` it holds its address, and that is recorded."""
    query: LiteralString = f"{_SESSIONS} where s.id = %(id)s"
    values = {"at": at or datetime.now(UTC), "id": session_id}
    found = await _sessions(conn, query, values, addresses_for, {"id": str(session_id)})
    return found[0] if found else None


async def timeline(conn: Connection, session_id: UUID) -> tuple[PageView, ...]:
    """A session's pages in the order they were opened; empty for a session that is not there."""
    async with conn.cursor(row_factory=class_row(PageView)) as cursor:
        await cursor.execute(
            "select at, path, title, engaged_s from page_views where session_id = %s order by at, view", [session_id]
        )
        return tuple(await cursor.fetchall())


async def stats(conn: Connection, at: datetime, filters: SessionFilters = EVERYTHING) -> SessionStats:
    """Numbers of the sessions that fit. Give `filters.since`: over everything it reads every session there is."""
    where, values = where_of(filters, at)
    async with conn.cursor(row_factory=class_row(SessionStats)) as cursor:
        query: LiteralString = """
            select count(*)::int as sessions,
                count(*) filter (where s.ended_at is null and s.last_seen_at > %(seen_after)s)::int as active,
                count(distinct hashtextextended(s.site || s.visitor, 0))::int as visitors,
                coalesce(sum(s.pages), 0)::int as pages,
                coalesce(avg(extract(epoch from s.last_seen_at - s.started_at)), 0)::float8 as elapsed_s,
                coalesce(avg(s.engaged_s), 0)::float8 as engaged_s
            from sessions s where true and
        """
        await cursor.execute(query + " and ".join(where), values)
        found = await cursor.fetchone()
    assert found is not None
    return found


async def active_now(conn: Connection, at: datetime, *, bots: bool = False) -> int:
    """How many sessions were seen in the last five minutes."""
    cursor = await conn.execute(
        "select count(*) from sessions where last_seen_at > %s and ended_at is null and (%s or not is_bot)",
        [at - ACTIVE, bots],
    )
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def list_address_reads(conn: Connection, *, limit: int = 100) -> tuple[AddressRead, ...]:
    """Who read addresses, the latest first."""
    async with conn.cursor(row_factory=class_row(AddressRead)) as cursor:
        await cursor.execute(
            "select at, who, scope, how_many, filters from address_reads order by n desc limit %s", [limit]
        )
        return tuple(await cursor.fetchall())


async def export_sessions(conn: Connection, user_id: UUID) -> list[dict[str, Any]]:
    """The sessions in which a person was signed in, with their pages, oldest first."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            """
            select s.id::text, s.site, s.started_at::text, s.last_seen_at::text, s.engaged_s, s.entry_path, s.exit_path,
                s.referrer, s.device, s.browser, s.browser_version, s.os, s.country,
                abbrev(s.address) as address, s.consent,
                (select coalesce(jsonb_agg(jsonb_build_object('at', v.at, 'path', v.path, 'title', v.title,
                    'engaged_s', v.engaged_s) order by v.at, v.view), '[]')
                    from page_views v where v.session_id = s.id) as pages
            from sessions s where s.user_id = %s order by s.started_at, s.id
            """,
            [user_id],
        )
        return await cursor.fetchall()


async def erase_sessions(conn: Connection, user_id: UUID) -> int:
    """Delete a person's sessions with their pages, and what the same browsers did while nobody was signed in; how many.

    Not the sessions of others who signed in there.
    """
    cursor = await conn.execute(
        """
        with browser as (select distinct site, visitor from sessions where user_id = %(user)s),
        gone as (
            delete from sessions s using browser b
            where s.site = b.site and s.visitor = b.visitor and (s.user_id is null or s.user_id = %(user)s)
            returning 1
        )
        select count(*) from gone
        """,
        {"user": user_id},
    )
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


_SESSIONS: LiteralString = """
    select s.id, s.site, s.visitor, u.external_id as user, s.started_at, s.last_seen_at,
        coalesce(s.ended_at, case when s.last_seen_at <= %(at)s - %(idle)s then s.last_seen_at end) as ended_at,
        s.ended_at is null and s.last_seen_at > %(at)s - %(active)s as active,
        extract(epoch from s.last_seen_at - s.started_at)::int as elapsed_s, s.engaged_s, s.pages, s.entry_path,
        s.exit_path, s.referrer, s.device, s.browser, s.browser_version, s.os, s.is_bot, s.country,
        case when %(addresses)s then abbrev(s.address) end as address, s.address_truncated, s.consent
    from sessions s left join users u using (user_id)
"""


async def _sessions(
    conn: Connection, query: LiteralString, values: dict[str, Any], reader: Reader | None, asked: dict[str, Any]
) -> tuple[Session, ...]:
    values |= {"idle": IDLE, "active": ACTIVE, "addresses": reader is not None}
    async with conn.transaction(), conn.cursor(row_factory=class_row(Session)) as cursor:
        await cursor.execute(query, values)
        found = tuple(await cursor.fetchall())
        if reader is not None and (shown := sum(session.address is not None for session in found)):
            await cursor.execute(
                "insert into address_reads (who, scope, how_many, filters) values (%s, %s, %s, %s)",
                [reader.who, reader.scope, shown, json.dumps(asked)],
            )
    return found


def where_of(filters: SessionFilters, at: datetime) -> tuple[list[LiteralString], dict[str, Any]]:
    """The tests that sessions `s` must pass, and their values."""
    tests: dict[str, LiteralString] = {
        "device": "s.device = %(device)s",
        "browser": "s.browser = %(browser)s",
        "os": "s.os = %(os)s",
        "country": "s.country = %(country)s",
        "site": "s.site = %(site)s",
        "bot": "s.is_bot = %(bot)s",
        "user": "s.user_id = (select user_id from users where external_id = %(user)s)",
        "since": "s.started_at >= %(since)s",
        "until": "s.started_at < %(until)s",
    }
    values = asdict(filters)
    where: list[LiteralString] = ["true", *(test for name, test in tests.items() if values[name] is not None)]
    values["seen_after"] = at - ACTIVE
    if filters.active is True:
        where.append("s.ended_at is null and s.last_seen_at > %(seen_after)s")
    if filters.active is False:
        where.append("(s.ended_at is not null or s.last_seen_at <= %(seen_after)s)")
    return where, values


def _read_cursor(cursor: str) -> tuple[datetime, UUID]:
    try:
        plain = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        at, _, number = plain.partition("|")
        return datetime.fromisoformat(at), UUID(number)
    except (ValueError, binascii.Error):
        raise BadInput("This cursor is not one of ours: leave it out to begin at the top.") from None
