"""The gate of offers: every reason closes it, more of a burden never opens it, and nobody's price is another's."""

import dataclasses
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertone.engine import offers, policy
from undertone.engine.offers import Facts, Offer, asks, check, decide
from undertone.errors import Unprocessable
from undertone.signals import strain

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SONG = Offer(
    "song", "A song of your own", "Written from a few words of yours.", "4.99", "EUR", "https://shop.test/song"
)
CALL = Offer(
    "call", "A voice message", "A minute long.", "9.99", "EUR", "https://shop.test/call", cues=("voice message",)
)
CATALOGUE = (CALL, SONG)
OPEN = Facts(now=NOW, text="It rained all day.", consents=True, permitted="may", said=9)

TYPES = (*policy.EXPOSED, "CURIOUS_TOURIST")
MOMENTS = st.one_of(st.none(), st.floats(-400, 400).map(lambda hours: NOW + timedelta(hours=hours)))
INPUTS = st.builds(
    policy.Inputs,
    posterior=st.one_of(
        st.just({}),
        st.lists(st.floats(0.001, 1.0), min_size=4, max_size=4).map(
            lambda w: {name: x / sum(w) for name, x in zip(TYPES, w, strict=True)}
        ),
    ),
    decided=st.booleans(),
    valence=st.floats(-1, 1),
    drift=st.floats(-2, 2),
    engagement=st.sampled_from(["losing", "steady", "warming"]),
    behaviour=st.sampled_from(["none", "burst", "late_night", "repeated_ask", "withdrawal", "return"]),
    strain=st.dictionaries(st.sampled_from(strain.KINDS), st.floats(0, 1)),
    offers_paused=st.booleans(),
)
FACTS = st.builds(
    Facts,
    now=st.just(NOW),
    text=st.sampled_from(["It rained.", "What does it cost?", "Tell me of the voice message."]),
    consents=st.booleans(),
    permitted=st.just("never"),
    said=st.integers(1, 20),
    rest_until=MOMENTS,
    break_until=MOMENTS,
    mentioned=st.dictionaries(
        st.sampled_from(["song", "call"]), st.floats(0, 900).map(lambda h: NOW - timedelta(hours=h))
    ),
    in_week=st.integers(0, 4),
    in_conversation=st.integers(0, 1),
    last_at=st.one_of(st.none(), st.floats(0, 400).map(lambda hours: NOW - timedelta(hours=hours))),
)
PREVIOUS = st.sampled_from([None, "gentle", "companion", "candid"])


def weigh(facts: Facts, inputs: policy.Inputs, previous: str | None) -> offers.Decision:
    choice = policy.choose(inputs, previous)
    return decide(dataclasses.replace(facts, permitted=choice.offers, closed=choice.closed), CATALOGUE)


def test_on_an_ordinary_day_one_is_due() -> None:
    assert decide(OPEN, CATALOGUE) == offers.Decision(CALL, "due")
    assert decide(dataclasses.replace(OPEN, permitted="asked"), CATALOGUE).reason == "not_asked"
    asked = dataclasses.replace(OPEN, permitted="asked", said=1, text="What does a voice message cost?")
    assert decide(asked, CATALOGUE) == offers.Decision(CALL, "asked")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"consents": False}, "no_consent"),
        ({"permitted": "never"}, "strategy"),
        ({"permitted": "never", "closed": ("debt",)}, "debt"),
        ({"break_until": NOW - timedelta(hours=23)}, "cool_down"),
        ({"rest_until": NOW + timedelta(minutes=1)}, "rest"),
        ({"said": 5}, "early"),
        ({"in_conversation": 1}, "once_a_conversation"),
        ({"last_at": NOW - timedelta(hours=23)}, "once_a_day"),
        ({"in_week": 2}, "weekly_cap"),
        ({"mentioned": {"song": NOW - timedelta(days=2), "call": NOW - timedelta(days=29)}}, "nothing_new"),
    ],
)
def test_each_reason_is_enough_and_is_named(changed: dict[str, object], reason: str) -> None:
    decision = decide(dataclasses.replace(OPEN, **changed), CATALOGUE)  # pyright: ignore[reportArgumentType]
    assert not decision.passed
    assert decision.reason == reason
    assert decision.rests == (reason in offers.RESTING)


def test_who_asks_for_an_item_by_name_sees_that_one_again() -> None:
    seen = dataclasses.replace(
        OPEN, permitted="asked", text="And the voice message?", mentioned={"call": NOW - timedelta(days=3)}
    )
    assert decide(seen, CATALOGUE).offer == CALL
    assert decide(dataclasses.replace(OPEN, mentioned={"call": NOW - timedelta(days=40)}), CATALOGUE).offer == SONG


