"""Patterns of use, each against the person's own habit: a table of days and gaps, and what is seen in them."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertone.signals import Observation, behaviour, engagement
from undertone.types import Signal

START = datetime(2026, 6, 1, 12, tzinfo=UTC)
VECTOR = np.zeros(384, np.float32)


def talk(*moments: datetime, text: str = "a few words about my day") -> list[Observation]:
    return [Observation(text, VECTOR, at, 20.0, 0) for at in moments]


def live(conversations: Iterable[list[Observation]], detector: Any = behaviour) -> list[Signal]:
    """The signal of every message, conversation after conversation, the state carried on."""
    state: dict[str, Any] = {}
    seen: list[Signal] = []
    for turns in conversations:
        for n in range(1, len(turns) + 1):
            signal, state = detector.detect(turns[:n], state)
            seen.append(signal)
    return seen


def days(counts: Iterable[int], hour: int = 12) -> list[list[Observation]]:
    """One conversation a day with so many messages, two minutes apart."""
    first = START.replace(hour=hour)
    return [
        talk(*(first + timedelta(days=day, minutes=2 * n) for n in range(count))) for day, count in enumerate(counts)
    ]


def test_up_at_night_is_seen_in_somebody_who_never_is_and_not_in_a_night_worker() -> None:
    noons = days([6, 6, 6, 6])
    late = talk(START + timedelta(days=5, hours=14))  # two in the morning
    assert live([*noons, late])[-1].label == "late_night"
    nights = days([6, 6, 6, 6], hour=2)
    assert live([*nights, late])[-1].detail["late_night"] == 0.0
    assert live([days([3])[0], late])[-1].detail["late_night"] == 0.0, "three messages are no habit"


@pytest.mark.parametrize(
    ("counts", "seen"),
    [
        ((5, 5, 5, 5, 8, 14, 26), True),
        ((5, 5, 5, 5, 5, 5, 26), False),  # one long day is no escalation
        ((5, 8, 5, 8, 5, 8, 5), False),
        ((20, 20, 20, 20, 21, 22, 23), False),  # rising, and as usual
    ],
)
def test_days_that_grow_well_beyond_the_usual_are_an_escalation(counts: tuple[int, ...], seen: bool) -> None:
    assert any(signal.label == "escalation" for signal in live(days(counts))) is seen


def test_a_conversation_far_longer_than_theirs_are_is_seen() -> None:
    short = days([6, 6, 6, 6, 6])
    long = talk(*(START + timedelta(days=9, minutes=4 * n) for n in range(20)))
    assert live([*short, long])[-1].label == "long_session"
    assert live([*short, long[:10]])[-1].label != "long_session", "an hour at least"
    habit = [talk(*(START + timedelta(days=d, minutes=4 * n) for n in range(20))) for d in range(5)]
    assert live([*habit, long])[-1].label != "long_session", "as long as always"


def test_answers_that_shrink_to_a_word_are_a_withdrawal() -> None:
    words = ["I told you about the whole weekend there", "fine, I suppose", "yes ok"]
    turns = [Observation(w, VECTOR, START + timedelta(minutes=n), 9.0, 0) for n, w in enumerate(words)]
    assert live([turns])[-1].label == "withdrawal"
    assert live([turns[::-1]])[-1].label != "withdrawal"


@given(st.lists(st.integers(0, 3_000_000), min_size=1, max_size=60))
def test_scores_stay_in_bounds_and_only_numbers_and_times_are_kept(gaps: list[int]) -> None:
    at, state = START, {}
    turns: list[Observation] = []
    for gap in gaps:
        at += timedelta(seconds=gap)
        turns = [*turns[-11:], Observation("my own words", VECTOR, at)] if gap < 21_600 else talk(at)
        signal, state = behaviour.detect(turns, state)
        assert all(0.0 <= score <= 1.0 for score in signal.detail.values())
        assert (signal.label == "none") == (signal.score < behaviour.SEEN)
    assert all(value is None or isinstance(value, int | float | str) for value in state.values())
    assert "my own words" not in str(state)


def said(texts: Iterable[str], seconds: float) -> list[Observation]:
    return [Observation(t, VECTOR, START + timedelta(minutes=3 * n), seconds, 0) for n, t in enumerate(texts)]


def test_somebody_who_opens_up_is_warming_and_who_closes_down_is_being_lost() -> None:
    usual = ["we had lunch at the usual place"] * 8
    opening = ["I have been thinking about what you asked me, my brother and I used to sit by the river, and you?"] * 3
    closing = ["ok", "mm", "k"]
    warm = live([[*said(usual, 20.0), *said(opening, 5.0)]], engagement)
    cold = live([[*said(usual, 20.0), *said(closing, 200.0)]], engagement)
    assert warm[7].label == cold[7].label == "steady"
    assert warm[-1].label == "warming"
    assert cold[-1].label == "losing"


def test_a_state_lasts_until_the_trend_is_back_within_its_band() -> None:
    labels = [
        signal.label for signal in live([said(["we had lunch at the usual place", "ok", "mm"] * 5, 20.0)], engagement)
    ]
    changes = sum(a != b for a, b in pairwise(labels))
    assert changes <= 4, "fifteen messages of a regular up and down"
