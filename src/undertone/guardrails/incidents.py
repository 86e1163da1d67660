"""Incidents: what an operator should look at, with a state and no text of the person.

    await incidents.refer(conn, ..., alert=duties.alert_operator)     # with each line of the referral ledger
    await incidents.move(conn, incident_id, "seen", by="key 0a1b2c", note="called back", now=now)

Each line of the ledger belongs to one incident, so that both counts agree. Knows no turn and no model.
"""

from datetime import datetime, timedelta
from uuid import UUID

from uuid_utils.compat import uuid7

from undertone import events
from undertone.errors import NotFound, Unprocessable
from undertone.guardrails import incidents_store as store
from undertone.guardrails import webhooks
from undertone.guardrails.incidents_store import Incident, State, Tally
from undertone.resources import Connection

__all__ = ["Incident", "State", "Tally", "list_all", "move", "opened", "refer", "see", "tally"]

LONGEST_NOTE = 2_000
MOST = 500


async def refer(
    conn: Connection,
    *,
    user_id: UUID,
    conversation_id: UUID,
    persona_id: str,
    kind: str,
    country: str,
    now: datetime,
    alert: bool,
    told: bool,
) -> None:
    """Count one referral on the person's running incident, or open one: when `alert` is due, or there is none yet.

    `told`: a webhook is set up, and is to hear of a new one.
    """
    if not alert and await store.count_referral(conn, user_id, now):
        return
    await opened(
        conn,
        user_id=user_id,
        conversation_id=conversation_id,
        persona_id=persona_id,
        kind=kind,
        level="crisis",
        country=country,
        now=now,
        referrals=1,
        told=told,
    )


async def opened(
    conn: Connection,
    *,
    user_id: UUID,
    conversation_id: UUID,
    persona_id: str,
    kind: str,
    level: str,
    country: str,
    now: datetime,
    referrals: int = 0,
    told: bool,
) -> UUID:
    """Open an incident, tell the log, and queue the webhook. Returns its id."""
    incident_id = uuid7()
    await store.add_incident(
        conn,
        incident_id,
        user_id=user_id,
        conversation_id=conversation_id,
        persona_id=persona_id,
        kind=kind,
        level=level,
        country=country,
        now=now,
        referrals=referrals,
    )
    event = events.IncidentChanged(
        user_id=user_id, incident_id=incident_id, incident_kind=kind, level=level, state="open", made_by="turn"
    )
    await events.record(conn, event)
    if told:
        await webhooks.tell(conn, "incident.opened", incident_id, now)
    return incident_id


async def list_all(
    conn: Connection, *, state: str | None = None, since: datetime | None = None, limit: int = 100
) -> list[Incident]:
    """Incidents, the newest first."""
    return await store.list_incidents(conn, state=state, since=since, limit=min(limit, MOST))


async def move(
    conn: Connection, incident_id: UUID, state: State, *, by: str, note: str | None, now: datetime
) -> Incident:
    """Acknowledge (`seen`), close or open an incident again. Raises NotFound, or Unprocessable for a long note."""
    if note is not None and len(note) > LONGEST_NOTE:
        raise Unprocessable(f"A note has at most {LONGEST_NOTE:,} characters.")
    found = await store.find_incident(conn, incident_id)
    if found is None:
        raise NotFound(f"There is no incident {incident_id}.")
    if found.state == "closed" and state == "seen":
        raise Unprocessable("This incident is closed. Open it again before marking it as seen.")
    await store.move_incident(conn, incident_id, state, by, note, now)
    event = events.IncidentChanged(
        incident_id=incident_id, incident_kind=found.kind, level=found.level, state=state, made_by="operator"
    )
    await events.record(conn, event)
    moved = await store.find_incident(conn, incident_id)
    assert moved is not None
    return moved


async def see(conn: Connection, incident_id: UUID, *, by: str, now: datetime) -> None:
    """An operator is on it: seen, unless it is closed already."""
    found = await store.find_incident(conn, incident_id)
    if found is not None and found.state == "open":
        await move(conn, incident_id, "seen", by=by, note=None, now=now)


async def tally(conn: Connection) -> Tally:
    """How many wait, since when, and whether incidents and ledger agree."""
    return await store.tally(conn)


UNSEEN_TOO_LONG = timedelta(hours=1)
"""An incident that nobody has looked at for so long is for the doctor to say."""
