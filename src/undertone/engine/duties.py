"""What a verdict obliges us to, written down in the transaction that admits a message or settles a second look.

    await duties.carry_out(conn, engine, begun, state)

The care state moves on, the referral stands in the ledger, the log hears which rails fired. Says nothing to anybody:
the turn does. Knows no model and no HTTP.
"""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from undertone import events, guardrails, observability
from undertone.engine.nouns import Begun, Engine
from undertone.guardrails.care import CareState, Duties
from undertone.resources import Connection


async def admit(conn: Connection, engine: Engine, user_id: UUID, now: datetime) -> guardrails.limits.Admitted:
    """Count one message under every limit there is. Raises LimitReached."""
    return await guardrails.limits.admit(
        conn,
        user_id,
        now,
        per_minute=engine.per_minute,
        per_day=engine.per_day,
        minutes_a_day=engine.minutes_a_day,
        break_after=engine.break_after,
    )


async def beside(
    conn: Connection,
    user_id: UUID,
    text: str,
    now: datetime,
    duties: Duties,
    admitted: guardrails.limits.Admitted,
    *,
    looked_at: bool,
) -> Duties:
    """What else this message brings: being written to no more, or again; a break, unless there is worse to speak of."""
    wishes = guardrails.wishes.of(text)
    if "stop" in wishes and await guardrails.limits_store.stop_contact(conn, user_id, "chat", now):
        duties = replace(duties, contact="stopped")
    elif "again" in wishes and await guardrails.limits_store.allow_contact(conn, user_id):
        duties = replace(duties, contact="again")
    if duties.contact:
        event = events.ContactChanged(user_id=user_id, allowed=duties.contact == "again", said="chat")
        await events.record(conn, event)
    calm = duties.level == "none" and not looked_at
    if admitted.break_due and calm:
        await guardrails.note_break(conn, user_id, now)
        duties = replace(duties, take_break=admitted.break_due)
    return duties


async def carry_out(conn: Connection, engine: Engine, begun: Begun, state: CareState, *, settled: bool = False) -> None:
    """Write down what this message brought. `settled`: a second look came after the admission, which told the rest."""
    user_id, turn_id, duties = begun.person.user_id, begun.turn_id, begun.duties
    await guardrails.save_care(conn, user_id, state)
    rails = {begun.verdict.crisis: begun.verdict.crisis != "none"}
    if not settled:
        rails |= {"injection": begun.verdict.injection, "asks_human": begun.verdict.asks_human}
    happened: list[events.Event] = []
    for rail in (name for name, fired in rails.items() if fired):
        happened.append(events.RailTripped(user_id=user_id, turn_id=turn_id, side="input", rail=rail))
        observability.VERDICTS.labels(rail=rail).inc()
    if duties.disclose and not settled:
        happened.append(events.NoticeShown(user_id=user_id, turn_id=turn_id, reason=duties.disclose))
    if duties.take_break and not settled:
        happened.append(events.BreakSuggested(user_id=user_id, turn_id=turn_id, minutes=duties.take_break))
    if duties.follow_up:
        kind = duties.kind or "suicidal"
        happened.append(events.CareFollowedUp(user_id=user_id, turn_id=turn_id, care_kind=kind))
    if duties.record_referral:
        kind, country = duties.kind or "suicidal", begun.person.country or ""
        await guardrails.ledger.record_referral(conn, begun.now.date(), kind=kind, country=country)
        await guardrails.incidents.refer(
            conn,
            user_id=user_id,
            conversation_id=begun.message.conversation_id,
            persona_id=begun.persona.persona_id,
            kind=kind,
            country=country,
            now=begun.now,
            alert=duties.alert_operator,
            told=engine.resources.hook is not None,
        )
    await events.record(conn, *happened)
