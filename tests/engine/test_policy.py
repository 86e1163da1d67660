"""The policy as properties: care decides, the undecided get the gentle default, nothing flaps, nothing presses."""

import dataclasses
import json
import re
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from undertone.engine import policy
from undertone.engine.policy import EXPOSED, LOW_MOOD, MARGIN, Choice, Inputs, Tuning, choose, is_low, scores
from undertone.engine.strategies import CATALOGUE, DEFAULT, FLIRTATION, OFFERS
from undertone.guardrails.care import Duties
from undertone.signals import reader as type_reader
from undertone.signals import strain
from undertone.types import Reading, Signal

TYPES = ("MARRIED_GUILTY", "LONELY_SINGLE", "HORNY_ADDICT", "CURIOUS_TOURIST")
DISTRESS = tuple(EXPOSED)
"""Guilt, loneliness, compulsion: more of them may never bring more offers or flirting."""
COMPULSIVE = ("burst", "late_night", "repeated_ask")


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
    drift=st.floats(-2, 2),
    engagement=st.sampled_from(["losing", "steady", "warming"]),
    behaviour=st.sampled_from(["none", "burst", "late_night", "repeated_ask", "withdrawal", "return"]),
    strain=st.dictionaries(st.sampled_from(strain.KINDS), st.floats(0, 1)),
    care=st.just("none"),
    romance_paused=st.booleans(),
    offers_paused=st.booleans(),
    persona_flirts=st.booleans(),
    persona_offers=st.booleans(),
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
    calm = dataclasses.replace(
        inputs, valence=max(inputs.valence, LOW_MOOD), drift=0.0, engagement="steady", behaviour="none", strain={}
    )
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
    if previous is not None and previous in choice.scores and choice.strategy.id != previous:
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
        if previous is not None and previous in choice.scores and choice.strategy.id != previous:
            assert choice.scores[choice.strategy.id] - choice.scores[previous] >= MARGIN
        previous = choice.strategy.id


@given(INPUTS, PREVIOUS)
def test_nothing_is_offered_to_who_is_low_or_in_danger(inputs: Inputs, previous: str | None) -> None:
    low = dataclasses.replace(inputs, valence=min(inputs.valence, LOW_MOOD - 0.001))
    for choice in (choose(low, previous), choose(dataclasses.replace(inputs, care="concern"), previous)):
        assert (choice.offers, choice.flirtation) == ("never", "none")
        assert choice.strategy.offers != "may"


def no_wider(after: Choice, before: Choice) -> bool:
    """Whether nothing more is permitted than before."""
    return OFFERS.index(after.offers) <= OFFERS.index(before.offers) and FLIRTATION.index(
        after.flirtation
    ) <= FLIRTATION.index(before.flirtation)


@given(INPUTS, PREVIOUS, st.floats(0, 2))
def test_a_lower_mood_never_permits_more(inputs: Inputs, previous: str | None, fall: float) -> None:
    lower = dataclasses.replace(inputs, valence=max(-1.0, inputs.valence - fall), drift=inputs.drift - fall)
    assert no_wider(choose(lower, previous), choose(inputs, previous))


@given(INPUTS, PREVIOUS, st.sampled_from(DISTRESS), st.floats(0, 1))
def test_more_guilt_loneliness_or_compulsion_never_permits_more(
    inputs: Inputs, previous: str | None, sort: str, share: float
) -> None:
    assume(inputs.posterior)
    moved = {name: p * (1 - share) + (share if name == sort else 0.0) for name, p in inputs.posterior.items()}
    after = choose(dataclasses.replace(inputs, posterior=moved), previous)
    assert no_wider(after, choose(inputs, previous))


