"""Cues in words: which hand-written patterns of `lexicon.toml` a message shows.

    cues("crisis", normalise(text))        # Cues(plain=1, sign=2, lower=0)

Counts what it sees and decides nothing; the heads know how much a cue is worth. Knows wording, not meaning.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

MOST: Final = 2
"""More cues of a sort than this say nothing further."""

Patterns = tuple[re.Pattern[str], ...]


@dataclass(frozen=True, slots=True)
class Cues:
    """How many cues of each sort, at most MOST."""

    plain: int
    sign: int
    lower: int


def cues(head: str, text: str) -> Cues:
    """The cues of one head ("crisis", "human", "injection") in a text normalised by `learning.features.normalise`."""
    plain, sign, lower = _patterns()[head]
    return Cues(_count(plain, text), _count(sign, text), _count(lower, text))


def _count(patterns: Patterns, text: str) -> int:
    found = 0
    for pattern in patterns:
        if pattern.search(text):
            found += 1
            if found == MOST:
                break
    return found


@cache
def _patterns() -> dict[str, tuple[Patterns, Patterns, Patterns]]:
    raw = tomllib.loads((Path(__file__).parent / "lexicon.toml").read_text("utf-8"))

    def compiled(sources: Sequence[str]) -> Patterns:
        return tuple(re.compile(source) for source in sources)

    return {head: (compiled(f["plain"]), compiled(f["sign"]), compiled(f["lower"])) for head, f in raw.items()}
