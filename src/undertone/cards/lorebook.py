"""The lorebook of a card: which entries fire for what was said, within a number of tokens, and what stayed out.

    fired = trigger(text_of_book, said, budget=400, count=count)      # `said`: newest last

Keys match whole words; regular expressions run in RE2, whose time grows with the text alone, and what RE2 cannot run
(look-around, back-references) never fires. A book is compiled once. Pure; what fires is material, never instruction.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, cast

import re2

from undertone.cards import strict_json

MOST_ENTRIES = 5_000
SCAN_DEPTH = 4
"""Messages looked at where the book does not say; never more than MOST_DEPTH."""
MOST_DEPTH = 50
MOST_ROUNDS = 3
"""Entries may fire entries, this often, where the book wants that at all."""
MOST_PATTERN = 500
MOST_SCANNED = 40_000
"""Characters of what was said that are looked at, the newest."""
_WORDS = re.compile(r"\w+")
_SLASHED = re.compile(r"/(.*)/([a-z]*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, as far as it matters for firing."""

    number: int
    name: str
    content: str
    order: float
    priority: float
    constant: bool
    case_sensitive: bool
    keys: tuple[str, ...]
    """Folded already unless the case matters."""
    secondary: tuple[str, ...]
    patterns: tuple[Any, ...]
    """Compiled by RE2; instead of `keys` where the entry uses regular expressions."""


