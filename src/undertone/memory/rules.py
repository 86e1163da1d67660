"""The rules of extraction as functions: `rules.toml` says what is looked for, this how it becomes a memory.

    for rule in RULES: fact = rule.read(clause, said_on)        # None where it does not apply

A rule reads one clause in the first person that the junk gate let pass. See `extraction`.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any

AGES = range(18, 111)


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing worth keeping. Two of one `subject` cannot both be true now, unless it is empty."""

    kind: str
    text: str
    subject: str
    confidence: float
    ends: bool = False
    """True when it says that what was true of its subject no longer is, and is nothing to keep itself."""


def _load(name: str) -> dict[str, Any]:
    return tomllib.loads((files("undertone.memory") / name).read_text(encoding="utf-8"))


_WORDS: dict[str, list[str]] = _load("words.toml")
ONE_OF = frozenset(_WORDS["one_of"])
"""Relations of which there is one: another name takes the place of the first. There may be two sisters."""
_DAY = "(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_MONTH = (
    "(?:january|february|march|april|may|june|july|august|september|october|november|december"
    "|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)"
)
_SEASON = "spring|summer|autumn|winter|christmas|easter"
_WHEN = (
    rf"\b(?:tomorrow|today|tonight|yesterday|due (?:in )?{_MONTH}"
    rf"|(?:on|this|next|last|until|till|by) (?:{_DAY}|week(?:end)?|month|year|{_SEASON})"
    rf"|in (?:{_MONTH}|the (?:{_SEASON})|(?:a|one|two|three|four|\d+) (?:days?|weeks?|months?))"
    rf"|(?:on )?the \d{{1,2}}(?:st|nd|rd|th)(?: of {_MONTH})?"
    rf"|(?:on )?{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?|(?:on )?\d{{1,2}} {_MONTH})\b"
)
_PIECES = {
    "name": r"(?P<name>[A-Z][\w'-]+(?: [A-Z][\w'-]+)?)",
    "place": (
        r"(?P<value>(?:the )?[A-Za-z][\w'-]+(?:,? [A-Z][\w'-]+| (?:the|of|city|village|countryside|coast|upon|on))*)"
    ),
    "value": r"(?P<value>\w[^.!?;]{1,60})",
    "relation": f"(?P<relation>{'|'.join(_WORDS['relations'])})",
    "day": _DAY,
    "month": _MONTH,
    "when": _WHEN,
    "i_often": r"\bI (?:(?:really|just|do|absolutely|totally|quite|bloody|genuinely|properly) )*",
    "i_am": r"\bI(?:'m| am) (?:(?:a|an|still|now|actually|really|so|already|officially) )*",
    "more": "(?:any ?more|any longer|these days|now)",
} | {name: "|".join(words) for name, words in _WORDS.items() if name != "relations"}


def _compiled(pattern: str, *, case: bool = False) -> re.Pattern[str]:
    for name, piece in _PIECES.items():
        pattern = pattern.replace(f"{{{name}}}", piece)
    return re.compile(pattern, 0 if case else re.I)


_NOTHING = _compiled(r"^(?:{nothing})\b")
_PASSING = _compiled(r"\b(?:{passing})\b")
_CUT = _compiled(r"\s+(?:{cut})\b.*|\s*[,(:–].*| - .*")
_DANGLING = frozenset(_WORDS["dangling"])
_THEIRS = re.compile(r"\b(?:my|myself|I(?:'m|'ve|'d|'ll)?)\b", re.I)
_NO_NAME = frozenset(_WORDS["no_names"])


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `denied` ones read denials too: "I don't drink"."""

    pattern: re.Pattern[str]
    kind: str
    text: str
    subject: str
    confidence: float
    most: int
    """Most words of a value: a longer one is a story."""
    build: str
    denied: bool

    def read(self, clause: str, said_on: datetime) -> Fact | None:
        """The memory that a clause becomes."""
        match = self.pattern.search(clause)
        if match is None:
            return None
        groups = {name: found for name, found in match.groupdict().items() if found}
        if self.build == "quoted":
            return Fact(self.kind, f"Said on {said_on:%d %B %Y}: “{clause}”", "", self.confidence)
        if self.build in ("named", "called"):
            return _name(self.build, groups)
        if self.build == "age":
            age = int(groups["value"])
            return Fact("fact", f"They are {age} years old", "age", 0.85) if age in AGES else None
        return self._about(groups)

    def _about(self, groups: Mapping[str, str]) -> Fact | None:
        """Put the value, if there is one, into the text."""
        value = _clean(groups.get("value", ""))
        if "value" in groups:
            if self.build == "place" and value.casefold().split(" ")[0] in _NO_NAME:
                return None
            if not value or len(value.split()) > self.most or _NOTHING.match(value) or _PASSING.search(value):
                return None
            if value.casefold().split()[-1] in _DANGLING:
                return None
            value = _THEIRS.sub(_theirs, value)
            value = _capital(value) if self.build == "place" or self.text.endswith("lives in {}") else value
        relation, what = groups.get("relation", "").lower(), groups.get("what", "").casefold()
        text = self.text.replace("{relation}", relation).replace("{what}", what).replace("{}", value)
        subject = self.subject.replace("{relation}", relation).replace("{what}", what.rstrip("s"))
        return Fact(self.kind, text, subject.replace("{}", value.casefold()), self.confidence)


@dataclass(frozen=True, slots=True)
class End:
    """A rule for what was true and no longer is."""

    pattern: re.Pattern[str]
    subject: str

    def read(self, clause: str) -> Fact | None:
        match = self.pattern.search(clause)
        if match is None:
            return None
        value = _clean(match["value"] or "").casefold()
        return Fact("fact", f"no longer: {value}", self.subject.replace("{}", value), 0.85, ends=True)


def _clean(value: str) -> str:
    value = value.strip(" .!,")
    return value if value.casefold().startswith(("people who", "people that")) else _CUT.sub("", value).strip(" .!,'\"")


def _theirs(match: re.Match[str]) -> str:
    word = match.group().lower()
    return {"my": "their", "myself": "themselves", "i'm": "they're"}.get(word, "they" + word[1:])


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _name(build: str, groups: Mapping[str, str]) -> Fact | None:
    """Somebody's name; most words that stand where a name may stand are none."""
    name = _capital(groups["name"].removesuffix("'s"))
    if name.casefold().split()[0] in _NO_NAME:
        return None
    if build == "called":
        return Fact("fact", f"They are called {name}", "they are called", 0.95)
    relation = groups["relation"].lower()
    return Fact(
        "person", f"Their {relation} is called {name}", f"{relation} is called" if relation in ONE_OF else "", 0.9
    )


def _rules() -> tuple[tuple[Rule, ...], tuple[End, ...]]:
    data = _load("rules.toml")
    rules = tuple(
        Rule(
            _compiled(row["pattern"], case=row.get("case", False)),
            row.get("kind", "fact"),
            row.get("text", ""),
            row.get("subject", ""),
            row.get("confidence", 0.85),
            row.get("most", 7),
            row.get("build", "about"),
            row.get("denied", False),
        )
        for row in data["rule"]
    )
    return rules, tuple(End(_compiled(row["pattern"]), row["subject"]) for row in data["end"])


RULES, ENDS = _rules()
"""In order; the ends are read first."""
