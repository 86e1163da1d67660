"""The output rail: holds a streamed reply back sentence by sentence and replaces the ones that must not be said.

    rail = OutputRail("Mira", canaries=[token], protected=[rules])
    for piece in stream: send(rail.feed(piece))
    send(rail.finish());  rail.tripped    # None, or the rule that fired: leak humanity purchase secrecy pressure

A sentence is released when its end is seen, so a clean reply is delayed by at most the sentence being written. After a
leak nothing more of that reply is released. Knows no model and no person; the phrases it knows are in `phrases.toml`.
"""

import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

LONGEST_HELD: Final = 320
"""Characters without a sentence end after which the words so far are judged and released at a space."""
SHINGLE: Final = 8
"""A reply that repeats this many words in a row of a protected text leaks it."""

_END: Final = re.compile(r"(?:[.!?…]+[\"'”’)\]*_]*|[。！？]+[」』）]*)(?=\s)|\n+")
_QUOTES: Final = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "…": ".", "\xa0": " "})
_WORD: Final = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Rule:
    """A name, the patterns that break it, and the patterns that excuse it in the same sentence."""

    name: str
    broken: re.Pattern[str]
    excused: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Phrases:
    """`phrases.toml`: the rules in order, and by language and rule the sentence said instead."""

    rules: tuple[Rule, ...]
    safe: Mapping[str, Mapping[str, str]]


@cache
def phrases() -> Phrases:
    """The shipped phrases, compiled once."""
    raw = tomllib.loads((Path(__file__).parent / "phrases.toml").read_text("utf-8"))

    def pattern(alternatives: Sequence[str]) -> re.Pattern[str]:
        joined = "|".join(f"(?:{one})" for one in alternatives) or "(?!)"
        for name, words in raw["words"].items():
            joined = joined.replace(f"<{name}>", f"(?:{words})")
        return re.compile(joined)

    rules = tuple(Rule(r["name"], pattern(r["broken"]), pattern(r["excused"])) for r in raw["rule"])
    return Phrases(rules, raw["safe"])


class OutputRail:
    """One reply's rail; make a new one for each reply."""

    def __init__(
        self, persona_name: str, canaries: Sequence[str] = (), *, protected: Sequence[str] = (), language: str = "en"
    ) -> None:
        self.tripped: str | None = None
        self.trips: list[str] = []
        """Every rule that fired, in order."""
        self._name = persona_name
        self._canaries = [c for c in (_letters(canary) for canary in canaries) if c]
        self._shingles = {s for text in protected for s in _shingles(text)}
        safe = phrases().safe
        self._safe = safe.get(language.lower().partition("-")[0], safe["en"])
        self._held = ""
        self._before = ""
        self._ended = False

    def feed(self, text: str) -> str:
        """Take the next piece of the reply; return what may be released now (often nothing)."""
        if self._ended:
            return ""
        self._held += text
        out: list[str] = []
        while (cut := self._cut()) is not None and not self._ended:
            sentence, self._held = self._held[:cut], self._held[cut:]
            out.append(self._judge(sentence))
        return "".join(out)

    def finish(self) -> str:
        """The reply is over: return the rest of what may be released."""
        sentence, self._held = self._held, ""
        return self._judge(sentence) if sentence and not self._ended else ""

    def _cut(self) -> int | None:
        """Where the first whole sentence ends in what is held, or None while it is still being written."""
        if found := _END.search(self._held):
            return found.end()
        if len(self._held) > LONGEST_HELD:
            space = self._held.rfind(" ")
            return space if space > 0 else len(self._held)
        return None

    def _judge(self, sentence: str) -> str:
        rule = self._leak(sentence) or broken_rule(sentence, self._before)
        self._before = (self._before + sentence)[-LONGEST_HELD:]
        if rule is None:
            return sentence
        self.tripped = self.tripped or rule
        self._ended = rule == "leak"
        again = rule in self.trips
        self.trips.append(rule)
        lead = sentence[: len(sentence) - len(sentence.lstrip())]
        return "" if again else lead + self._safe[rule].format(name=self._name)

    def _leak(self, sentence: str) -> str | None:
        seen = _letters(self._before + sentence)
        if any(canary in seen for canary in self._canaries):
            return "leak"
        if self._shingles and not self._shingles.isdisjoint(_shingles(self._before + sentence)):
            return "leak"
        return None


def broken_rule(sentence: str, before: str = "") -> str | None:
    """The first rule `sentence` breaks, read after the words `before` it, or None."""
    words = _plain(sentence)
    text = f"{_plain(before)} {words}"
    start = len(text) - len(words)
    for rule in phrases().rules:
        reaches_here = any(found.end() > start for found in rule.broken.finditer(text))
        if reaches_here and not rule.excused.search(words):
            return rule.name
    return None


def _plain(text: str) -> str:
    """Lower case, plain quotes, no emphasis marks, single spaces."""
    text = unicodedata.normalize("NFKC", text).translate(_QUOTES).casefold()
    return " ".join(text.replace("*", " ").replace("_", " ").split())


def _letters(text: str) -> str:
    """Letters and digits only, so that spacing, case or punctuation cannot hide a canary."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


def _shingles(text: str) -> set[tuple[str, ...]]:
    words = _WORD.findall(_plain(text))
    return {tuple(words[i : i + SHINGLE]) for i in range(len(words) - SHINGLE + 1)}
