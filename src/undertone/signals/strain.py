"""What weighs on somebody, in their own words: drink, debt, guilt, compulsion, loneliness, distress.

Each is a score in [0, 1] over the last messages of the conversation; the label is the strongest one above SEEN, or
"none". Plain phrases about oneself count (`strain.toml`), and nothing else: no guess from style. Care and the gate of
offers read it; it only ever closes things. English. Knows nothing of what it should change.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from undertone.signals.observation import Observation
from undertone.types import Signal

SEEN = 0.5
FADE = 0.85
"""What was said a message ago weighs this much; four messages later it is still seen."""

_DATA: dict[str, list[str]] = tomllib.loads(files("undertone.signals").joinpath("strain.toml").read_text("utf-8"))
_PATTERNS = {kind: tuple(map(re.compile, patterns)) for kind, patterns in _DATA.items()}
KINDS = tuple(_PATTERNS)
LOOKS_BACK = 5
"""Messages read: one further back would weigh less than SEEN."""


def detect(turns: Sequence[Observation], state: Mapping[str, Any]) -> tuple[Signal, Mapping[str, Any]]:
    """The strongest trace of each kind in these messages, newest weighing most. Keeps no state."""
    scores = dict.fromkeys(KINDS, 0.0)
    for age, turn in enumerate(turns[: -1 - LOOKS_BACK : -1]):
        for kind, score in in_words(turn.text).items():
            scores[kind] = max(scores[kind], score * FADE**age)
    best = max(KINDS, key=lambda kind: scores[kind])
    label = best if scores[best] >= SEEN else "none"
    return Signal("strain", label, round(scores[best], 4), {kind: round(s, 3) for kind, s in scores.items()}), {}


def in_words(text: str) -> dict[str, float]:
    """What one message says of itself: 0 or 1 for each kind."""
    plain = text.lower().replace("’", "'")
    return {kind: 1.0 if any(p.search(plain) for p in patterns) else 0.0 for kind, patterns in _PATTERNS.items()}
