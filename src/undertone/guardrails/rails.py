"""The output rail: holds a streamed reply back sentence by sentence and replaces the ones that must not be said.

    rail = OutputRail("Mira", canaries=[token], protected=[rules], asked=True)
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
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

import re2

from undertone.guardrails import canaries as hidden
from undertone.guardrails.spelling import folded, squeezed, unaccented

LONGEST_HELD: Final = 320
"""Characters without a sentence end after which the words so far are judged and released at a space."""
SHINGLE: Final = 8
"""A reply that repeats this many words in a row of a protected text leaks it."""

_END: Final = re.compile(
    r"[.!?…؟।]+[\"”»]+(?=\s+[^\sa-z])|(?:[.!?…؟।]+['’)\]*_]*|[。！？]+[」』）]*)(?=\s)|(?<=[。！？])(?=[^」』）。！？])|\n+"
)
"""A sentence's end; after a closing quote only where no `said she` follows."""
_CLAUSE: Final = re.compile(r"[.,!?;:()\u2014\n。、，！？]| but | yet | though | although ")
_WORD: Final = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Patterns:
    """Patterns looked for all at once, then one by one where they end."""

    together: Any
    each: tuple[Any, ...]

    def ends(self, text: str) -> list[tuple[int, int]]:
        """Where the patterns match in `text`: begin and end of each match."""
        return [found.span() for index in self.together.Match(text) or () for found in self.each[index].finditer(text)]


@dataclass(frozen=True, slots=True)
class Rule:
    """A name, what breaks it always, when somebody asked or leaves, what excuses that, and letters spelt out."""

    name: str
    broken: Patterns
    asked: Patterns
    leaving: Patterns
    excused: Any
    squeezed: Any


@dataclass(frozen=True, slots=True)
class Phrases:
    """`phrases.toml`: the rules in order, the frames, how a character speaks of itself and what of that is harmless,
    and by language and rule the sentence said instead."""

    rules: tuple[Rule, ...]
    framed: Any
    own: Any
    harmless: Any
    safe: Mapping[str, Mapping[str, str]]


@cache
def phrases() -> Phrases:
    """The shipped phrases, compiled once."""
    raw = tomllib.loads((Path(__file__).parent / "phrases.toml").read_text("utf-8"))
    options = re2.Options()
    options.max_mem = 256 << 20
    options.log_errors = False

    def spelt(one: str) -> str:
        for _ in range(2):
            for name, words in raw["words"].items():
                one = one.replace(f"<{name}>", f"(?:{words})")
        return f"(?m){unaccented(one)}"

    def patterns(alternatives: Sequence[str]) -> Patterns:
        each = [spelt(one) for one in alternatives]
        together = re2.Set.SearchSet(options)
        for one in each or [NEVER]:
            together.Add(one)
        together.Compile()
        return Patterns(together, tuple(re2.compile(one, options) for one in each or [NEVER]))

    def any_of(alternatives: Sequence[str]) -> Any:
        return re2.compile("|".join(f"(?:{spelt(one)})" for one in alternatives) or NEVER, options)

    rules = tuple(
        Rule(
            r["name"],
            patterns(r["broken"]),
            patterns(r.get("asked", ())),
            patterns(r.get("leaving", ())),
            any_of(r["excused"]),
            any_of([r["squeezed"]] if "squeezed" in r else ()),
        )
        for r in raw["rule"]
    )
    return Phrases(rules, any_of(raw["frames"]), any_of(raw["own"]), any_of(raw["harmless"]), raw["safe"])


NEVER: Final = r"[^\x00-\x{10FFFF}]"
"""Matches nothing; RE2 has no empty look-ahead."""


