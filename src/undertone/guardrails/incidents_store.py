"""The rows of incidents and of what is told about them. Knows no rule and no HTTP.

An incident outlives the person: erasing somebody takes who it was out of it and leaves the count.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from psycopg.rows import class_row, dict_row

from undertone.resources import Connection

State = Literal["open", "seen", "closed"]


@dataclass(frozen=True, slots=True)
class Incident:
    """One thing an operator should look at. Nobody's words are in it."""

    id: UUID
    user: str | None
    """The platform's id for the person; None once they were erased."""
    conversation_id: UUID | None
    persona_id: str | None
    kind: str
    level: str
    country: str
    opened_at: datetime
    latest_at: datetime
    referrals: int
    state: State
    seen_at: datetime | None
    seen_by: str | None
    closed_at: datetime | None
    closed_by: str | None
    note: str


async def count_referral(conn: Connection, user_id: UUID, now: datetime) -> bool:
    """One more referral for the person's latest crisis; False when there is none of theirs."""
    cursor = await conn.execute(
        """
        update incidents set referrals = referrals + 1, latest_at = greatest(latest_at, %s)
        where id = (select id from incidents where user_id = %s and level = 'crisis' order by opened_at desc limit 1)
        """,
        (now, user_id),
    )
    return cursor.rowcount == 1


