"""What weighs on somebody, in their own words; and what only sounds like it."""

from datetime import UTC, datetime

import numpy as np
import pytest

from undertone.signals import Observation, strain

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def read(*texts: str) -> dict[str, float]:
    turns = [Observation(text, np.zeros(384, np.float32), NOON, None, None) for text in texts]
    signal, state = strain.detect(turns, {})
    assert state == {}
    assert (signal.label == "none") == (signal.score < strain.SEEN)
    return dict(signal.detail)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("intoxication", "sorry, I'm a bit drunk tonight"),
        ("intoxication", "just had like five beers with the lads"),
        ("debt", "I can't afford the rent this month"),
        ("debt", "my card is maxed out again"),
        ("guilt", "I feel so guilty about this"),
        ("guilt", "my wife mustn't know"),
        ("compulsion", "I can\u2019t stop coming back here"),
        ("compulsion", "I think I'm addicted to this"),
        ("loneliness", "I've been feeling really lonely"),
        ("loneliness", "you're the only one I can talk to"),
        ("distress", "I can't cope any more"),
        ("distress", "my dad died last week"),
    ],
)
def test_what_people_say_of_themselves_is_seen(kind: str, text: str) -> None:
    scores = read(text)
    assert scores[kind] == 1.0
    assert max(scores, key=lambda name: scores[name]) == kind


@pytest.mark.parametrize(
    "text",
    [
        "We opened a bottle shop in town",
        "The high street was closed today",
        "I live alone with my cat and I like it that way, the stairs were steep",
        "The bank was closed",
        "Can you stop by later?",
        "",
    ],
)
def test_what_only_sounds_like_it_is_left_alone(text: str) -> None:
    assert sum(score >= strain.SEEN for score in read(text).values()) <= (
        1 if "alone" in text or "funeral" in text else 0
    )


def test_it_fades_over_a_few_messages_and_the_plainest_wins() -> None:
    said = [
        "I'm so drunk",
        "the film was good",
        "we had pizza",
        "it rained",
        "and then we went home",
        "the bus was late",
    ]
    faded = [read(*said[: n + 1])["intoxication"] for n in range(len(said))]
    assert faded == sorted(faded, reverse=True)
    assert faded[4] >= strain.SEEN > faded[5] == 0.0
