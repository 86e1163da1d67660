"""Whether somebody takes their leave: from the chat, for the night, or for good.

    takes_leave("ok, off to bed")       # True

Makes the output rail stricter for that one reply, so it would rather say yes once too often. Knows wording only.
"""

from functools import cache
from pathlib import Path
from tomllib import loads
from typing import Any, Final

import re2

from undertone.guardrails.spelling import folded, unaccented

LONGEST: Final = 400
"""Of a longer message only the first and the last so many characters are read: farewells stand at the ends."""


def takes_leave(text: str) -> bool:
    """Whether `text` says goodbye, wants to go, to end the chat or to delete what there is of it."""
    read = text if len(text) <= 2 * LONGEST else f"{text[:LONGEST]}\n{text[-LONGEST:]}"
    return _farewells().search(folded(read)) is not None


@cache
def _farewells() -> Any:
    raw = loads((Path(__file__).parent / "farewell.toml").read_text("utf-8"))
    return re2.compile(unaccented("(?m)" + "|".join(f"(?:{one})" for one in raw["farewells"])))
