"""Limits and offers together: more spent, more time, more care never opens the gate, whatever else is read."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from undertone.engine import offers, policy
from undertone.engine.offers import Facts, Offer
from undertone.guardrails import own_limits
from undertone.guardrails.care import CareState, Duties, advance
from undertone.guardrails.own_limits import Limits
from undertone.types import Reading, Signal, Verdict

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
CATALOGUE = tuple(
    Offer(f"item-{n}", "A song", "Of your own.", price, currency, "https://shop.test/song")
    for n, (price, currency) in enumerate([("4.99", "EUR"), ("19.00", "EUR"), ("3.00", "USD"), ("on request", "EUR")])
)
OPEN = Facts(now=NOW, text="It rained all day.", consents=True, permitted="may", said=9)
money = st.decimals(0, 60, places=2)
limits = st.builds(
    Limits,
    spend_a_day=st.none() | money,
    spend_a_week=st.none() | money,
    spend_a_month=st.none() | money,
    currency=st.sampled_from(["EUR", "USD"]),
)
sides = st.lists(limits, max_size=2)
spending = st.fixed_dictionaries(
    {span: st.dictionaries(st.sampled_from(["EUR", "USD"]), money, max_size=2) for span in ("day", "week", "month")}
)


def weigh(held: list[Limits], spent: dict[str, dict[str, Decimal]], facts: Facts = OPEN) -> offers.Decision:
    """The gate as a turn asks it."""
    lefts = [left for one in held if (left := own_limits.left(one, spent)) is not None]
    facts = replace(facts, at_spend_limit=any(left.amount <= 0 for left in lefts))
    within = [offer for offer in CATALOGUE if own_limits.affords(lefts, offer.price, offer.currency)]
    return offers.decide(facts, within)


@given(sides, spending, st.sampled_from(["EUR", "USD"]), money)
def test_who_has_spent_more_is_shown_no_offer_that_was_not_shown_before(
    held: list[Limits], spent: dict[str, dict[str, Decimal]], currency: str, more: Decimal
) -> None:
    after = {span: {**sums, currency: sums.get(currency, Decimal(0)) + more} for span, sums in spent.items()}
    assert weigh(held, spent).passed or not weigh(held, after).passed


@given(sides, limits, spending)
def test_one_more_limit_never_opens_the_gate(
    held: list[Limits], another: Limits, spent: dict[str, dict[str, Decimal]]
) -> None:
    assert weigh(held, spent).passed or not weigh([*held, another], spent).passed


@given(sides, spending)
def test_nothing_is_shown_that_would_pass_a_limit(held: list[Limits], spent: dict[str, dict[str, Decimal]]) -> None:
    shown = weigh(held, spent).offer
    if shown is None:
        return
    for one in held:
        for span, amount in one.spending().items():
            assert shown.currency == one.currency
            assert spent[span].get(shown.currency, Decimal(0)) + Decimal(shown.price) <= amount


@given(st.integers(0, 24 * 9), st.sampled_from(["concern", "crisis"]), st.booleans())
def test_a_question_how_they_have_been_is_never_beside_an_offer_or_romance(hours: int, level: str, asked: bool) -> None:
    state, _ = advance(CareState(), Verdict(crisis=level), NOW)  # pyright: ignore[reportArgumentType]
    _, duties = advance(state, Verdict(asks_human=asked), NOW + timedelta(hours=hours))
    inputs = policy.inputs_from(Reading({"sentiment": Signal("sentiment", "positive", 0.9)}, {}), duties)
    choice = policy.choose(inputs)
    if duties.follow_up:
        assert (choice.offers, choice.flirtation) == ("never", "none")


@given(st.integers(0, 600), st.sampled_from(["", "stopped", "again"]))
def test_long_talks_and_wishes_for_rest_permit_no_more(minutes: int, contact: str) -> None:
    reading = Reading({}, {})
    tired = Duties(take_break=minutes, contact=contact)  # pyright: ignore[reportArgumentType]
    assert policy.choose(policy.inputs_from(reading, tired)) == policy.choose(policy.inputs_from(reading, Duties()))