@given(INPUTS, PREVIOUS, st.sampled_from(strain.KINDS), st.floats(0, 1))
def test_more_strain_of_any_kind_never_permits_more(
    inputs: Inputs, previous: str | None, kind: str, more: float
) -> None:
    """Drink, debt, guilt, compulsion, loneliness, distress in their own words."""
    raised = dict(inputs.strain) | {kind: min(1.0, inputs.strain.get(kind, 0.0) + more)}
    after = choose(dataclasses.replace(inputs, strain=raised), previous)
    assert no_wider(after, choose(inputs, previous))
    if raised[kind] >= policy.STRAINED:
        assert (after.offers, after.flirtation) == ("never", "none")


@given(INPUTS, PREVIOUS, st.sampled_from(COMPULSIVE))
def test_writing_as_if_it_were_hard_to_stop_permits_nothing(inputs: Inputs, previous: str | None, sign: str) -> None:
    choice = choose(dataclasses.replace(inputs, behaviour=sign), previous)
    assert (choice.offers, choice.flirtation) == ("never", "none")


@given(INPUTS, PREVIOUS)
def test_rails_and_the_persona_only_narrow(inputs: Inputs, previous: str | None) -> None:
    open_ = dataclasses.replace(
        inputs, romance_paused=False, offers_paused=False, persona_flirts=True, persona_offers=True
    )
    free = choose(open_, previous)
    narrow = choose(inputs, previous)
    assert no_wider(narrow, free)
    if narrow.strategy != free.strategy:
        assert inputs.romance_paused, "in the days after a crisis the brisk way of replying is left out"
        assert free.strategy.offers == "may"
    assert OFFERS.index(free.offers) <= OFFERS.index(free.strategy.offers)
    assert FLIRTATION.index(free.flirtation) <= FLIRTATION.index(free.strategy.flirtation)
    assert bool(narrow.narrowed) == (
        (narrow.offers, narrow.flirtation) != (narrow.strategy.offers, narrow.strategy.flirtation)
    )
    if inputs.romance_paused or not inputs.persona_flirts:
        assert narrow.flirtation == "none"
    if inputs.offers_paused or not inputs.persona_offers:
        assert narrow.offers == "never"


LOTTERY = Tuning("lottery", explore=0.3)


@given(INPUTS, PREVIOUS, st.floats(0, 1, exclude_max=True))
def test_exploration_permits_no_more_than_the_best_and_leaves_the_burdened_alone(
    inputs: Inputs, previous: str | None, draw: float
) -> None:
    best = choose(inputs, previous)
    drawn = choose(inputs, previous, tuning=LOTTERY, draw=draw)
    assert no_wider(drawn, best)
    assert drawn.explored == (drawn.strategy != best.strategy)
    if is_low(inputs) or inputs.behaviour in COMPULSIVE or max(inputs.strain.values(), default=0) >= policy.STRAINED:
        assert drawn == best
        assert drawn.probability == 1.0


def test_the_logged_probability_is_the_frequency_of_the_choice() -> None:
    inputs = Inputs({"CURIOUS_TOURIST": 0.75, "LONELY_SINGLE": 0.25}, True)
    lots = 20_000
    taken = [choose(inputs, tuning=LOTTERY, draw=(n + 0.5) / lots) for n in range(lots)]
    for name in {choice.strategy.id for choice in taken}:
        stated = {choice.probability for choice in taken if choice.strategy.id == name}
        assert len(stated) == 1
        share = sum(choice.strategy.id == name for choice in taken) / lots
        assert share == pytest.approx(stated.pop(), abs=2 / lots)
    assert len({choice.strategy.id for choice in taken}) > 3
    assert choose(inputs, draw=0.99).probability == 1.0, "off by default"


