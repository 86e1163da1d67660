"""What a verdict obliges us to, written down in the transaction that admits a message or settles a second look.

    await duties.carry_out(conn, engine, begun, state)

The care state moves on, the referral stands in the ledger, the log hears which rails fired. Says nothing to anybody:
the turn does. Knows no model and no HTTP.
"""

from undertone import events, guardrails, observability
from undertone.engine.nouns import Begun, Engine
from undertone.guardrails.care import CareState
from undertone.resources import Connection


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
