"""What operators must tell: referrals of a year, notices that were shown, and whether the counts agree.

    report = await reports.yearly(conn, 2026)            # what California's SB 243 asks for, without identifiers
    shown = await reports.notices(conn, since, until)
    check = await reports.reconcile(conn)

Counts of one to four are not shown by month or kind, and a second goes with a lone one so that no sum gives it back.
The year's total is exact, since the law asks for it. Knows no page and no file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from undertone.guardrails import crisis, disclosure, ledger
from undertone.resources import Connection

FEWEST: Final = 5
"""Counts below this, zero aside, are not shown."""


@dataclass(frozen=True, slots=True)
class Yearly:
    """A year's referrals. A count of None is one to four, or hides one that is."""

    year: int
    total: int
    by_month: Mapping[str, int | None]
    by_kind: Mapping[str, int | None]
    protocol_version: str
    protocol_sha256: str
    protocol_text: Mapping[str, str]
    """What is said in a crisis, in English, by kind."""
    ledger_lines: int
    ledger_seal: str
    """Of the whole ledger, proven when the report was made."""


async def yearly(conn: Connection, year: int) -> Yearly:
    """The report of a year. Raises LedgerError when the ledger was altered."""
    proof = await ledger.verify(conn)
    cells = await _referrals(conn, year)
    months = {f"{year}-{month:02}": 0 for month in range(1, 13)}
    kinds: dict[str, int] = dict.fromkeys(crisis.KINDS, 0)
    for month, kind, count in cells:
        months[f"{year}-{month:02}"] += count
        kinds[kind] = kinds.get(kind, 0) + count
    protocol = crisis.require_protocol()
    return Yearly(
        year=year,
        total=sum(months.values()),
        by_month=suppressed(months),
        by_kind=suppressed(kinds),
        protocol_version=protocol.version,
        protocol_sha256=sha256(crisis.SHIPPED.read_bytes()).hexdigest(),
        protocol_text={kind: crisis.crisis_reply(None, "en", kind) for kind in crisis.KINDS},
        ledger_lines=proof.count,
        ledger_seal=proof.seal,
    )


def suppressed(counts: Mapping[str, int]) -> dict[str, int | None]:
    """The counts with small ones hidden; a lone hidden one takes the next smallest with it, or the total tells it."""
    hidden = {name for name, count in counts.items() if 0 < count < FEWEST}
    rest = [name for name, count in counts.items() if count and name not in hidden]
    if len(hidden) == 1 and rest:
        hidden.add(min(rest, key=lambda name: counts[name]))
    return {name: None if name in hidden else count for name, count in counts.items()}


@dataclass(frozen=True, slots=True)
class Notices:
    """Of the conversations of a period, which had what the law asks for; shares in [0, 1], None of nothing."""

    conversations: int
    at_start: float | None
    """Somebody had the notice in the conversation's first turn, or within the interval before it."""
    throughout: float | None
    """No turn came later than the interval after a notice."""
    asked: int
    """Messages that were read as asking what is talking."""
    when_asked: float | None
    interval_minutes: int


async def notices(
    conn: Connection, since: datetime, until: datetime, *, every: timedelta = disclosure.EVERY
) -> Notices:
    """Read from the event log, so from what happened and not from what was meant to."""
    query = """
        with turns as (
            select e.user_id, e.at, (e.data ->> 'turn_id') as turn, (e.data ->> 'conversation_id') as conversation
            from events e
            where e.kind = 'TurnStarted' and e.at >= %(since)s and e.at < %(until)s and e.user_id is not null
        ), covered as (
            select t.*, row_number() over (partition by t.conversation order by t.at, t.turn) as place,
                exists (
                    select from events n
                    where n.kind = 'NoticeShown' and n.user_id = t.user_id and n.at <= t.at + interval '1 second'
                        and n.at > t.at - %(every)s
                ) as noticed
            from turns t
        ), talks as (
            select conversation, bool_or(noticed) filter (where place = 1) as began, bool_and(noticed) as all_along
            from covered group by conversation
        ), asks as (
            select exists (
                select from events n where n.kind = 'NoticeShown' and n.user_id = e.user_id
                    and n.data ->> 'turn_id' = e.data ->> 'turn_id'
            ) as told
            from events e
            where e.kind = 'RailTripped' and e.data ->> 'rail' = 'asks_human' and e.data ->> 'side' = 'input'
                and e.at >= %(since)s and e.at < %(until)s and e.user_id is not null
        )
        select (select count(*) from talks), (select avg(began::int) from talks),
            (select avg(all_along::int) from talks),
            (select count(*) from asks), (select avg(told::int) from asks)
    """
    cursor = await conn.execute(query, {"since": since, "until": until, "every": every})
    row = await cursor.fetchone()
    assert row is not None
    talks, began, all_along, asked, told = row
    return Notices(
        conversations=talks,
        at_start=_share(began),
        throughout=_share(all_along),
        asked=asked,
        when_asked=_share(told),
        interval_minutes=int(every.total_seconds() // 60),
    )


@dataclass(frozen=True, slots=True)
class Check:
    """The same referrals counted where they are written down."""

    ledger: int
    incidents: int
    """Referrals counted on incidents: one for each line."""
    crisis_incidents: int
    alerts: int
    """Events that tell of a crisis incident being opened; an erased person's are gone."""
    agree: bool


async def reconcile(conn: Connection) -> Check:
    """Whether ledger, incidents and events agree: every line on one incident, no more alerts than incidents."""
    query = """
        select (select count(*) from referral_ledger),
            (select coalesce(sum(referrals), 0) from incidents),
            (select count(*) from incidents where level = 'crisis'),
            (select count(*) from events where kind = 'IncidentChanged' and data ->> 'level' = 'crisis'
                and data ->> 'state' = 'open' and data ->> 'made_by' = 'turn')
    """
    row = await (await conn.execute(query)).fetchone()
    assert row is not None
    lines, referrals, opened, alerts = row
    return Check(lines, referrals, opened, alerts, agree=lines == referrals and alerts <= opened)


async def _referrals(conn: Connection, year: int) -> Sequence[tuple[int, str, int]]:
    """Month, kind and count of a year's lines."""
    query = """
        select extract(month from day)::int, kind, count(*) from referral_ledger
        where day >= make_date(%s, 1, 1) and day < make_date(%s + 1, 1, 1) group by 1, 2 order by 1, 2
    """
    return await (await conn.execute(query, (year, year))).fetchall()


def _share(value: object) -> float | None:
    return None if value is None else round(float(str(value)), 4)