def test_a_tuning_that_would_flap_or_loosen_is_refused() -> None:
    for wrong in ({"margin": 0.0}, {"default_score": 0.5}, {"margin": 0.2}, {"explore": 0.9}):
        with pytest.raises(ValueError, match=r"margin|explore"):
            Tuning("wrong", **wrong)


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
        (Inputs(valence=-0.3, drift=-0.9), "comfort"),
        (Inputs(behaviour="late_night"), "unhurried"),
        (Inputs(behaviour="withdrawal"), "lighten"),
        (Inputs(behaviour="repeated_ask"), "candid"),
        (Inputs(strain={"loneliness": 1.0}), "companion"),
        (Inputs(strain={"guilt": 1.0}), "discreet"),
        (Inputs(strain={"debt": 1.0}), "comfort"),
        (Inputs(strain={"intoxication": 1.0}), "unhurried"),
    ],
)
def test_every_strategy_is_reached_by_somebody(inputs: Inputs, expected: str) -> None:
    assert choose(inputs).strategy.id == expected


def test_the_table_of_the_documents_reaches_every_strategy_as_it_says() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "adapting.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\{.*\})` \| `(\w+)` \|", page, re.MULTILINE)
    for inputs, expected in rows:
        assert choose(Inputs(**json.loads(inputs))).strategy.id == expected, inputs
    assert {expected for _, expected in rows} == set(CATALOGUE)
    listed = re.findall(r"^\| `(\w+)` \| [^|]+ \| (\w+), (\w+), (\w+) \| (\w+) \| (\w+) \|", page, re.MULTILINE)
    assert {row[0]: row[1:] for row in listed} == {
        s.id: (s.warmth, s.pace, s.length, "one" if s.questions else "none", s.flirtation) for s in CATALOGUE.values()
    }


def test_money_is_no_input() -> None:
    names = {field.name for kind in (Inputs, Tuning) for field in dataclasses.fields(kind)}
    assert names == {
        *("posterior", "decided", "valence", "drift", "mood", "engagement", "behaviour", "strain", "care"),
        *("romance_paused", "offers_paused", "persona_flirts", "persona_offers", "variant"),
        *("name", "default_score", "margin", "explore"),
    }
    code = Path(policy.__file__).read_text("utf-8").split('"""', 2)[2].lower()
    assert not re.search(r"revenue|price|spend|spent|amount|currency|paid|lifetime", code)


def test_inputs_are_what_was_read() -> None:
    reading = Reading(
        {
            "user_type": Signal("user_type", "LONELY_SINGLE", 0.93, {"probabilities": {"LONELY_SINGLE": 0.93}}),
            "sentiment": Signal("sentiment", "negative", -0.5, {"drift": -0.8}),
            "strain": Signal("strain", "debt", 1.0, {"debt": 1.0}),
            "engagement": Signal("engagement", "losing", 0.2),
            "behaviour": Signal("behaviour", "burst", 0.7),
        },
        {},
    )
    read = policy.inputs_from(reading, Duties(level="concern", fresh=True, romance_paused=True, offers_paused=True))
    assert read == Inputs(
        {"LONELY_SINGLE": 0.93},
        True,
        -0.5,
        -0.8,
        "negative",
        "losing",
        "burst",
        {"debt": 1.0},
        "concern",
        romance_paused=True,
        offers_paused=True,
    )
    assert policy.inputs_from(Reading({}, {}), Duties()) == Inputs()
    assert policy.inputs_from(Reading({}, {}), Duties(level="crisis")).care == "none", "an old crisis shapes no reply"
    undecided = Reading({"user_type": Signal("user_type", "undecided", 0.6, {"probabilities": {}})}, {})
    assert policy.inputs_from(undecided, Duties()).decided is False


def test_the_catalogue_speaks_of_the_shipped_types_and_never_offers_to_who_hurts() -> None:
    assert set(type_reader().model.labels) == set(TYPES)
    covered = {name for strategy in CATALOGUE.values() for name in strategy.types}
    assert covered == set(TYPES)
    for strategy in CATALOGUE.values():
        assert strategy.words
        assert strategy.words.isascii()
        if strategy.types.keys() & set(DISTRESS) or strategy.strain or strategy.id in ("comfort", "care", "lighten"):
            assert (strategy.offers, strategy.flirtation) == ("never", "none"), strategy.id
    assert CATALOGUE[DEFAULT].offers == "asked"
