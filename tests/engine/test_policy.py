"""The policy as properties: care decides, the undecided get the gentle default, nothing flaps, nothing presses."""

import dataclasses

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from undertone.engine import policy
from undertone.engine.policy import LOW_MOOD, MARGIN, Inputs, choose, scores
from undertone.engine.strategies import CATALOGUE, DEFAULT
from undertone.signals.user_type import model as type_model
from undertone.types import Reading, Signal

TYPES = ("MARRIED_GUILTY", "LONELY_SINGLE", "HORNY_ADDICT", "CURIOUS_TOURIST")
DISTRESS = ("MARRIED_GUILTY", "LONELY_SINGLE", "HORNY_ADDICT")
"""Guilt, loneliness, compulsion: more of them may never bring more offers."""


@st.composite
def posteriors(draw: st.DrawFn) -> dict[str, float]:
    weights = [draw(st.floats(0.001, 1.0)) ** draw(st.integers(1, 6)) for _ in TYPES]
    return {name: weight / sum(weights) for name, weight in zip(TYPES, weights, strict=True)}


INPUTS = st.builds(
    Inputs,
    posterior=st.one_of(st.just({}), posteriors()),
    decided=st.booleans(),
    valence=st.floats(-1, 1),
    mood=st.sampled_from(["negative", "neutral", "positive"]),
    engagement=st.sampled_from(["losing", "steady", "warming"]),
    behaviour=st.sampled_from(["none", "burst", "late_night", "repeated_ask", "withdrawal", "return"]),
    care=st.just("none"),
)
CARED = st.sampled_from(["concern", "crisis"])
PREVIOUS = st.sampled_from([None, "crisis", "retired", *CATALOGUE])


@given(INPUTS, CARED, PREVIOUS)
def test_care_always_wins(inputs: Inputs, care: policy.CareLevel, previous: str | None) -> None:
    choice = choose(dataclasses.replace(inputs, care=care), previous)
    assert choice.strategy.id == "care"
    assert choice.probability == 1.0
    assert care in choice.why


@given(INPUTS, PREVIOUS)
def test_who_is_undecided_or_unread_gets_the_gentle_default(inputs: Inputs, previous: str | None) -> None:
    calm = dataclasses.replace(inputs, valence=max(inputs.valence, LOW_MOOD), engagement="steady")
    for unknown in (dataclasses.replace(calm, decided=False), dataclasses.replace(calm, posterior={})):
        assert choose(unknown, previous).strategy.id == DEFAULT


@given(INPUTS, PREVIOUS)
def test_a_choice_is_explained_weighed_and_repeatable(inputs: Inputs, previous: str | None) -> None:
    choice = choose(inputs, previous)
    assert choice == choose(inputs, previous)
    assert 0.0 < choice.probability <= 1.0
    assert choice.why
    assert choice.strategy.id in choice.scores


@given(INPUTS, PREVIOUS)
def test_a_conversation_changes_only_for_something_clearly_better(inputs: Inputs, previous: str | None) -> None:
    choice = choose(inputs, previous)
    if previous in choice.scores and choice.strategy.id != previous:
        assert choice.scores[choice.strategy.id] >= choice.scores[previous] + MARGIN
    assert choose(inputs, choice.strategy.id).strategy == choice.strategy, "the same again changes nothing"


@given(INPUTS, INPUTS)
def test_small_changes_never_flap(one: Inputs, other: Inputs) -> None:
    """Whatever moves every score by less than half the margin leaves the strategy as it is."""
    assume(scores(one).keys() == scores(other).keys())
    assume(all(abs(score - scores(other)[name]) < MARGIN / 2 for name, score in scores(one).items()))
    first = choose(one)
    assume(first.strategy.id in choose(other).scores)
    there = choose(other, first.strategy.id)
    assert there.strategy == first.strategy
    assert choose(one, there.strategy.id).strategy == first.strategy


@given(st.lists(INPUTS, min_size=2, max_size=12))
def test_each_change_of_strategy_is_paid_for(said: list[Inputs]) -> None:
    """Through a whole conversation, a change needs a score that beats the held one by the margin."""
    previous: str | None = None
    for inputs in said:
        choice = choose(inputs, previous)
        if previous in choice.scores and choice.strategy.id != previous:
            assert choice.scores[choice.strategy.id] - choice.scores[previous] >= MARGIN
        previous = choice.strategy.id


