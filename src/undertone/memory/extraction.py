"""Facts, preferences, people and events in what somebody said, by careful rules: rather nothing than junk.

    for fact in extract("My sister Ana lives in Porto", said_on): ...

Sentences pass the junk gate (`gate`), then each rule (`rules`) reads each clause once. Reads English, with the
shortcuts of chat. What one fact does to another is `consolidation`'s business.
"""

import re
from collections.abc import Iterator
from datetime import datetime

from undertone.memory import gate
from undertone.memory.rules import ENDS, RULES, Fact

__all__ = ["Fact", "extract"]

_SENTENCE = re.compile(r"(?:[^.!?\n;]|\.(?=\w))+[.!?]*")
_CLAUSE = re.compile(
    r"\s*(?:,? (?:but|because|since|although|though|so)\b|,? and (?=(?:i|i'm|i've|my|we|she|he)\b))\s*", re.I
)
_PAIR = re.compile(r"(\bmy \w+) and I\b", re.I)
_TAIL = re.compile(
    r"(?:,\s*|\s+)(?:btw|by the way|lol|haha\w*|tbh|honestly|actually|originally|fyi|x+|again|anyway)[\s.!]*$", re.I
)
_CHAT = tuple(
    (re.compile(rf"\b(?:{short})\b", re.I), full)
    for short, full in (
        ("im", "I'm"),
        ("ive", "I've"),
        ("i", "I"),
        ("i'm", "I'm"),
        ("i've", "I've"),
        ("dont", "don't"),
        ("doesnt", "doesn't"),
        ("didnt", "didn't"),
        ("cant", "can't"),
        ("wasnt", "wasn't"),
        ("isnt", "isn't"),
        ("fav|fave", "favourite"),
        ("luv", "love"),
        ("rly|rlly", "really"),
        ("gf", "girlfriend"),
        ("bf", "boyfriend"),
        ("bday", "birthday"),
        ("bro", "brother"),
        ("names(?= (?:is|[A-Z]))", "name"),
    )
)


def extract(text: str, said_on: datetime) -> Iterator[Fact]:
    """The facts of one message of the person, in order, each once."""
    seen: set[tuple[str, str]] = set()
    for found in _SENTENCE.finditer(text.replace("’", "'")):
        sentence = found.group().strip()
        if gate.refusal(sentence, negated=True, others=True) is not None:
            continue
        for clause in clauses(sentence):
            for fact in () if gate.gossips(clause) else _read(clause, said_on):
                if (key := (fact.subject, fact.text.casefold())) not in seen:
                    seen.add(key)
                    yield fact


def clauses(sentence: str) -> list[str]:
    """The parts of a sentence that say one thing each, in the spelling that rules read."""
    for pattern, full in _CHAT:
        sentence = pattern.sub(full, sentence)
    parts = [_TAIL.sub("", part).strip(" .,!") for part in _CLAUSE.split(_PAIR.sub(r"\1 & I", sentence))]
    parts = [part.replace(" & I", " and I") for part in parts]
    return [part for part in parts if part]


def _read(clause: str, said_on: datetime) -> Iterator[Fact]:
    denied = gate.denies(clause)
    over = next((fact for end in ENDS if (fact := end.read(clause)) is not None), None)
    if over is not None:
        yield over
    for rule in RULES:
        if denied and not rule.denied:
            continue
        fact = rule.read(clause, said_on)
        if fact is not None and (over is None or fact.kind == "event"):
            yield fact