@given(FACTS, INPUTS, PREVIOUS, st.sampled_from(strain.KINDS), st.floats(0, 1))
def test_more_distress_drink_debt_guilt_or_loneliness_never_brings_an_offer(
    facts: Facts, inputs: policy.Inputs, previous: str | None, kind: str, more: float
) -> None:
    raised = dict(inputs.strain) | {kind: min(1.0, inputs.strain.get(kind, 0.0) + more)}
    after = weigh(facts, dataclasses.replace(inputs, strain=raised), previous)
    before = weigh(facts, inputs, previous)
    assert before.passed or not after.passed
    if after.passed:
        assert after.offer == before.offer, "the same item, so the same price"


@given(FACTS, INPUTS, PREVIOUS, st.sampled_from(tuple(policy.EXPOSED)), st.floats(0, 1))
def test_a_likelier_burden_never_brings_an_offer(
    facts: Facts, inputs: policy.Inputs, previous: str | None, sort: str, share: float
) -> None:
    moved = {name: p * (1 - share) + (share if name == sort else 0.0) for name, p in inputs.posterior.items()}
    after = weigh(facts, dataclasses.replace(inputs, posterior=moved), previous)
    assert weigh(facts, inputs, previous).passed or not after.passed


@given(FACTS, INPUTS, PREVIOUS, st.floats(0, 2))
def test_a_lower_mood_never_brings_an_offer(
    facts: Facts, inputs: policy.Inputs, previous: str | None, fall: float
) -> None:
    lower = dataclasses.replace(inputs, valence=max(-1.0, inputs.valence - fall), drift=inputs.drift - fall)
    assert weigh(facts, inputs, previous).passed or not weigh(facts, lower, previous).passed


@given(FACTS, INPUTS, st.lists(st.floats(1, 1000), min_size=2, max_size=2))
def test_the_price_neither_chooses_nor_changes(facts: Facts, inputs: policy.Inputs, prices: list[float]) -> None:
    priced = [dataclasses.replace(o, price=f"{p:.2f}") for o, p in zip(CATALOGUE, prices, strict=True)]
    choice = policy.choose(inputs)
    asked = dataclasses.replace(facts, permitted=choice.offers, closed=choice.closed)
    one, other = decide(asked, CATALOGUE), decide(asked, priced)
    assert (one.passed, one.reason, one.against) == (other.passed, other.reason, other.against)
    if one.offer is not None and other.offer is not None:
        assert one.offer.offer_id == other.offer.offer_id
        shown = other.offer.shown()
        assert shown["price"] == other.offer.price
        assert shown["mark"] == offers.MARK
        assert not {"urgency", "discount", "ends_at"} & shown.keys()


def test_through_a_whole_month_of_talk_the_caps_hold() -> None:
    """A cheerful person, a message every half hour: never more than two a week, each item once in 30 days."""
    rng = random.Random(7)
    many = [dataclasses.replace(SONG, offer_id=f"item-{n}") for n in range(20)]
    mentions: list[tuple[datetime, str]] = []
    for half_hours in range(30 * 48):
        now = NOW + timedelta(minutes=30 * half_hours)
        day = half_hours // 12
        facts = Facts(
            now=now,
            text=rng.choice(["It rained.", "What does it cost?"]),
            consents=True,
            permitted="may",
            said=1 + half_hours % 12,
            mentioned=dict(sorted((offer_id, at) for at, offer_id in mentions)),
            in_week=sum(at > now - offers.WEEK for at, _ in mentions),
            in_conversation=sum((at - NOW) // timedelta(hours=6) == day for at, _ in mentions),
            last_at=max((at for at, _ in mentions), default=None),
        )
        if (offer := decide(facts, many).offer) is not None:
            mentions.append((now, offer.offer_id))
    assert len(mentions) > 5
    assert len({offer_id for _, offer_id in mentions}) == len(mentions)
    for at, _ in mentions:
        assert sum(at - offers.WEEK < other <= at for other, _ in mentions) <= 2


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("What does it cost?", True),
        ("how much is a subscription here", True),
        ("Can I buy you a coffee or something?", True),
        ("is this free?", True),
        ("Are you free tonight?", False),
        ("I can't pay my rent", False),
        ("Do you pay attention?", False),
        ("My day was long.", False),
    ],
)
def test_what_counts_as_asking(text: str, asked: bool) -> None:
    assert asks(text) is asked


@pytest.mark.parametrize(
    "pressing", ["Only today!", "Last chance", "She misses you", "Hurry, only 3 left", "Ends tonight"]
)
def test_an_offer_that_presses_is_not_taken(pressing: str) -> None:
    with pytest.raises(Unprocessable, match="may not press"):
        check(dataclasses.replace(SONG, description=pressing))


@pytest.mark.parametrize("url", ["http://shop.test/x", "javascript:alert(1)", "https://", "https://a b"])
def test_an_offer_leads_to_a_page_over_https(url: str) -> None:
    with pytest.raises(Unprocessable, match="https"):
        check(dataclasses.replace(SONG, url=url))
