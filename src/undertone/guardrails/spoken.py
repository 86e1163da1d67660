"""What the engine says in its own fixed words, by language: a break, no contact, a person asked for.

    spoken.words("break", "de", minutes=60)

The words are data (`spoken.toml`). Knows when nothing of it is due.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

Name = Literal["break", "stopped", "again", "asked", "waiting", "taken", "nobody", "resumed", "arrived", "left"]


def words(name: Name, language: str | None, **values: object) -> str:
    """One text; English where the language has none."""
    texts = _texts()
    found = texts.get((language or "en").lower().partition("-")[0], texts["en"])
    return found.get(name, texts["en"][name]).format(**values)


@cache
def _texts() -> Mapping[str, Mapping[str, str]]:
    return tomllib.loads((Path(__file__).parent / "spoken.toml").read_text("utf-8"))
