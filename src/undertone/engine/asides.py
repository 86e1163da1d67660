"""What may come beside a reply: one marked offer, one reminder they asked for. The persona speaks of neither to sell.

    found = await asides.look(conn, begun)                   # in the short read before the model speaks
    why |= await asides.settle(conn, begun, prepared, ...)   # in the closing transaction

Brings together gate, reminders and their rows, and puts every pass and refusal in the log. Knows no model.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from undertone import events, guardrails
from undertone.engine import offers, offers_store, policy, reminders, reminders_store
from undertone.engine.nouns import Aside, Begun, Engine, Prepared
from undertone.guardrails import own_limits
from undertone.resources import Connection


async def look(conn: Connection, begun: Begun) -> Aside:
    """The catalogue, what stands between this person and offers, and a reminder that this message asks for."""
    if not begun.shows_asides or begun.kind not in ("said", "edit"):  # the first reply to these words had its turn
        return Aside()
    if begun.duties.take_break or begun.duties.contact:  # a word about rest is not followed by one about buying
        return Aside()
    user_id, message = begun.person.user_id, begun.message
    catalogue = await offers_store.catalogue(conn, begun.persona.persona_id)
    standing, break_until, lefts = offers_store.Standing(), None, list[own_limits.Left]()
    if catalogue and "offers" in begun.person.consents:
        standing = await offers_store.standing(conn, user_id, message.conversation_id, begun.now)
        break_until = await guardrails.limits.last_break(conn, user_id)
        lefts = await spending_left(conn, user_id, begun.now)
    wish, place = None, reminders.Place()
    if _may_wish(begun) and reminders.mentions_one(message.text):
        place = await reminders_store.place_of(conn, user_id)
        wish = reminders.find(message.text, begun.now, place)
    return Aside(catalogue, standing, break_until, lefts, wish, place)


async def spending_left(conn: Connection, user_id: UUID, now: datetime) -> list[own_limits.Left]:
    """What is left under the person's spending limit and under their platform's, where there are any."""
    kept = await guardrails.limits_store.load_limits(conn, user_id)
    limits = [held for side in kept.values() if (held := side.at(now)).spending()]
    if not limits:
        return []
    spent = await offers_store.spent(conn, user_id, now)
    return [left for held in limits if (left := own_limits.left(held, spent)) is not None]


def _may_wish(begun: Begun) -> bool:
    """A reminder is for a plain day: not from words a rail stopped, not amid a crisis, and not after a no."""
    fresh = begun.message.turn_id == begun.turn_id
    calm = begun.duties.level == "none" and not begun.message.quarantined
    return fresh and calm and "reminders" not in begun.person.refused


def weigh(found: Aside, begun: Begun, choice: policy.Choice, said: int, per_week: int) -> offers.Decision | None:
    """The gate's decision for this turn; None on a platform that sells nothing beside this persona."""
    if not found.catalogue or per_week <= 0:
        return None
    stood = found.standing
    facts = offers.Facts(
        now=begun.now,
        text=begun.message.text,
        consents="offers" in begun.person.consents,
        permitted=choice.offers,
        closed=choice.closed,
        said=said,
        rest_until=stood.rest_until,
        break_until=found.break_until,
        mentioned=stood.mentioned,
        at_spend_limit=any(left.amount <= 0 for left in found.lefts),
        in_week=stood.in_week,
        in_conversation=stood.in_conversation,
        last_at=stood.last_at,
        per_week=per_week,
    )
    within = [offer for offer in found.catalogue if own_limits.affords(found.lefts, offer.price, offer.currency)]
    return offers.decide(facts, within)


async def settle(
    conn: Connection, begun: Begun, prepared: Prepared | None, *, whole: bool, engine: Engine
) -> dict[str, Any]:
    """Keep what came beside the reply, tell the log, and return what `turn.done` shows of it.

    `whole`: the reply came to its end and no rail cut it; nothing stands beside one that did not.
    """
    shown: dict[str, Any] = {}
    if prepared is None:  # fixed words were said
        if (
            begun.duties.say_crisis_words
            and begun.shows_asides
            and engine.offers_per_week
            and await offers_store.catalogue(conn, begun.persona.persona_id)
        ):
            await _log_offer(conn, begun, offers.Decision(None, "care", ("care",)))
        return shown
    if (decision := prepared.offer) is not None:
        if decision.offer is not None and not whole:
            decision = offers.Decision(None, "no_whole_reply", ("no_whole_reply",))
        if decision.offer is not None and not await _mention(conn, begun, decision.offer):
            decision = offers.Decision(None, "once_a_day", ("once_a_day",))
        if decision.offer is not None:
            shown["offer"] = decision.offer.shown() | {"reason": decision.reason}
        shown["offer_gate"] = {"reason": decision.reason, "against": list(decision.against)}
        await _log_offer(conn, begun, decision)
    if prepared.aside.wish is not None and whole:
        shown |= await _keep_wish(conn, begun, prepared.aside.wish, prepared.aside.place)
    return shown


async def _mention(conn: Connection, begun: Begun, offer: offers.Offer) -> bool:
    conversation_id = begun.message.conversation_id
    return await offers_store.mention(
        conn, user_id=begun.person.user_id, turn_id=begun.turn_id, conversation_id=conversation_id, offer=offer
    )


async def _log_offer(conn: Connection, begun: Begun, decision: offers.Decision) -> None:
    user_id = begun.person.user_id
    if decision.rests and "offers" in begun.person.consents:
        reason = "care" if "care" in decision.against else "strain"
        await offers_store.rest(conn, user_id, begun.now + offers.REST, reason)
    event = events.OfferWeighed(
        user_id=user_id,
        turn_id=begun.turn_id,
        passed=decision.passed,
        offer=decision.offer.offer_id if decision.offer else None,
        price=decision.offer.price if decision.offer else None,
        currency=decision.offer.currency if decision.offer else None,
        reason=decision.reason,
        against=list(decision.against),
    )
    await events.record(conn, event)


async def _keep_wish(conn: Connection, begun: Begun, wish: reminders.Wish, place: reminders.Place) -> dict[str, Any]:
    state = "set" if "reminders" in begun.person.consents else "proposed"
    reminder = reminders_store.Reminder(
        user_id=begun.person.user_id,
        id=uuid7(),
        persona_id=begun.persona.persona_id,
        turn_id=begun.turn_id,
        kind=wish.kind,
        words=wish.words,
        due_at=wish.due_at,
        state=state,
        created_at=begun.now,
    )
    if not await reminders_store.add(conn, reminder, reminders.MOST_OPEN):
        return {}
    await events.record(
        conn,
        events.ReminderChanged(
            user_id=reminder.user_id, reminder_id=reminder.id, reminder_kind=wish.kind, state=state, late_s=None
        ),
    )
    due_at = wish.due_at.isoformat()
    shown = {"id": str(reminder.id), "kind": wish.kind, "state": state, "due_at": due_at, "time_zone": place.time_zone}
    return {"reminder": shown}
