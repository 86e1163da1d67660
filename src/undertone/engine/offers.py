"""Offers: the platform's paid items, and the one gate that decides whether one may be mentioned beside a reply.

    decision = offers.decide(facts, catalogue)        # pure; `decision.reason` says why, passed or not

What it names is shown as a marked card by the client. No model hears of it, no persona speaks of it, and which item
comes and at what price does not depend on who somebody is. Knows no SQL and no HTTP.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from undertone.engine.strategies import Offers
from undertone.errors import Unprocessable

MARK = "Paid offer from the platform, the same price for everyone"
EARLY = 6
"""Messages of theirs in a conversation before one may come unasked."""
GAP = timedelta(hours=24)
WEEK = timedelta(days=7)
AGAIN = timedelta(days=30)
"""Before the same item is mentioned to the same person once more, unless they ask."""
REST = timedelta(hours=24)
"""After a sign of strain nothing is offered for this long, even when they are cheerful an hour later."""
AFTER_BREAK = timedelta(hours=24)
RESTING = frozenset({"care", "low_mood", "intoxication", "debt", "guilt", "compulsion", "loneliness", "distress"})
"""Codes of the policy that bring a rest."""

_ASKS = re.compile(
    r"\b(what|how much|does|do|is|are|can i|could i|may i|where)\b[^.!?]*"
    r"\b(cost|costs|price|prices|pricing|pay|paid|buy|purchase|subscribe|subscription|premium|upgrade|free|for sale)\b",
    re.I,
)
_NOT_ASKING = re.compile(
    r"\b(free (time|today|tonight|tomorrow|now)|are you free|pay attention|pay (my|the) \w+)\b", re.I
)


@dataclass(frozen=True, slots=True)
class Offer:
    """One paid item as the platform registered it. `price` is text and is never computed with."""

    offer_id: str
    title: str
    description: str
    price: str
    currency: str
    url: str
    personas: tuple[str, ...] = ()
    """Beside whose replies it may come; empty: everyone's."""
    cues: tuple[str, ...] = ()
    """Words by which somebody asks for just this item."""
    active: bool = True

    def shown(self) -> dict[str, Any]:
        """What a client gets: the catalogue's own words and price, and the mark."""
        return {
            "id": self.offer_id,
            "title": self.title,
            "description": self.description,
            "price": self.price,
            "currency": self.currency,
            "url": self.url,
            "mark": MARK,
        }


@dataclass(frozen=True, slots=True)
class Facts:
    """All the gate may know. Of what somebody spends only whether their own limit is reached, which closes it."""

    now: datetime
    text: str
    consents: bool
    permitted: Offers
    """What the policy's choice left."""
    closed: tuple[str, ...] = ()
    """Codes of what forbids it, from the policy."""
    said: int = 0
    """Messages of theirs in this conversation, this one included."""
    rest_until: datetime | None = None
    break_until: datetime | None = None
    """When their last cool-down or self-exclusion ended or ends."""
    mentioned: Mapping[str, datetime] = field(default_factory=dict[str, datetime])
    """When each item was last mentioned to them."""
    at_spend_limit: bool = False
    """A limit of spending that they or their platform set is reached."""
    in_week: int = 0
    in_conversation: int = 0
    last_at: datetime | None = None
    per_week: int = 2


@dataclass(frozen=True, slots=True)
class Decision:
    """One item, or none; the first reason against it in a fixed order, or `asked` or `due`; and all reasons against."""

    offer: Offer | None
    reason: str
    against: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return self.offer is not None

    @property
    def rests(self) -> bool:
        """Whether what was seen keeps offers away for a while."""
        return bool(RESTING & set(self.against))


def decide(facts: Facts, catalogue: Sequence[Offer]) -> Decision:
    """The gate. Every reason is looked at, so that the log shows all of them; any one of them is enough."""
    asked = asks(facts.text, catalogue)
    against = [*facts.closed]
    if not facts.consents:
        against.append("no_consent")
    if facts.permitted == "never" and not facts.closed:
        against.append("strategy")
    if facts.permitted == "asked" and not asked:
        against.append("not_asked")
    if facts.break_until is not None and facts.now < facts.break_until + AFTER_BREAK:
        against.append("cool_down")
    if facts.rest_until is not None and facts.now < facts.rest_until:
        against.append("rest")
    if facts.at_spend_limit:
        against.append("spend_limit")
    if facts.said < EARLY and not asked:
        against.append("early")
    if facts.in_conversation:
        against.append("once_a_conversation")
    if facts.last_at is not None and facts.now < facts.last_at + GAP:
        against.append("once_a_day")
    if facts.in_week >= facts.per_week:
        against.append("weekly_cap")
    chosen = _pick(facts, catalogue, asked)
    if chosen is None:
        against.append("nothing_new")
    if against or chosen is None:
        return Decision(None, against[0], tuple(dict.fromkeys(against)))
    return Decision(chosen, "asked" if asked else "due")


def asks(text: str, catalogue: Sequence[Offer] = ()) -> bool:
    """Whether a message asks about what can be bought: plainly, or by an item's own cue."""
    if _ASKS.search(text) and not _NOT_ASKING.search(text):
        return True
    return any(_names(offer, text) for offer in catalogue)


def _names(offer: Offer, text: str) -> bool:
    return any(re.search(rf"\b{re.escape(cue)}\b", text, re.I) for cue in offer.cues if cue)


def _pick(facts: Facts, catalogue: Sequence[Offer], asked: bool) -> Offer | None:
    """The item they named, else the one not mentioned for longest; by its id where nothing else decides."""
    fresh = [
        offer
        for offer in catalogue
        if (asked and _names(offer, facts.text))
        or offer.offer_id not in facts.mentioned
        or facts.now >= facts.mentioned[offer.offer_id] + AGAIN
    ]
    never = datetime.min.replace(tzinfo=facts.now.tzinfo)
    order = sorted(
        fresh,
        key=lambda offer: (
            not _names(offer, facts.text),
            facts.mentioned.get(offer.offer_id, never),
            offer.offer_id,
        ),
    )
    return order[0] if order else None


def check(offer: Offer) -> Offer:
    """An item as it may be kept. Raises Unprocessable for what a marked card cannot honestly show."""
    if not re.fullmatch(r"https://[^\s\"<>\\]{3,500}", offer.url):
        raise Unprocessable("`url` leads to the platform's own page for the item: https, at most 508 characters.")
    if pressing := _PRESSING.search(f"{offer.title} {offer.description}"):
        raise Unprocessable(
            f"An offer may not press: take out “{pressing.group()}”. Say what it is and what it costs, nothing more."
        )
    return offer


_PRESSING = re.compile(
    r"\b(only today|today only|last chance|hurry|limited time|ends (tonight|soon|today)|before it'?s (gone|too late)"
    r"|don'?t miss|act now|running out|only \d+ left|she misses you|he misses you|misses you|needs you|lonely)\b",
    re.I,
)
