"""Limits that people set for themselves, or platforms for them: minutes a day, spending, when to suggest a break.

    minutes, break_after = holding(own, platforms)    # the stricter of both; pure
    kept = changed(kept, wanted, now)                 # tightened at once, loosened a day later

A limit is set in a calm hour for another one, so making it weaker takes LOOSEN_AFTER. A day, week and month are the
last 1, 7 and 30 times 24 hours. Knows no turn and nothing of what anybody earns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar

LOOSEN_AFTER: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Limits:
    """None means no limit. Amounts are in `currency` (ISO 4217), which they need."""

    minutes_a_day: int | None = None
    spend_a_day: Decimal | None = None
    spend_a_week: Decimal | None = None
    spend_a_month: Decimal | None = None
    currency: str | None = None
    break_after: int | None = None
    """Minutes of talking without a pause after which a break is suggested; 0 never, None as the platform has it."""

    def spending(self) -> dict[str, Decimal]:
        """The amounts that are set, by span."""
        amounts = {"day": self.spend_a_day, "week": self.spend_a_week, "month": self.spend_a_month}
        return {span: amount for span, amount in amounts.items() if amount is not None}

    def as_json(self) -> dict[str, Any]:
        return {name: str(value) if isinstance(value, Decimal) else value for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Kept:
    """What one side set: what holds, and what will from `later_at` on."""

    now: Limits = Limits()
    later: Limits | None = None
    later_at: datetime | None = None

    def at(self, moment: datetime) -> Limits:
        if self.later is not None and self.later_at is not None and moment >= self.later_at:
            return self.later
        return self.now


def from_json(stored: Mapping[str, Any]) -> Limits:
    """Limits as `as_json` wrote them."""
    amounts = {
        name: Decimal(value) for name, value in stored.items() if name.startswith("spend_") and value is not None
    }
    fields: dict[str, Any] = {**stored, **amounts}
    return Limits(**fields)


def changed(kept: Kept, wanted: Limits, moment: datetime) -> Kept:
    """What holds after somebody asked for `wanted`: the stricter parts at once, the whole of it a day later."""
    held = kept.at(moment)
    if not _loosens(held, wanted):
        return Kept(wanted)
    return Kept(_tighter(held, wanted), wanted, moment + LOOSEN_AFTER)


def holding(own: Limits, platforms: Limits) -> tuple[int | None, int]:
    """Minutes a day, the stricter of both; and the minutes after which a break is suggested, the person's to say."""
    told = own.break_after if own.break_after is not None else platforms.break_after
    return _lower(own.minutes_a_day, platforms.minutes_a_day), told or 0


def _amounts_of(limits: Limits, other: Limits) -> Limits:
    return replace(
        limits,
        spend_a_day=other.spend_a_day,
        spend_a_week=other.spend_a_week,
        spend_a_month=other.spend_a_month,
        currency=other.currency,
    )


def _tighter(held: Limits, wanted: Limits) -> Limits:
    """What of a change holds at once. Another currency waits: which of two amounts is less is not ours to say."""
    if held.spending() and held.currency != wanted.currency:
        wanted = _amounts_of(wanted, held)
    return replace(_least(held, wanted), break_after=wanted.break_after)


def _least(one: Limits, other: Limits) -> Limits:
    return Limits(
        minutes_a_day=_lower(one.minutes_a_day, other.minutes_a_day),
        spend_a_day=_lower(one.spend_a_day, other.spend_a_day),
        spend_a_week=_lower(one.spend_a_week, other.spend_a_week),
        spend_a_month=_lower(one.spend_a_month, other.spend_a_month),
        currency=one.currency or other.currency,
    )


def _loosens(held: Limits, wanted: Limits) -> bool:
    if held.spending() and held.currency != wanted.currency:
        return True
    pairs = (
        (held.minutes_a_day, wanted.minutes_a_day),
        (held.spend_a_day, wanted.spend_a_day),
        (held.spend_a_week, wanted.spend_a_week),
        (held.spend_a_month, wanted.spend_a_month),
    )
    return any(before is not None and (after is None or after > before) for before, after in pairs)


N = TypeVar("N", int, Decimal)


def _lower(one: N | None, other: N | None) -> N | None:
    if one is None or other is None:
        return one if other is None else other
    return min(one, other)


# --- spending ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Left:
    """What a person may still spend before a limit of theirs is reached. `amount` 0: it is reached."""

    amount: Decimal
    currency: str

    def affords(self, price: str, currency: str) -> bool:
        """Whether a thing at this price stays within it; False where that cannot be told."""
        try:
            cost = Decimal(price)
        except ArithmeticError:
            return False
        return cost.is_finite() and currency == self.currency and cost <= self.amount and self.amount > 0


def affords(lefts: Sequence[Left], price: str, currency: str) -> bool:
    """Whether a thing at this price stays within every limit there is."""
    return all(left.affords(price, currency) for left in lefts)


def left(limits: Limits, spent: Mapping[str, Mapping[str, Decimal]]) -> Left | None:
    """What is left under all spending limits; None without one. `spent`: sums by span and currency.

    Money spent in another currency cannot be added up with the limit's, so there it counts as reached.
    """
    amounts = limits.spending()
    if not amounts or limits.currency is None:
        return None
    rest: list[Decimal] = []
    for span, amount in amounts.items():
        sums = spent.get(span, {})
        foreign = any(total > 0 for currency, total in sums.items() if currency != limits.currency)
        rest.append(Decimal(0) if foreign else max(Decimal(0), amount - sums.get(limits.currency, Decimal(0))))
    return Left(min(rest), limits.currency)
