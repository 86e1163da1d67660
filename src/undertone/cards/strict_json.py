"""JSON from strangers: bounded in size and depth, without duplicate keys, and every refusal says why.

    document = parse(data, "The card")

Python's own parser does the work; this looks first at what could hurt it. Knows nothing of cards.
"""

import json
import re
from typing import Any

from undertone.errors import BadInput, TooLarge

MOST_BYTES = 4_000_000
MOST_DEPTH = 40
MOST_DIGITS = 30
_STRUCTURE = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\Z|\\\Z)|[\[{]|[\]}]', re.DOTALL)
"""Texts are skipped whole, so that a bracket in one does not count; one that never ends takes the rest: linear time."""


def parse(data: bytes, what: str) -> dict[str, Any]:
    """The object in `data`, UTF-8. Raises BadInput or TooLarge; `what` begins the sentence."""
    if len(data) > MOST_BYTES:
        raise TooLarge(f"{what} has {len(data):,} bytes of JSON; at most {MOST_BYTES:,} are read.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{what} is not valid UTF-8: byte {error.start:,} cannot be read.") from None
    _check_depth(text, what)
    try:
        document = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_bounded)
    except json.JSONDecodeError as error:
        raise BadInput(f"{what} is not valid JSON: {error.msg} in line {error.lineno}.") from None
    except _Refused as error:
        raise BadInput(f"{what} {error}") from None
    if not isinstance(document, dict):
        raise BadInput(f"{what} must be a JSON object.")
    return document


def dump(document: dict[str, Any]) -> bytes:
    """As the tools that make cards write it: UTF-8, no spaces, keys in their order."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


class _Refused(ValueError):
    pass


def _check_depth(text: str, what: str) -> None:
    depth = 0
    for found in _STRUCTURE.finditer(text):
        mark = found.group()
        if mark in "[{":
            depth += 1
            if depth > MOST_DEPTH:
                raise BadInput(f"{what} is nested deeper than {MOST_DEPTH} levels.")
        elif mark in "]}":
            depth -= 1


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise _Refused(f"has the key {twice[:60]!r} twice in one object; which one counts is anybody's guess.")
    return found


def _no_constant(name: str) -> Any:
    raise _Refused(f"holds {name}, which is not JSON.")


def _bounded(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise _Refused(f"holds a number of {len(digits):,} digits.")
    return int(digits)
