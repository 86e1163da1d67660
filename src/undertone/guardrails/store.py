"""The guardrails' rows: care states, admissions, the referral ledger. All SQL of this room.

Writes only ever move a person's moments forward (`greatest`), so concurrent replicas agree whatever their order.
Knows no rules: `care`, `limits` and `ledger` do.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from psycopg.rows import class_row, dict_row

from undertone.guardrails import incidents_store, limits_store
from undertone.guardrails.care import CareState
from undertone.resources import Connection


async def load_care(conn: Connection, user_id: UUID) -> tuple[CareState, datetime]:
    """The person's care state (a blank one for somebody new) and the database's clock, which all replicas share."""
    query = """
        select clock_timestamp(), c.crisis_at, c.concern_at, c.referred_at, c.alerted_at, c.checked_in_at,
               c.romance_until, c.offers_until, c.disclosed_at, c.followed_up_at, c.kind
        from (values (1)) as one left join care_states c on c.user_id = %s
    """
    row = await (await conn.execute(query, (user_id,))).fetchone()
    assert row is not None
    return CareState(*row[1:]), row[0]


async def save_care(conn: Connection, user_id: UUID, state: CareState) -> None:
    """Merge `state` into the stored one (see `care.merge`): the later of each moment."""
    query = """
        insert into care_states as c (user_id, crisis_at, concern_at, referred_at, alerted_at, checked_in_at,
                                      romance_until, offers_until, disclosed_at, followed_up_at, kind)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        on conflict (user_id) do update set
            kind = case when greatest(c.crisis_at, c.concern_at) > greatest(excluded.crisis_at, excluded.concern_at)
                        then c.kind else coalesce(excluded.kind, c.kind) end,
            crisis_at     = greatest(c.crisis_at, excluded.crisis_at),
            concern_at    = greatest(c.concern_at, excluded.concern_at),
            referred_at   = greatest(c.referred_at, excluded.referred_at),
            alerted_at    = greatest(c.alerted_at, excluded.alerted_at),
            checked_in_at = greatest(c.checked_in_at, excluded.checked_in_at),
            romance_until = greatest(c.romance_until, excluded.romance_until),
            offers_until  = greatest(c.offers_until, excluded.offers_until),
            disclosed_at  = greatest(c.disclosed_at, excluded.disclosed_at),
            followed_up_at = greatest(c.followed_up_at, excluded.followed_up_at)
    """
    s = state
    moments = (s.crisis_at, s.concern_at, s.referred_at, s.alerted_at, s.checked_in_at)
    moments += (s.romance_until, s.offers_until, s.disclosed_at, s.followed_up_at)
    await conn.execute(query, (user_id, *moments, s.kind))


@dataclass(frozen=True, slots=True)
class Admission:
    """What a person has sent in the running minute and day, this message included, and what is closed to them."""

    minute_began: datetime
    minute_count: int
    day_began: datetime
    day_count: int
    cooldown_until: datetime | None
    excluded_until: datetime | None
    active_s: int
    """Seconds of conversation in the running day."""
    unbroken_since: datetime
    """When the talking that has not paused since began."""
    break_said_at: datetime | None
    limits: dict[str, Any] | None
    """Rows of person_limits by who set them."""
    contact_stopped: bool


async def count_message(
    conn: Connection, user_id: UUID, now: datetime, *, together: timedelta, pause: timedelta
) -> Admission:
    """Count one message at `now`. A minute or day begins with its first message; a clock set back begins none.

    Time between two messages at most `together` apart counts as conversation, a message by itself as a minute: who
    waits between messages reaches a limit too. After `pause` the talking begins anew.
    """
    query = """
        with counted as (
            insert into admissions as a (user_id, minute_began, minute_count, day_began, day_count, last_at,
                                         unbroken_since)
            values (%(user)s, %(now)s, 1, %(now)s, 1, %(now)s, %(now)s)
            on conflict (user_id) do update set
                minute_began = case when %(now)s < a.minute_began + interval '1 min' then a.minute_began
                                    else %(now)s end,
                minute_count = case when %(now)s < a.minute_began + interval '1 min' then a.minute_count else 0 end + 1,
                day_began    = case when %(now)s < a.day_began + interval '1 day' then a.day_began else %(now)s end,
                day_count    = case when %(now)s < a.day_began + interval '1 day' then a.day_count else 0 end + 1,
                active_s     = case when %(now)s < a.day_began + interval '1 day' then a.active_s + case
                                    when %(now)s - a.last_at > %(together)s then 60
                                    else greatest(0, extract(epoch from %(now)s - a.last_at))::integer end
                                    else 0 end,
                unbroken_since = case when a.unbroken_since is null or %(now)s - a.last_at >= %(pause)s then %(now)s
                                      else a.unbroken_since end,
                last_at      = greatest(a.last_at, %(now)s)
            returning minute_began, minute_count, day_began, day_count, cooldown_until, excluded_until, active_s,
                unbroken_since, break_said_at
        )
        select c.*, (select jsonb_object_agg(set_by, to_jsonb(l)) from person_limits l where l.user_id = %(user)s)
            as limits, exists (select from contact_stops s where s.user_id = %(user)s) as contact_stopped
        from counted c
    """
    values = {"user": user_id, "now": now, "together": together, "pause": pause}
    async with conn.cursor(row_factory=class_row(Admission)) as cursor:
        await cursor.execute(query, values)
        row = await cursor.fetchone()
    assert row is not None
    return row


async def note_break(conn: Connection, user_id: UUID, now: datetime) -> None:
    """A break was suggested."""
    await conn.execute("update admissions set break_said_at = %s where user_id = %s", (now, user_id))


@dataclass(frozen=True, slots=True)
class Use:
    """How much somebody has been here, and what is closed to them."""

    day_began: datetime | None = None
    active_s: int = 0
    cooldown_until: datetime | None = None
    excluded_until: datetime | None = None


async def use(conn: Connection, user_id: UUID) -> Use:
    async with conn.cursor(row_factory=class_row(Use)) as cursor:
        await cursor.execute(
            "select day_began, active_s, cooldown_until, excluded_until from admissions where user_id = %s", (user_id,)
        )
        return await cursor.fetchone() or Use()


async def last_break(conn: Connection, user_id: UUID) -> datetime | None:
    """When the person's latest cool-down or self-exclusion ends or ended; None when there never was one."""
    cursor = await conn.execute(
        "select greatest(cooldown_until, excluded_until) from admissions where user_id = %s", (user_id,)
    )
    row = await cursor.fetchone()
    return row[0] if row else None


