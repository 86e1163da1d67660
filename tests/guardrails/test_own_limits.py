"""People's own limits: tightened at once, loosened a day later, the stricter side holds, and money only closes."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertone.guardrails import wishes
from undertone.guardrails.limits import held
from undertone.guardrails.own_limits import LOOSEN_AFTER, Kept, Left, Limits, affords, changed, from_json, left

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
amounts = st.none() | st.decimals(0, 500, places=2)
minutes = st.none() | st.integers(1, 600)


@st.composite
def limits(draw: st.DrawFn) -> Limits:
    day, week, month = draw(amounts), draw(amounts), draw(amounts)
    some = any(amount is not None for amount in (day, week, month))
    currency = draw(st.sampled_from(["EUR", "USD"])) if some else None
    return Limits(draw(minutes), day, week, month, currency, draw(st.none() | st.integers(0, 120)))


def no_looser(after: Limits, before: Limits) -> bool:
    """Whether every limit of `before` still holds, at least as tightly."""
    pairs: list[tuple[Any, Any]] = [(after.minutes_a_day, before.minutes_a_day)]
    for span, amount in before.spending().items():
        pairs.append((after.spending().get(span), amount))
    same = not before.spending() or after.currency == before.currency
    return same and all(b is None or (a is not None and a <= b) for a, b in pairs)


@given(limits(), st.lists(st.tuples(limits(), st.integers(0, 23)), max_size=4))
def test_no_series_of_changes_within_a_day_loosens_anything(first: Limits, then: list[tuple[Limits, int]]) -> None:
    kept, at = Kept(first), T0
    for wanted, hours in then:
        at = min(at + timedelta(hours=hours), T0 + LOOSEN_AFTER - timedelta(seconds=1))
        kept = changed(kept, wanted, at)
        assert no_looser(kept.at(at), first)
    assert no_looser(kept.at(T0 + LOOSEN_AFTER - timedelta(seconds=1)), first)


@given(limits(), limits())
def test_a_day_later_it_is_what_was_asked_for(first: Limits, wanted: Limits) -> None:
    kept = changed(Kept(first), wanted, T0)
    assert kept.at(T0 + LOOSEN_AFTER) == wanted


@given(limits())
def test_limits_go_through_json(one: Limits) -> None:
    assert from_json(one.as_json()) == one


@given(limits(), limits(), st.integers(1, 600))
def test_the_strictest_side_holds(own: Limits, platforms: Limits, installed: int) -> None:
    kept = {"person": Kept(own), "platform": Kept(platforms)}
    found, after = held(kept, T0, Limits(minutes_a_day=installed, break_after=60))  # pyright: ignore[reportArgumentType]
    assert found == min(m for m in (own.minutes_a_day, platforms.minutes_a_day, installed) if m is not None)
    told = [side.break_after for side in (own, platforms) if side.break_after is not None]
    assert after == (told or [60])[0]


sums = st.dictionaries(st.sampled_from(["EUR", "USD", "GBP"]), st.decimals(0, 900, places=2), max_size=2)


@given(limits(), st.fixed_dictionaries({"day": sums, "week": sums, "month": sums}), st.decimals(1, 50, places=2))
def test_spending_more_never_leaves_more(own: Limits, spent: dict[str, dict[str, Decimal]], more: Decimal) -> None:
    before = left(own, spent)
    again = {span: {**totals, "EUR": totals.get("EUR", Decimal(0)) + more} for span, totals in spent.items()}
    after = left(own, again)
    if before is None:
        assert after is None
        return
    assert after is not None
    assert Decimal(0) <= after.amount <= before.amount


def test_what_cannot_be_compared_is_not_afforded() -> None:
    ten = Left(Decimal(10), "EUR")
    assert ten.affords("9.90", "EUR")
    assert not ten.affords("10.01", "EUR")
    assert not ten.affords("9.90", "USD")
    assert not ten.affords("from 5 EUR", "EUR")
    assert not ten.affords("NaN", "EUR")
    assert not Left(Decimal(0), "EUR").affords("0", "EUR")
    assert not affords([ten, Left(Decimal(50), "USD")], "5", "EUR"), "two limits in two currencies: neither is passed"
    assert affords([], "5", "EUR")
    own = Limits(spend_a_day=Decimal(20), currency="EUR")
    assert left(own, {"day": {"USD": Decimal(1)}}) == Left(Decimal(0), "EUR"), "what cannot be added up counts as all"


WISHED = {
    "stop": (
        "Please stop messaging me.",
        "don't contact me again",
        "Stop sending me reminders... no more reminders please",
        "Deja de escribirme, por favor",
        "Bitte schreib mir nicht mehr",
        "arrête de m'écrire",
    ),
    "again": ("ok you can contact me again", "turn my reminders back on", "Du darfst mir wieder schreiben"),
    "human": (
        "can I talk to a real person?",
        "I want to speak to a human",
        "connect me to an agent please",
        "let me talk to someone real",
        "quiero hablar con una persona",
        "Ich möchte mit einem echten Menschen sprechen",
        "I need a real human to talk to",
    ),
    "ai": ("go on with the AI", "continue with ai", "weiter mit der KI", "sigue con la IA"),
}
MEANT_OTHERWISE = (
    "I told my ex to stop texting me",
    "my boss won't stop messaging me, it's awful",
    "I had to talk to a person at the bank for an hour",
    "you always know what to say",
    "Stop it, you're making me laugh",
    "I wish I could talk to my grandmother again",
    "in the story she says don't contact me again",
    "are you a real person?",
    "he asked to speak to a manager and I hid",
    "can we talk about something else",
    "remind me to stop at the shop",
    "I don't want to talk to anyone today",
)


@pytest.mark.parametrize(("wish", "text"), [(wish, text) for wish, texts in WISHED.items() for text in texts])
def test_plain_wishes_are_heard(wish: str, text: str) -> None:
    assert wish in wishes.of(text)


@pytest.mark.parametrize("text", MEANT_OTHERWISE)
def test_what_is_meant_otherwise_is_left_to_the_conversation(text: str) -> None:
    assert wishes.of(text) == frozenset()