@dataclass(frozen=True, slots=True)
class Fired:
    """What a message set off: entries in the order in which they stand in the request, and what stayed out and why."""

    entries: tuple[Entry, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Book:
    entries: tuple[Entry, ...]
    scan_depth: int
    token_budget: int | None
    recursive: bool
    by_word: dict[str, tuple[Entry, ...]]
    """Entries by the rarest word of a key, folded: a key can only stand where that word does."""
    others: tuple[Entry, ...]
    """Entries that have to be tried each time: patterns, and scripts that are written without spaces."""
    refused: tuple[str, ...] = field(default=())


def trigger(book: str, said: Sequence[str], *, budget: int, count: Callable[[str], int]) -> Fired:
    """The entries that fire for what was said, oldest first, `budget` tokens at most as `count` counts them.

    Over the budget the lowest priority goes first, as the specification has it.
    """
    if not book:
        return Fired()
    compiled = _compiled(book)
    fired = {entry.number: entry for entry in compiled.entries if entry.constant}
    text = "\n".join(said[-compiled.scan_depth :])[-MOST_SCANNED:]
    for _ in range(MOST_ROUNDS if compiled.recursive else 1):
        fresh = [entry for entry in _matching(compiled, text) if entry.number not in fired]
        if not fresh:
            break
        fired |= {entry.number: entry for entry in fresh}
        text = "\n".join(entry.content for entry in fresh)[:MOST_SCANNED]
    room = budget if compiled.token_budget is None else min(budget, compiled.token_budget)
    kept: list[Entry] = []
    left_out = list(compiled.refused)
    for entry in sorted(fired.values(), key=lambda e: (-e.constant, -e.priority, e.order, e.number)):
        cost = count(entry.content) + 2
        if cost > room:
            left_out.append(f"lorebook: {entry.name!r} ({cost} tokens) did not fit")
            continue
        room -= cost
        kept.append(entry)
    return Fired(tuple(sorted(kept, key=lambda e: (e.order, e.number))), tuple(left_out))


def faults(book: str) -> tuple[str, ...]:
    """What of a book will never fire, and why."""
    return _compiled(book).refused if book else ()


@lru_cache(maxsize=64)
def _compiled(book: str) -> _Book:
    data = strict_json.parse(book.encode("utf-8", "replace"), "The lorebook")
    refused: list[str] = []
    entries: list[Entry] = []
    listed = data.get("entries")
    rows: list[Any] = list(listed.values()) if isinstance(listed, dict) else listed if isinstance(listed, list) else []
    for number, row in enumerate(rows[:MOST_ENTRIES]):
        entry = _entry(number, row, refused)
        if entry is not None:
            entries.append(entry)
    if len(rows) > MOST_ENTRIES:
        refused.append(f"lorebook: {len(rows) - MOST_ENTRIES} entries beyond {MOST_ENTRIES:,}")
    common = Counter(word for entry in entries for key in entry.keys for word in _words(key))
    by_word: dict[str, list[Entry]] = {}
    others: list[Entry] = []
    for entry in entries:
        rarest = {min(_words(key), key=lambda word: common[word], default="") for key in entry.keys}
        if entry.patterns or "" in rarest:
            others.append(entry)
            continue
        for word in rarest:
            by_word.setdefault(word, []).append(entry)
    return _Book(
        tuple(entries),
        min(max(_whole(data.get("scan_depth"), SCAN_DEPTH), 1), MOST_DEPTH),
        max(0, _whole(data["token_budget"], 0)) if isinstance(data.get("token_budget"), int) else None,
        data.get("recursive_scanning") is True,
        {word: tuple(those) for word, those in by_word.items()},
        tuple(others),
        tuple(refused),
    )


def _entry(number: int, row: Any, refused: list[str]) -> Entry | None:
    if not isinstance(row, dict) or row.get("enabled") is False:
        return None
    entry = cast(dict[str, Any], row)
    marks, content = _decorators(entry.get("content"))
    name = str(entry.get("name") or entry.get("comment") or f"entry {number + 1}")[:60]
    if not content or "@@dont_activate" in marks:
        return None
    keys, patterns = _texts(entry.get("keys")), list[Any]()
    if entry.get("use_regex") is True:
        patterns = [p for p in (_pattern(key, entry, name, refused) for key in keys) if p is not None]
        keys = ()
    return Entry(
        number,
        name,
        content,
        _number(entry.get("insertion_order")),
        _number(entry.get("priority")),
        entry.get("constant") is True or "@@activate" in marks,
        entry.get("case_sensitive") is True,
        _folded(keys, entry),
        _folded(_texts(entry.get("secondary_keys")), entry) if entry.get("selective") is True else (),
        tuple(patterns),
    )


def _decorators(content: Any) -> tuple[set[str], str]:
    """V3 writes `@@name value` lines above the content; they steer, and are no part of it."""
    lines = content.splitlines() if isinstance(content, str) else []
    marks: set[str] = set()
    while lines and lines[0].startswith("@@"):
        marks.add(lines.pop(0).split(" ")[0].replace("@@@", "@@"))
    return marks, "\n".join(lines).strip()


def _pattern(key: str, entry: dict[str, Any], name: str, refused: list[str]) -> Any:
    slashed = _SLASHED.fullmatch(key)
    body, flags = (slashed[1], slashed[2]) if slashed else (key, "")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    options.case_sensitive = "i" not in flags and (entry.get("case_sensitive") is True or slashed is not None)
    try:
        if len(body) > MOST_PATTERN:
            raise re2.error("too long")
        return re2.compile(body, options)
    except re2.error:
        refused.append(f"lorebook: a pattern of {name!r} cannot be run safely and never fires")
        return None


def _matching(book: _Book, text: str) -> list[Entry]:
    folded = text.casefold()
    words = set(_WORDS.findall(folded))
    candidates = {e.number: e for word in words & book.by_word.keys() for e in book.by_word[word]}
    candidates |= {entry.number: entry for entry in book.others}
    return [entry for entry in candidates.values() if _fires(entry, text, folded)]


def _fires(entry: Entry, text: str, folded: str) -> bool:
    hit = any(p.search(text) for p in entry.patterns) or any(_stands(k, entry, text, folded) for k in entry.keys)
    return hit and (not entry.secondary or any(_stands(key, entry, text, folded) for key in entry.secondary))


def _stands(key: str, entry: Entry, text: str, folded: str) -> bool:
    """Whether the key stands in the text as whole words; where a script has no spaces, whether it stands there."""
    where, what = (text if entry.case_sensitive else folded), key
    at = where.find(what)
    while at >= 0:
        end = at + len(what)
        before = at > 0 and _glued(where[at - 1]) and _glued(what[0])
        after = end < len(where) and _glued(where[end]) and _glued(what[-1])
        if not (before or after):
            return True
        at = where.find(what, at + 1)
    return False


def _glued(letter: str) -> bool:
    return (letter.isalnum() or letter == "_") and letter < "\u0e00"


def _words(key: str) -> list[str]:
    """The key's words, folded; none where words do not begin and end at spaces."""
    found = _WORDS.findall(key.casefold())
    return found if all(_glued(letter) for word in found for letter in word) else []


def _texts(value: Any) -> tuple[str, ...]:
    items: list[Any] = value if isinstance(value, list) else []
    return tuple(item.strip() for item in items[:200] if isinstance(item, str) and item.strip() and len(item) <= 1000)


def _folded(keys: tuple[str, ...], entry: dict[str, Any]) -> tuple[str, ...]:
    return keys if entry.get("case_sensitive") is True else tuple(key.casefold() for key in keys)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def _whole(value: Any, otherwise: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise
