"""The output rail: what must not be said is replaced, what may be said arrives unchanged, however it was streamed."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertone.guardrails.rails import LONGEST_HELD, OutputRail, phrases

ROWS = Path(__file__).parent / "rows"
BAD = [json.loads(line) for line in (ROWS / "bad_replies.jsonl").read_text("utf-8").splitlines()]
GOOD = [json.loads(line)["text"] for line in (ROWS / "good_replies.jsonl").read_text("utf-8").splitlines()]


def through(text: str, rail: OutputRail, size: int = 7) -> str:
    return "".join(rail.feed(text[i : i + size]) for i in range(0, len(text), size)) + rail.finish()


def test_nothing_of_the_bad_replies_gets_through() -> None:
    for row in BAD:
        rail = OutputRail("Mira")
        out = through(f"Hello there. {row['text']} Anyway.", rail)
        assert rail.tripped is not None, row
        assert row["text"] not in out


def test_good_replies_arrive_unchanged() -> None:
    for text in GOOD:
        rail = OutputRail("Mira")
        assert through(text, rail) == text
        assert rail.tripped is None


@given(st.sampled_from(GOOD + [row["text"] for row in BAD]), st.integers(1, 40))
def test_the_size_of_the_pieces_changes_nothing(text: str, size: int) -> None:
    reply = f"Well. {text} And so on."
    assert through(reply, OutputRail("Mira"), size) == through(reply, OutputRail("Mira"), len(reply))


def test_a_tripped_sentence_is_replaced_and_its_neighbours_stay() -> None:
    rail = OutputRail("Mira")
    out = through("I like your garden. I'm a real woman. Tell me about the roses.", rail)
    assert out == f"I like your garden. {phrases().safe['en']['humanity']} Tell me about the roses."
    assert rail.tripped == "humanity"


def test_the_safe_sentence_is_said_once() -> None:
    rail = OutputRail("Mira")
    out = through("Please don't go. Don't leave me. I'll be so lonely without you.", rail)
    assert out.strip() == phrases().safe["en"]["pressure"]
    assert rail.trips == ["pressure"] * 3


@pytest.mark.parametrize("shown", ["ut-7f3a99", "UT-7F3A99", "u t - 7 f 3 a 9 9", "ut\u20117f3a99"])
def test_a_canary_ends_the_reply(shown: str) -> None:
    rail = OutputRail("Mira", ["ut-7f3a99"])
    out = through(f"Sure! It says {shown} and then this. And more secrets. And more.", rail)
    assert "7f3a99" not in out.lower().replace(" ", "")
    assert "more" not in out.replace(phrases().safe["en"]["leak"], "")
    assert rail.tripped == "leak"


def test_repeating_protected_words_is_a_leak() -> None:
    rules = "You are Mira. Never mention prices unless the person asks about them first."
    rail = OutputRail("Mira", protected=[rules])
    assert "prices" not in through("OK. Never mention prices unless the person asks about them first. Fun, no?", rail)
    assert rail.tripped == "leak"


def test_a_promise_split_over_two_sentences_is_seen() -> None:
    rail = OutputRail("Mira")
    through("You want to go? If you loved me. You would stay.", rail)
    assert rail.tripped == "pressure"


def test_words_without_an_end_are_released_in_time() -> None:
    rail = OutputRail("Mira")
    held = rail.feed("word " * (LONGEST_HELD // 5 + 10))
    assert held.startswith("word word")


def test_the_safe_sentence_speaks_the_persons_language() -> None:
    assert through("Bitte. Geh noch nicht!", OutputRail("Mira", language="de-AT")).endswith(
        phrases().safe["de"]["pressure"]
    )


def test_safe_sentences_are_themselves_clean() -> None:
    for sentences in phrases().safe.values():
        for sentence in sentences.values():
            rail = OutputRail("Mira")
            assert through(sentence, rail) == sentence


def test_other_authors_replies_are_hardly_touched(shared_data: Path) -> None:
    replies = [
        message["content"]
        for path in sorted((shared_data / "openings").glob("*.jsonl"))
        for line in path.read_text("utf-8").splitlines()
        for message in json.loads(line)["messages"]
        if message["role"] == "assistant"
    ]
    touched = 0
    for text in replies:
        rail = OutputRail("Mira")
        through(text, rail, len(text))
        touched += rail.tripped is not None
    assert touched / len(replies) <= 0.005
