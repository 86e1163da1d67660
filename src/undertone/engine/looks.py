"""The second look inside a turn: beside the short read, so that it adds little, settled in its own transaction.

    due = looks.due(engine, verdict, state, now)        # at admission: what holds whatever it says is acted on at once
    begun = await looks.take(engine, begun)             # while recall runs

Until it is settled the turn's row says that it is due, so that a process that dies leaves the careful verdict behind.
Knows no prompt: `guardrails.second_look` does.
"""

from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from undertone import events, guardrails
from undertone.db import transaction
from undertone.engine import duties, store
from undertone.engine.nouns import Begun, Due, Engine
from undertone.engine.store import TurnRow
from undertone.guardrails import second_look
from undertone.guardrails.care import CareState
from undertone.llm.clerk import model_asked
from undertone.resources import Connection
from undertone.types import Verdict


def due(engine: Engine, first: Verdict, state: CareState, now: datetime) -> Due | None:
    """The look this message is owed; None where none is connected or none could change anything."""
    calm = state.calm(now)
    if engine.resources.look is None or not second_look.wanted(first, calm=calm):
        return None
    return Due(first, calm)


def due_again(why: dict[str, Any]) -> Due | None:
    """The look that a turn still owes, as its row has it."""
    found = why.get("look_due")
    return Due(_verdict(found["first"]), found["calm"]) if found else None


def verdict_of(why: dict[str, Any]) -> Verdict:
    """The verdict a turn's row holds, as it stood after every look at it."""
    return _verdict(why["verdict"])


def note(begun: Begun) -> dict[str, Any]:
    """What the turn's row says of a look that is due."""
    return {"look_due": {"first": asdict(begun.due.first), "calm": begun.due.calm}} if begun.due else {}


async def take(engine: Engine, begun: Begun) -> Begun:
    """Take the look this turn owes, if any, and act on it. Returns the turn as it stands then."""
    clerk = engine.resources.look
    if begun.due is None or clerk is None:
        return begun
    asked = await second_look.ask(clerk, begun.message.text)
    final = second_look.settle(begun.due.first, asked.look, calm=begun.due.calm)
    async with transaction(engine.resources.db) as conn:
        if not await store.holds_turn(conn, begun.person.user_id, begun.turn_id, engine.live.replica_id):
            return replace(begun, due=None)
        settled = await _act(conn, engine, begun, final)
        await _log(conn, begun, final, asked)
        await store.note_why(
            conn,
            begun.person.user_id,
            begun.turn_id,
            {"duties": asdict(settled.duties), "verdict": asdict(final), "look_due": None},
        )
    return settled


async def abandon(conn: Connection, engine: Engine, row: TurnRow) -> None:
    """A process died before the look came: what a failed look leaves is what the person is owed from now on."""
    if (owed := due_again(row.why)) is None:
        return
    final = second_look.settle(owed.first, None, calm=owed.calm)
    state, now = await guardrails.load_care(conn, row.user_id)
    state, _ = guardrails.care.advance(state, replace(final, asks_human=False), now, notice_every=engine.notice_every)
    await guardrails.save_care(conn, row.user_id, state)
    if final.crisis == "crisis":  # nobody said the words, so there is no referral; an operator should look
        await guardrails.incidents.opened(
            conn,
            user_id=row.user_id,
            conversation_id=row.conversation_id,
            persona_id=row.persona_id,
            kind=guardrails.care.kind_of(final),
            level="crisis",
            country="",
            now=now,
            told=engine.resources.hook is not None,
        )


async def _act(conn: Connection, engine: Engine, begun: Begun, final: Verdict) -> Begun:
    """Advance the care state by what the look added to the floor; nothing is counted twice."""
    if final.crisis == begun.verdict.crisis:
        return replace(begun, verdict=final, due=None)
    state, now = await guardrails.load_care(conn, begun.person.user_id)
    # The notice was settled at admission; asked about again it would be said twice.
    state, owed = guardrails.care.advance(
        state, replace(final, asks_human=False), now, notice_every=engine.notice_every
    )
    settled = replace(
        begun,
        verdict=final,
        duties=replace(owed, disclose=begun.duties.disclose, contact=begun.duties.contact),
        due=None,
    )
    await duties.carry_out(conn, engine, settled, state, settled=True)
    return settled


async def _log(conn: Connection, begun: Begun, final: Verdict, asked: second_look.Asked) -> None:
    assert begun.due is not None
    user_id, usage = begun.person.user_id, asked.usage
    outcome = "ok" if asked.look else "failed"
    await events.record(
        conn,
        events.SecondLookTaken(
            user_id=user_id,
            turn_id=begun.turn_id,
            outcome=outcome,
            before=begun.due.first.crisis,
            after=final.crisis,
            about=asked.look.about if asked.look else None,
        ),
        model_asked(user_id, "second_look", outcome, usage, asked.ms),
    )


def _verdict(stored: dict[str, Any]) -> Verdict:
    fields: dict[str, Any] = {**stored, "reasons": tuple(stored["reasons"])}
    return Verdict(**fields)
