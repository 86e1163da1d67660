"""Whether somebody asks what they talk with: a person or a machine, a body or none.

    asks_what_talks("is a real human typing your lines?")       # True

Stands beside the trained head and adds to it; a message too many costs one more notice. Knows wording, not meaning.
"""

import re
from functools import cache
from pathlib import Path
from tomllib import loads
from typing import Any, Final

import re2

from undertone.guardrails.spelling import folded, unaccented

LONGEST: Final = 300
"""Of a longer message only the first and the last so many characters are read."""

_GLUED: Final = re.compile(r"(?<=\w)[._-](?=\w)")
"""What holds words.together-like_this."""


def asks_what_talks(text: str) -> bool:
    """Whether `text` asks, doubts or guesses aloud whether a human being is here."""
    read = folded(text if len(text) <= 2 * LONGEST else f"{text[:LONGEST]}\n{text[-LONGEST:]}")
    read = _GLUED.sub(" ", read)
    asks, excused = _patterns()
    return asks.search(read) is not None and excused.search(read) is None


@cache
def _patterns() -> tuple[Any, Any]:
    raw = loads((Path(__file__).parent / "asking.toml").read_text("utf-8"))

    def compiled(group: str) -> Any:
        joined = "|".join(f"(?:{one})" for one in raw["patterns"][group])
        for name, words in raw["words"].items():
            joined = joined.replace(f"<{name}>", words)
        return re2.compile(unaccented(f"(?m){joined}"))

    return compiled("asks"), compiled("excused")
