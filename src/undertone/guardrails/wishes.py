"""What somebody asks of the engine itself, in plain words: no contact, contact again, a person, the AI again.

    wishes.of(text)             # frozenset({"stop"}), or an empty one

Patterns of `wishes.toml`, narrow on purpose. Decides nothing: the turn does. Knows wording, not meaning.
"""

import re
import tomllib
from functools import cache
from pathlib import Path

from undertone.learning.features import normalise


def of(text: str) -> frozenset[str]:
    """Which of "stop", "again", "human", "ai" a message asks for."""
    words, patterns = normalise(text), _patterns()
    if patterns["not_meant"].search(words):
        return frozenset()
    return frozenset(name for name, pattern in patterns.items() if pattern.search(words))


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    raw: dict[str, list[str]] = tomllib.loads((Path(__file__).parent / "wishes.toml").read_text("utf-8"))
    return {name: re.compile("|".join(f"(?:{one})" for one in sources)) for name, sources in raw.items()}