async def extend_cooldown(conn: Connection, user_id: UUID, until: datetime) -> datetime:
    """Move the end of the break to `until` unless it already ends later. Returns the end that holds."""
    query = """
        insert into admissions as a (user_id, cooldown_until) values (%s, %s)
        on conflict (user_id) do update set cooldown_until = greatest(a.cooldown_until, excluded.cooldown_until)
        returning cooldown_until
    """
    row = await (await conn.execute(query, (user_id, until))).fetchone()
    assert row is not None
    return row[0]


async def extend_exclusion(conn: Connection, user_id: UUID, until: datetime) -> datetime:
    """Move the end of the self-exclusion to `until` unless it already ends later. Returns the end that holds."""
    query = """
        insert into admissions as a (user_id, excluded_until) values (%s, %s)
        on conflict (user_id) do update set excluded_until = greatest(a.excluded_until, excluded.excluded_until)
        returning excluded_until
    """
    row = await (await conn.execute(query, (user_id, until))).fetchone()
    assert row is not None
    return row[0]


@dataclass(frozen=True, slots=True)
class Referral:
    """One line of the ledger. `previous` and `seal` are 32 bytes."""

    number: int
    day: date
    kind: str
    level: str
    country: str
    previous: bytes
    seal: bytes


async def append_referral(conn: Connection, day: date, kind: str, level: str, country: str) -> int:
    """Add a line; the database numbers and seals it. Returns its number. Others wait until this transaction ends."""
    query = "insert into referral_ledger (day, kind, level, country) values (%s, %s, %s, %s) returning number"
    row = await (await conn.execute(query, (day, kind, level, country))).fetchone()
    assert row is not None
    return row[0]


async def referrals(conn: Connection, after: int, limit: int) -> list[Referral]:
    """At most `limit` lines following number `after`, in order."""
    query = """
        select number, day, kind, level, country, previous, seal
        from referral_ledger where number > %s order by number limit %s
    """
    async with conn.cursor(row_factory=class_row(Referral)) as cursor:
        await cursor.execute(query, (after, limit))
        return await cursor.fetchall()


async def count_referrals(conn: Connection, year: int) -> dict[tuple[str, str], int]:
    """How many lines a year has, by (kind, country)."""
    query = """
        select kind, country, count(*) from referral_ledger
        where day >= make_date(%s, 1, 1) and day < make_date(%s + 1, 1, 1) group by kind, country order by kind, country
    """
    rows = await (await conn.execute(query, (year, year))).fetchall()
    return {(kind, country): count for kind, country, count in rows}


async def export_care(conn: Connection, user_id: UUID) -> list[dict[str, Any]]:
    """What care_states holds about a person."""
    return await _rows(conn, "select * from care_states where user_id = %s", user_id)


async def erase_care(conn: Connection, user_id: UUID) -> int:
    """Forget a person's care state. Returns the number of rows."""
    return (await conn.execute("delete from care_states where user_id = %s", (user_id,))).rowcount


async def export_admissions(conn: Connection, user_id: UUID) -> list[dict[str, Any]]:
    """What admissions holds about a person."""
    return await _rows(conn, "select * from admissions where user_id = %s", user_id)


async def erase_admissions(conn: Connection, user_id: UUID) -> int:
    """Forget a person's counters and pauses. Returns the number of rows."""
    return (await conn.execute("delete from admissions where user_id = %s", (user_id,))).rowcount


async def _rows(conn: Connection, query: Any, user_id: UUID) -> list[dict[str, Any]]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query, (user_id,))
        return await cursor.fetchall()


HOLDINGS: Final = {
    **incidents_store.HOLDINGS,
    **limits_store.HOLDINGS,
    "care_states": (export_care, erase_care),
    "admissions": (export_admissions, erase_admissions),
}
"""What this room holds about a person, by table: how to export and how to erase it."""