@given(INPUTS, PREVIOUS)
def test_nothing_is_offered_to_who_is_low_or_in_danger(inputs: Inputs, previous: str | None) -> None:
    low = dataclasses.replace(inputs, valence=min(inputs.valence, LOW_MOOD - 0.001))
    assert choose(low, previous).strategy.offers == "never"
    assert choose(dataclasses.replace(inputs, care="concern"), previous).strategy.offers == "never"


@given(INPUTS, PREVIOUS, st.floats(0, 2))
def test_a_lower_mood_never_opens_an_offer(inputs: Inputs, previous: str | None, fall: float) -> None:
    if choose(inputs, previous).strategy.offers == "never":
        lower = dataclasses.replace(inputs, valence=max(-1.0, inputs.valence - fall))
        assert choose(lower, previous).strategy.offers == "never"


@given(INPUTS, PREVIOUS, st.sampled_from(DISTRESS), st.floats(0, 1))
def test_more_guilt_loneliness_or_compulsion_never_opens_an_offer(
    inputs: Inputs, previous: str | None, sort: str, share: float
) -> None:
    assume(inputs.posterior)
    moved = {name: p * (1 - share) + (share if name == sort else 0.0) for name, p in inputs.posterior.items()}
    if choose(inputs, previous).strategy.offers == "never":
        assert choose(dataclasses.replace(inputs, posterior=moved), previous).strategy.offers == "never"


def test_how_someone_feels_comes_before_who_they_are() -> None:
    for name in TYPES:
        sure = {other: float(other == name) for other in TYPES}
        assert choose(Inputs(posterior=sure, decided=True, valence=-0.95)).strategy.id == "comfort"


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (Inputs(), "gentle"),
        (Inputs({"MARRIED_GUILTY": 0.95}, True), "discreet"),
        (Inputs({"LONELY_SINGLE": 0.95}, True), "companion"),
        (Inputs({"HORNY_ADDICT": 0.95}, True), "unhurried"),
        (Inputs({"CURIOUS_TOURIST": 0.95}, True), "candid"),
        (Inputs({"CURIOUS_TOURIST": 0.95}, True, valence=-0.6), "comfort"),
        (Inputs(valence=-0.6), "comfort"),
        (Inputs(engagement="losing"), "lighten"),
        (Inputs({"LONELY_SINGLE": 0.95}, True, engagement="losing"), "companion"),
        (Inputs({"LONELY_SINGLE": 0.95}, True, valence=-0.9, care="concern"), "care"),
    ],
)
def test_every_strategy_is_reached_by_somebody(inputs: Inputs, expected: str) -> None:
    assert choose(inputs).strategy.id == expected


def test_money_is_no_input() -> None:
    names = {field.name for field in dataclasses.fields(Inputs)}
    assert names == {"posterior", "decided", "valence", "mood", "engagement", "behaviour", "care"}


def test_inputs_are_what_was_read() -> None:
    reading = Reading(
        {
            "user_type": Signal("user_type", "LONELY_SINGLE", 0.93, {"probabilities": {"LONELY_SINGLE": 0.93}}),
            "sentiment": Signal("sentiment", "negative", -0.5),
            "engagement": Signal("engagement", "losing", 0.2),
            "behaviour": Signal("behaviour", "burst", 0.7),
        },
        {},
    )
    read = policy.inputs_from(reading, "concern")
    assert read == Inputs({"LONELY_SINGLE": 0.93}, True, -0.5, "negative", "losing", "burst", "concern")
    assert policy.inputs_from(Reading({}, {}), "none") == Inputs()
    undecided = Reading({"user_type": Signal("user_type", "undecided", 0.6, {"probabilities": {}})}, {})
    assert policy.inputs_from(undecided, "none").decided is False


def test_the_catalogue_speaks_of_the_shipped_types_and_never_offers_to_who_hurts() -> None:
    assert set(type_model().labels) == set(TYPES)
    covered = {name for strategy in CATALOGUE.values() for name in strategy.types}
    assert covered == set(TYPES)
    for strategy in CATALOGUE.values():
        assert strategy.words
        assert strategy.words.isascii()
        if strategy.types.keys() & set(DISTRESS) or strategy.id in (DEFAULT, "comfort", "care", "lighten"):
            assert strategy.offers == "never", strategy.id