async def add_incident(
    conn: Connection,
    incident_id: UUID,
    *,
    user_id: UUID,
    conversation_id: UUID,
    persona_id: str,
    kind: str,
    level: str,
    country: str,
    now: datetime,
    referrals: int,
) -> None:
    await conn.execute(
        """
        insert into incidents (id, user_id, conversation_id, persona_id, kind, level, country, opened_at, latest_at,
                               referrals)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (incident_id, user_id, conversation_id, persona_id, kind, level, country, now, now, referrals),
    )


async def find_incident(conn: Connection, incident_id: UUID) -> Incident | None:
    """One incident, held until the transaction ends."""
    async with conn.cursor(row_factory=class_row(Incident)) as cursor:
        await cursor.execute(
            """
            select i.id, u.external_id as user, i.conversation_id, i.persona_id, i.kind, i.level, i.country,
                i.opened_at, i.latest_at, i.referrals, i.state, i.seen_at, i.seen_by, i.closed_at, i.closed_by, i.note
            from incidents i left join users u on u.user_id = i.user_id where i.id = %s for update of i
            """,
            (incident_id,),
        )
        return await cursor.fetchone()


async def list_incidents(conn: Connection, *, state: str | None, since: datetime | None, limit: int) -> list[Incident]:
    """The newest first."""
    async with conn.cursor(row_factory=class_row(Incident)) as cursor:
        await cursor.execute(
            """
            select i.id, u.external_id as user, i.conversation_id, i.persona_id, i.kind, i.level, i.country,
                i.opened_at, i.latest_at, i.referrals, i.state, i.seen_at, i.seen_by, i.closed_at, i.closed_by, i.note
            from incidents i left join users u on u.user_id = i.user_id
            where (%(state)s::text is null or i.state = %(state)s)
                and (%(since)s::timestamptz is null or i.opened_at >= %(since)s)
            order by i.opened_at desc, i.id desc limit %(limit)s
            """,
            {"state": state, "since": since, "limit": limit},
        )
        return await cursor.fetchall()


async def move_incident(
    conn: Connection, incident_id: UUID, state: State, by: str, note: str | None, now: datetime
) -> None:
    """Acknowledge, close or open again; a note replaces the one before."""
    await conn.execute(
        """
        update incidents set state = %(state)s, note = coalesce(%(note)s, note),
            seen_at = case when %(state)s = 'open' then null else coalesce(seen_at, %(now)s) end,
            seen_by = case when %(state)s = 'open' then null else coalesce(seen_by, %(by)s) end,
            closed_at = case when %(state)s = 'closed' then %(now)s end,
            closed_by = case when %(state)s = 'closed' then %(by)s end
        where id = %(id)s
        """,
        {"id": incident_id, "state": state, "by": by, "note": note, "now": now},
    )


@dataclass(frozen=True, slots=True)
class Tally:
    """Incidents and the ledger side by side."""

    waiting: int
    """Neither seen nor closed."""
    oldest: datetime | None
    """When the one that waits longest was opened."""
    referrals: int
    """Counted on incidents."""
    ledger: int
    """Lines of the referral ledger."""


async def tally(conn: Connection) -> Tally:
    """The counts that must agree: every line of the ledger belongs to one incident."""
    async with conn.cursor(row_factory=class_row(Tally)) as cursor:
        await cursor.execute(
            """
            select count(*) filter (where state = 'open') as waiting,
                min(opened_at) filter (where state = 'open') as oldest, coalesce(sum(referrals), 0) as referrals,
                (select count(*) from referral_ledger) as ledger
            from incidents
            """
        )
        row = await cursor.fetchone()
    assert row is not None
    return row


# --- what is told about them ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Delivery:
    """One thing to tell the platform's address."""

    id: str
    kind: str
    incident_id: UUID
    created_at: datetime
    attempts: int
    delivered_at: datetime | None
    given_up_at: datetime | None
    problem: str


async def add_delivery(conn: Connection, delivery_id: str, kind: str, incident_id: UUID, now: datetime) -> None:
    await conn.execute(
        "insert into webhook_deliveries (id, kind, incident_id, created_at) values (%s, %s, %s, %s)",
        (delivery_id, kind, incident_id, now),
    )


async def find_delivery(conn: Connection, delivery_id: str) -> Delivery | None:
    async with conn.cursor(row_factory=class_row(Delivery)) as cursor:
        await cursor.execute(
            """
            select id, kind, incident_id, created_at, attempts, delivered_at, given_up_at, problem
            from webhook_deliveries where id = %s
            """,
            (delivery_id,),
        )
        return await cursor.fetchone()


async def note_try(conn: Connection, delivery_id: str, *, problem: str, given_up: bool, now: datetime) -> None:
    """Keep how a try went; no problem means that it was heard."""
    await conn.execute(
        """
        update webhook_deliveries set attempts = attempts + 1, tried_at = %(now)s, problem = %(problem)s,
            delivered_at = case when %(problem)s = '' then %(now)s end,
            given_up_at = case when %(given_up)s then %(now)s end
        where id = %(id)s
        """,
        {"id": delivery_id, "problem": problem, "given_up": given_up, "now": now},
    )


async def stuck_deliveries(conn: Connection, before: datetime, limit: int = 20) -> list[Delivery]:
    """Deliveries made before a moment that nobody heard, the oldest first; those given up on among them."""
    async with conn.cursor(row_factory=class_row(Delivery)) as cursor:
        await cursor.execute(
            """
            select id, kind, incident_id, created_at, attempts, delivered_at, given_up_at, problem
            from webhook_deliveries where delivered_at is null and created_at < %s order by created_at limit %s
            """,
            (before, limit),
        )
        return await cursor.fetchall()


# --- export and erase ----------------------------------------------------------------------------------------------


async def export_incidents(conn: Connection, user_id: UUID) -> list[dict[str, Any]]:
    """What incidents hold about a person, operators' notes included."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            """
            select id, conversation_id, persona_id, kind, level, opened_at, latest_at, referrals, state, note
            from incidents where user_id = %s order by opened_at
            """,
            (user_id,),
        )
        return await cursor.fetchall()


async def erase_incidents(conn: Connection, user_id: UUID) -> int:
    """Take who it was, where, and what was noted out of a person's incidents; the count stays. Returns how many."""
    cursor = await conn.execute(
        """
        update incidents set user_id = null, conversation_id = null, persona_id = null, note = '' where user_id = %s
        """,
        (user_id,),
    )
    return cursor.rowcount


HOLDINGS: Final = {"incidents": (export_incidents, erase_incidents)}
"""How the rows about a person are exported and erased."""
