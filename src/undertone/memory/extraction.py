"""Facts, preferences, people and events in what somebody said, by careful rules: rather nothing than junk.

    for fact in extract("My sister Ana lives in Porto", said_on): ...

Only plain first-person statements count: no questions, no play, no ifs, nothing negated, nothing quoted. Reads English.
What one fact does to another is `consolidation`'s business.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

RELATIONS = (
    "mother|mum|mom|father|dad|sister|brother|son|daughter|wife|husband|partner|girlfriend|boyfriend|friend|best friend"
    "|boss|aunt|uncle|cousin|grandmother|grandma|grandfather|grandad|niece|nephew|cat|dog|puppy|kitten|rabbit|parrot"
)
_NAME = r"(?P<name>[A-Z][\w'’-]+(?: [A-Z][\w'’-]+)?)"
_DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_MONTH = "(?:january|february|march|april|may|june|july|august|september|october|november|december)"
_WHEN = (
    r"\b(?:today|tonight|tomorrow|yesterday"
    rf"|(?:on|this|next|last) {_DAY}|(?:next|last) (?:week|month|year)|in {_MONTH})\b"
)
_PLAY = re.compile(
    r"[*_~>]|\b(?:if|imagine|pretend|suppose|what if|would|could|as if|joke|kidding|said|says|asked)\b", re.I
)
_NOT = re.compile(r"\b(?:not|never|no longer|don'?t|doesn'?t|didn'?t|isn'?t|wasn'?t|aren'?t|hardly)\b|n't\b", re.I)
_SENTENCE = re.compile(r"[^.!?\n;]+[.!?]*")
MAX_WORDS = 40
"""A longer sentence says too much at once to be one fact."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing worth keeping. Two of one `subject` cannot both be true now, unless it is empty."""

    kind: str
    text: str
    subject: str
    confidence: float


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: re.Pattern[str]
    build: Callable[[re.Match[str], datetime], Fact | None]


def extract(text: str, said_on: datetime) -> Iterator[Fact]:
    """The facts of one message of the person, in order."""
    for found in _SENTENCE.finditer(text):
        sentence = found.group().strip()
        if not _plain(sentence):
            continue
        for rule in _RULES:
            match = rule.pattern.search(sentence)
            if match and (fact := rule.build(match, said_on)) is not None:
                yield fact


def _plain(sentence: str) -> bool:
    """Whether a sentence is an honest statement that a rule may read."""
    return not (
        sentence.endswith("?")
        or len(sentence.split()) > MAX_WORDS
        or _PLAY.search(sentence)
        or _NOT.search(sentence)
        or sentence[:1] in "\"'“‘("
    )


def _clean(value: str) -> str:
    return re.split(r"\s+(?:and|but|because|so|which|who|where)\s+|,", value.strip(" .!,"), maxsplit=1)[0].strip(" .!,")


def _named(match: re.Match[str], _: datetime) -> Fact:
    relation = match["relation"].lower()
    return Fact("person", f"Their {relation} is called {match['name']}", f"{relation} is called", 0.9)


def _about(kind: str, words: str, subject: str, confidence: float) -> Callable[[re.Match[str], datetime], Fact | None]:
    def build(match: re.Match[str], _: datetime) -> Fact | None:
        value = _clean(match["value"])
        if not value or len(value.split()) > 8:
            return None
        return Fact(kind, words.format(value), subject.format(value.casefold()), confidence)

    return build


def _event(match: re.Match[str], said_on: datetime) -> Fact:
    return Fact("event", f"Said on {said_on:%d %B %Y}: “{match.string.strip()}”", "", 0.7)


def _rule(pattern: str, build: Callable[[re.Match[str], datetime], Fact | None], flags: int = re.I) -> _Rule:
    return _Rule(re.compile(pattern, flags), build)


_VALUE = r"(?P<value>[\w][^.!?;]{1,60})"
_RULES = (
    _rule(
        rf"\b[Mm]y (?P<relation>{RELATIONS})(?:'s name is|’s name is| is called| is named| called| named|,?) {_NAME}",
        _named,
        0,
    ),
    _rule(
        rf"\b(?:[Mm]y name is|[Cc]all me|I am called|I'm called) {_NAME}",
        lambda m, _: Fact("fact", f"They are called {m['name']}", "they are called", 0.95),
        0,
    ),
    _rule(
        rf"\b(?:I live|I am living|I'm living)(?: now)? in {_VALUE}",
        _about("fact", "They live in {}", "they live in", 0.85),
    ),
    _rule(rf"\b(?:I moved to) {_VALUE}", _about("fact", "They live in {}", "they live in", 0.7)),
    _rule(rf"\b(?:I'm|I am) from {_VALUE}", _about("fact", "They are from {}", "they are from", 0.85)),
    _rule(rf"\bI work (?:as|at|for|in) {_VALUE}", _about("fact", "They work: {}", "they work", 0.8)),
    _rule(r"\b(?:I'm|I am) (?P<value>\d{2}) years old", _about("fact", "They are {} years old", "age", 0.9)),
    _rule(rf"\b(?:I'm|I am) allergic to {_VALUE}", _about("fact", "They are allergic to {}", "allergic to {}", 0.9)),
    _rule(
        r"\b[Mm]y favou?rite (?P<value>\w+(?: \w+)? is [^.!?;]{1,40})",
        _about("preference", "Their favourite {}", "", 0.85),
    ),
    _rule(
        rf"\bI (?:really |just )?(?:love|like|enjoy|adore) (?!you\b|it\b|that\b|this\b|how\b|when\b|to be\b){_VALUE}",
        _about("preference", "They like {}", "likes {}", 0.75),
    ),
    _rule(
        rf"\bI (?:really )?(?:hate|dislike|can't stand) (?!you\b|it\b|that\b|this\b|how\b|when\b|myself\b){_VALUE}",
        _about("preference", "They dislike {}", "likes {}", 0.75),
    ),
    _rule(rf"\b(?:I|we)\b.{{3,}}{_WHEN}", _event),
)
