"""What a persona may hold: every fault of what a creator wrote is named, nothing is silently changed.

    check("mira", {"name": "Mira", "voice": "...", "temperature": 3})     # Unprocessable: temperature ...

For what comes in by API and command line. Stored and shipped personas are clamped by `personas.from_card` instead.
"""

import re
from collections.abc import Mapping
from typing import Any

from undertone.cards.strict_json import MOST_BYTES
from undertone.errors import Unprocessable

ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}")
TEMPERATURE = (0.0, 1.2)
MAX_TOKENS = (60, 1000)
TEXTS: Mapping[str, int] = {
    "name": 80,
    "tagline": 300,
    "voice": 40_000,
    "greeting": 8_000,
    "examples": 40_000,
    "direction": 20_000,
    "creator": 200,
    "real_person": 120,
    "book": MOST_BYTES,
}
"""Text fields and their most characters."""
LISTS: Mapping[str, tuple[int, int]] = {
    "boundaries": (50, 500),
    "lore": (200, 20_000),
    "greetings": (100, 8_000),
    "languages": (20, 35),
    "stop": (4, 40),
}
"""Lists of texts: most items, most characters of one."""
FLAGS = ("flirts", "offers")
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+-]{0,119}")
_KINDS = frozenset({"greet", "reflect", "ask", "comfort", "farewell", "plain"})


def check(persona_id: str, data: Mapping[str, Any]) -> None:
    """Raise Unprocessable with every fault of a persona's data."""
    faults = [f"the id '{persona_id[:60]}' must be a-z, 0-9, - and _"] if not ID.fullmatch(persona_id) else []
    known = {*TEXTS, *LISTS, *FLAGS, "model", "temperature", "max_tokens", "phrases"}
    faults += [f"'{name[:40]}' is not a field of a persona" for name in sorted(data.keys() - known)]
    faults += [f"'{name}' is needed" for name in ("name", "voice") if not str(data.get(name) or "").strip()]
    for name, most in TEXTS.items():
        faults += _text(name, data.get(name, ""), most)
    if re.search(r"[<>{}\x00-\x1f\x7f-\x9f]", str(data.get("name", ""))):
        faults.append("'name' must be one line without < > { }")
    for name, (items, most) in LISTS.items():
        faults += _list(name, data.get(name, []), items, most)
    faults += [f"'{name}' must be true or false" for name in FLAGS if not isinstance(data.get(name, True), bool)]
    faults += _number("temperature", data.get("temperature", 0.85), *TEMPERATURE)
    faults += _number("max_tokens", data.get("max_tokens", 600), *MAX_TOKENS)
    if isinstance(data.get("max_tokens", 600), float):
        faults.append("'max_tokens' must be a whole number")
    faults += _model(data.get("model"))
    faults += _phrases(data.get("phrases", {}))
    if faults:
        raise Unprocessable(f"The persona cannot be kept: {'; '.join(faults[:10])}.")


def _text(name: str, value: Any, most: int) -> list[str]:
    if not isinstance(value, str):
        return [f"'{name}' must be text"]
    if len(value) > most:
        return [f"'{name}' has {len(value):,} characters, at most {most:,} are kept"]
    odd = "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value)
    return [f"'{name}' holds characters that are no text"] if odd else []


def _list(name: str, value: Any, items: int, most: int) -> list[str]:
    if not isinstance(value, list | tuple):
        return [f"'{name}' must be a list of texts"]
    rows: list[Any] = list(value)
    if len(rows) > items:
        return [f"'{name}' has {len(rows):,} items, at most {items} are kept"]
    return [fault for row in rows for fault in _text(name, row, most)][:1]


def _number(name: str, value: Any, low: float, high: float) -> list[str]:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        return [f"'{name}' must be a number from {low:g} to {high:g}"]
    return []


def _model(value: Any) -> list[str]:
    """A model's name at the endpoint that the operator configured; never an address of another one."""
    fits = value is None or (isinstance(value, str) and _MODEL.fullmatch(value) and "//" not in value)
    return [] if fits and ".." not in str(value) else ["'model' must be a model's name, not an address"]


def _phrases(value: Any) -> list[str]:
    if not isinstance(value, Mapping) or not {str(key) for key in value} <= _KINDS:
        return [f"'phrases' must be lists of texts under {', '.join(sorted(_KINDS))}"]
    rows: dict[str, Any] = {str(key): lines for key, lines in value.items()}
    return [fault for lines in rows.values() for fault in _list("phrases", lines, 50, 500)]
