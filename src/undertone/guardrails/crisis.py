"""The crisis protocol: fixed words by level and kind, and help lines by country, read from `protocol.json`.

    protocol = require_protocol()                       # at start: NotReady unless a complete, active protocol is there
    crisis_reply("US", "en", "suicidal")                # said instead of the model's reply
    check_in("en", "suicidal")                          # woven into the reply on a concern

The words are data so that counsel and operators can change them without code. Knows no model and no person; the help
lines are as good as the date beside them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from undertone.errors import NotReady

KINDS: Final = ("suicidal", "self_harm", "eating", "abuse", "danger")
SHIPPED: Final = Path(__file__).parent / "protocol.json"
_SENTENCES: Final = ("lines", "emergency", "emergency_unknown", "directory", "stay")


@dataclass(frozen=True, slots=True)
class HelpLine:
    """One help line. `contact` is what to dial, text or open; `kinds` what it is for; `checked` an ISO date."""

    name: str
    contact: str
    kinds: frozenset[str]
    source: str
    checked: str


@dataclass(frozen=True, slots=True)
class Protocol:
    """A validated protocol. `words` is by language: texts of `crisis` and `concern` by kind, and joining sentences."""

    version: str
    directory: str
    emergency: Mapping[str, str]
    lines: Mapping[str, tuple[HelpLine, ...]]
    words: Mapping[str, Mapping[str, Any]]


@lru_cache(maxsize=8)
def require_protocol(path: Path = SHIPPED) -> Protocol:
    """The protocol at `path`, checked to the last word. Raises NotReady: the engine does not run without one."""
    try:
        raw = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise NotReady(
            f"The crisis protocol {path.name} cannot be read ({error}). Restore it before starting."
        ) from error
    try:
        protocol = _parsed(raw)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise NotReady(f"The crisis protocol {path.name} is incomplete: {error}. Repair it before starting.") from error
    if raw.get("active") is not True:
        raise NotReady(
            f'The crisis protocol {path.name} is not active. Review it and set "active": true before starting.'
        )
    return protocol


def crisis_reply(country: str | None, language: str, kind: str, protocol: Protocol | None = None) -> str:
    """The fixed words for a crisis of this `kind`, the help lines of `country`, and where to find others.

    Unknown countries get the international directory, unknown languages English, unknown kinds "suicidal".
    """
    p = protocol or require_protocol()
    words = _words(p, language)
    place = (country or "").upper()
    kind = kind if kind in KINDS else "suicidal"
    number = p.emergency.get(place)
    found = help_lines(place, kind, p)
    parts = [words["crisis"][kind]]
    urgent = words["emergency"].format(number=number) if number else words["emergency_unknown"]
    listed = "\n".join(f"- {line.name}: {line.contact}" for line in found)
    parts.append(f"{words['lines']}\n{listed}\n{urgent}" if listed else urgent)
    parts.append(words["directory"].format(directory=p.directory))
    parts.append(words["stay"])
    return "\n\n".join(parts)


def check_in(language: str, kind: str, protocol: Protocol | None = None) -> str:
    """The gentle question for a concern of this `kind`."""
    words = _words(protocol or require_protocol(), language)["concern"]
    return words[kind if kind in KINDS else "suicidal"]


def help_lines(country: str, kind: str, protocol: Protocol | None = None) -> tuple[HelpLine, ...]:
    """The lines of a country (two-letter code) for this kind, all of them when none is specific; empty when unknown."""
    lines = (protocol or require_protocol()).lines.get(country.upper(), ())
    return tuple(line for line in lines if kind in line.kinds) or lines


def _words(protocol: Protocol, language: str) -> Mapping[str, Any]:
    return protocol.words.get(language.lower().partition("-")[0], protocol.words["en"])


def _parsed(raw: Mapping[str, Any]) -> Protocol:
    """Raises KeyError, TypeError, AttributeError or ValueError when anything is missing or empty."""
    for language, words in raw["words"].items():
        for level in ("crisis", "concern"):
            for kind in KINDS:
                _filled(words[level][kind], f"words.{language}.{level}.{kind}")
        for sentence in _SENTENCES:
            _filled(words[sentence], f"words.{language}.{sentence}")
        _filled(words["emergency"].format(number="112"), f"words.{language}.emergency")
        _filled(words["directory"].format(directory="-"), f"words.{language}.directory")
    if "en" not in raw["words"]:
        raise ValueError("words.en is missing")
    lines = {country: tuple(_line(line, country) for line in found) for country, found in raw["lines"].items()}
    directory = _filled(raw["directory"], "directory")
    return Protocol(_filled(raw["version"], "version"), directory, raw["emergency"], lines, raw["words"])


def _line(raw: Mapping[str, Any], country: str) -> HelpLine:
    text = {name: _filled(raw[name], f"lines.{country}.{name}") for name in ("name", "contact", "source", "checked")}
    kinds = frozenset(raw["for"])
    if not kinds or not kinds <= set(KINDS):
        raise ValueError(f"lines.{country}: `for` must name some of {', '.join(KINDS)}")
    return HelpLine(text["name"], text["contact"], kinds, text["source"], text["checked"])


def _filled(text: Any, where: str) -> str:
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"{where} is empty")
    return text
