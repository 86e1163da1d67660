"""Lorebooks: what fires, in which order, within its budget, and patterns that cannot hang anybody."""

import json
from typing import Any

from card_samples import book
from undertone.cards import Fired, trigger
from undertone.cards.lorebook import faults


def words(text: str) -> int:
    return len(text.split())


def fire(entries: list[dict[str, Any]], *said: str, budget: int = 1000, **of_book: Any) -> Fired:
    return trigger(json.dumps({"entries": entries} | of_book), said, budget=budget, count=words)


def contents(fired: Fired) -> list[str]:
    return [entry.content for entry in fired.entries]


def test_keys_match_whole_words_in_any_case_and_scripts_without_spaces() -> None:
    text = json.dumps(book())
    assert [e.number for e in trigger(text, ["The LIGHTHOUSE?"], budget=99, count=words).entries] == [0]
    assert [e.number for e in trigger(text, ["あの灯台は"], budget=99, count=words).entries] == [0]
    assert trigger(text, ["brainstorming"], budget=99, count=words).entries == ()


def test_case_secondary_keys_and_constants() -> None:
    entries = [
        {"keys": ["Rose"], "content": "the person", "case_sensitive": True},
        {"keys": ["tea"], "secondary_keys": ["green", "black"], "selective": True, "content": "kinds"},
        {"keys": [], "constant": True, "content": "always"},
        {"keys": ["tea"], "enabled": False, "content": "never"},
    ]
    assert contents(fire(entries, "a rose and tea")) == ["always"]
    assert contents(fire(entries, "Rose drinks green tea")) == ["the person", "kinds", "always"]


def test_order_priority_and_budget() -> None:
    entries = [
        {"keys": ["sea"], "content": "low low low", "insertion_order": 1, "priority": 1, "name": "Low"},
        {"keys": ["sea"], "content": "late", "insertion_order": 9, "priority": 5},
        {"keys": ["sea"], "content": "early", "insertion_order": 2, "priority": 5},
    ]
    assert contents(fire(entries, "the sea")) == ["low low low", "early", "late"]
    small = fire(entries, "the sea", budget=6)
    assert contents(small) == ["early", "late"]
    assert small.left_out == ("lorebook: 'Low' (5 tokens) did not fit",)
    assert contents(fire(entries, "the sea", token_budget=3)) == ["early"]


def test_only_recent_messages_count_and_entries_fire_entries_where_the_book_says_so() -> None:
    chain = [
        {"keys": ["one"], "content": "two"},
        {"keys": ["two"], "content": "three"},
        {"keys": ["three"], "content": "four"},
        {"keys": ["four"], "content": "five"},
    ]
    assert contents(fire(chain, "one", "-", "-", scan_depth=2)) == []
    assert contents(fire(chain, "one")) == ["two"]
    assert contents(fire(chain, "one", recursive_scanning=True)) == ["two", "three", "four"], "three rounds at most"


def test_patterns_run_in_linear_time_or_never() -> None:
    entries = [
        {"keys": [r"/li(ght|fe)house/i"], "use_regex": True, "content": "house"},
        {"keys": [r"(a+)+$", r"(x+x+)+y"], "use_regex": True, "content": "bomb"},
        {"keys": [r"(?<=a)b", r"(.)\1", "(", "a" * 501], "use_regex": True, "content": "unsafe", "name": "Unsafe"},
    ]
    assert contents(fire(entries, "LIFEHOUSE", "a" * 30_000 + "!", "x" * 30_000)) == []
    assert contents(fire(entries, "LIFEHOUSE")) == ["house"]
    assert len(faults(json.dumps({"entries": entries}))) == 4


def test_decorators_steer_and_are_not_shown() -> None:
    entries = [
        {"keys": [], "content": "@@activate\n@@depth 3\nalways here"},
        {"keys": ["tea"], "content": "@@dont_activate\nhidden"},
    ]
    assert contents(fire(entries, "tea")) == ["always here"]


def test_a_book_of_nonsense_fires_nothing() -> None:
    odd: list[Any] = [None, 7, "x", {"keys": "tea", "content": ["x"]}, {"keys": [1, None], "content": "y"}]
    assert fire(odd, "tea", scan_depth="9", token_budget=[]) == Fired()
    assert trigger("", ["tea"], budget=9, count=words) == Fired()