class OutputRail:
    """One reply's rail; make a new one for each reply.

    `asked`: the person asks what they talk with. `leaving`: they take their leave. Both make the rail stricter, since
    what it says instead then fits in any case.
    """

    def __init__(
        self,
        persona_name: str,
        canaries: Sequence[str] = (),
        *,
        protected: Sequence[str] = (),
        language: str = "en",
        asked: bool = False,
        leaving: bool = False,
    ) -> None:
        self.tripped: str | None = None
        self.trips: list[str] = []
        """Every rule that fired, in order."""
        self._name = persona_name
        self._hidden = [form for canary in canaries for form in hidden.forms(canary)]
        self._shingles = frozenset[tuple[str, ...]]().union(*(_shingles_of(text) for text in protected))
        safe = phrases().safe
        self._safe = safe.get(language.lower().partition("-")[0], safe["en"])
        self._asked, self._leaving = asked, leaving
        self._held = ""
        self._before = ""
        self._folded_before = ""
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
        words = folded(sentence)
        spelt_out = squeezed(sentence)
        rule = self._leak(sentence) or _broken(
            words, self._folded_before, spelt_out, asked=self._asked, leaving=self._leaving
        )
        self._before = (self._before + sentence)[-LONGEST_HELD:]
        self._folded_before = _joined(self._folded_before, words)[-LONGEST_HELD:]
        if rule is None:
            return sentence
        self.tripped = self.tripped or rule
        self._ended = rule == "leak"
        again = rule in self.trips
        self.trips.append(rule)
        lead = sentence[: len(sentence) - len(sentence.lstrip())]
        return "" if again else lead + self._safe[rule].format(name=self._name)

    def _leak(self, sentence: str) -> str | None:
        recent = self._before + sentence
        if self._hidden:
            seen = hidden.letters(recent)
            if any(form in seen for form in self._hidden):
                return "leak"
        if self._shingles and not self._shingles.isdisjoint(_shingles(recent)):
            return "leak"
        return None


def _broken(words: str, before: str, spelt_out: str, *, asked: bool, leaving: bool) -> str | None:
    """The first rule that folded `words` break, read after the words `before` them, or None."""
    text = _joined(before, words)
    start = len(text) - len(words)
    known = phrases()
    framed: bool | None = None
    for rule in known.rules:
        if spelt_out and rule.squeezed.search(spelt_out):
            return rule.name
        strict = (asked and _breaks(rule.asked, words, 0, rule)) or (leaving and _breaks(rule.leaving, words, 0, rule))
        if strict:
            return rule.name
        if _breaks(rule.broken, text, start, rule):
            if framed is None:
                framed = known.framed.search(words) is not None
            if not framed or rule.name == "leak":
                return rule.name
    if asked and _speaks_of_itself(words, "humanity"):
        return "humanity"
    return "pressure" if leaving and _speaks_of_itself(words, "pressure") else None


def _speaks_of_itself(words: str, name: str) -> bool:
    """Whether the character says something of itself in a clause that is neither harmless nor excused by that rule."""
    known = phrases()
    rule = next(rule for rule in known.rules if rule.name == name)
    for found in known.own.finditer(words):
        clause = _clause(words, *found.span())
        if not known.harmless.search(clause) and not rule.excused.search(clause):
            return True
    return False


def _joined(before: str, words: str) -> str:
    """Two sentences on a line each, so that patterns can say where one begins; two parts of one on the same line."""
    if not before:
        return words
    return f"{before} {words}" if before[-1].isalnum() or before[-1] in ",;:" else f"{before}\n{words}"


def _breaks(patterns: Patterns, text: str, start: int, rule: Rule) -> bool:
    """Whether a match reaches beyond `start` that its own clause does not excuse."""
    for begin, end in patterns.ends(text):
        clause = _clause(text, begin, end) if begin >= start else text[start:]
        if end > start and not rule.excused.search(clause):
            return True
    return False


def _clause(text: str, begin: int, end: int) -> str:
    """The match with the words round it up to the nearest comma, stop or "but"."""
    left = max((found.end() for found in _CLAUSE.finditer(text, 0, begin)), default=0)
    right = _CLAUSE.search(text, end)
    return text[left : right.start() if right else len(text)]


@lru_cache(maxsize=64)
def _shingles_of(text: str) -> frozenset[tuple[str, ...]]:
    return frozenset(_shingles(text))


def _shingles(text: str) -> set[tuple[str, ...]]:
    words = _WORD.findall(unicodedata.normalize("NFKC", text).casefold().replace("’", "'"))
    return {tuple(words[i : i + SHINGLE]) for i in range(len(words) - SHINGLE + 1)}
