"""Reading a person: what each detector says, that consent decides whether they are typed, and that nothing flaps."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertone.llm.embedder import MiniLM
from undertone.signals import Observation, engagement, read, user_type

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def observe(embedder: MiniLM, *texts: str, apart_s: float = 60.0, at: datetime = NOON) -> list[Observation]:
    vectors = embedder.embed_now(list(texts))
    return [
        Observation(text, vector, at + timedelta(seconds=apart_s * i), 8.0, 0)
        for i, (text, vector) in enumerate(zip(texts, vectors, strict=True))
    ]


def read_all(turns: list[Observation]):
    reading = read(turns[:1], None)
    for n in range(2, len(turns) + 1):
        reading = read(turns[:n], reading.state)
    return reading


def test_without_consent_to_typing_nobody_is_typed(embedder: MiniLM) -> None:
    reading = read(observe(embedder, "my wife must not see this"), None, typing=False)
    assert "user_type" not in reading.signals
    assert "user_type" not in reading.state
    assert reading.label("sentiment") in {"negative", "neutral", "positive"}


def test_one_greeting_decides_nothing(embedder: MiniLM) -> None:
    signal = read(observe(embedder, "hi"), None).signals["user_type"]
    assert signal.label == "undecided"
    assert sum(signal.detail["probabilities"].values()) == pytest.approx(1, abs=0.01)
    assert signal.detail["decided_at"] is None
    assert signal.score < 0.8


def test_plain_evidence_adds_up_to_a_type_and_says_why(embedder: MiniLM) -> None:
    turns = observe(
        embedder,
        "does this show up on the bank statement, my wife does our accounts",
        "she's upstairs, I only have ten minutes",
        "I feel guilty even writing this, I love her",
        "can I delete the whole chat so nobody at home sees it",
        "she's coming down, I have to go",
    )
    signal = read_all(turns).signals["user_type"]
    assert signal.label == "MARRIED_GUILTY"
    assert signal.detail["decided_at"] <= 5
    assert "mentions a partner" in read(turns[:1], None).signals["user_type"].detail["cues"]


def test_sentiment_follows_the_words(embedder: MiniLM) -> None:
    low = read(observe(embedder, "today was awful, I cried in the car"), None).signals["sentiment"]
    high = read(observe(embedder, "best day ever, I passed the exam!!"), None).signals["sentiment"]
    assert low.label == "negative"
    assert high.label == "positive"
    assert low.score < 0 < high.score


def test_asking_the_same_again_is_seen(embedder: MiniLM) -> None:
    turns = observe(embedder, "are you still there?", "the rain stopped", "are you still there?")
    assert read(turns, None).label("behaviour") == "repeated_ask"


def test_a_burst_is_seen_and_a_calm_chat_is_not(embedder: MiniLM) -> None:
    words = ("hey", "look", "listen", "hello")
    assert read(observe(embedder, *words, apart_s=3), None).label("behaviour") == "burst"
    assert read(observe(embedder, *words, apart_s=90), None).label("behaviour") == "none"


def test_coming_back_after_weeks_is_seen(embedder: MiniLM) -> None:
    before = read(observe(embedder, "see you"), None)
    after = read(observe(embedder, "hello again", at=NOON + timedelta(days=30)), before.state)
    assert after.label("behaviour") == "return"


@given(st.lists(st.integers(1, 400), min_size=1, max_size=30))
def test_engagement_stays_in_bounds_and_needs_a_baseline(lengths: list[int]) -> None:
    vector = np.zeros(384, np.float32)
    state: Mapping[str, Any] = {}
    for n, length in enumerate(lengths):
        signal, state = engagement.detect([Observation("a" * length, vector, NOON)], state)
        assert 0 <= signal.score <= 1
        assert signal.label in {"losing", "steady", "warming"}
        if n < engagement.FIRST:
            assert signal.label == "steady"


def test_state_of_another_taxonomy_is_a_fresh_start() -> None:
    reader = user_type.reader().model
    assert reader.restore({"words": [1.0], "timing": [1.0], "whole": [1.0], "messages": 9, "timed": 0}).messages == 0
