"""How one message sounds: negative, neutral or positive, and a valence in [-1, 1] beside the person's own baseline.

A linear head on n-grams and the shared embedding (see docs/signals.md for what it was trained on). English first: other
languages read through the embedding alone, and less well.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from undertone.learning import LinearText
from undertone.signals.observation import Observation
from undertone.types import Signal

SHIPPED = Path(__file__).parent / "models" / "sentiment.npz"
PACE = 0.15
"""How fast the baseline follows: about the last dozen messages."""


@lru_cache(maxsize=4)
def head(path: Path = SHIPPED) -> LinearText:
    return LinearText.load(path)


def detect(turns: Sequence[Observation], state: Mapping[str, Any]) -> tuple[Signal, Mapping[str, Any]]:
    now = turns[-1]
    chances = dict(zip(head().labels, head().probabilities([now.text], now.vector[None, :])[0].tolist(), strict=True))
    label = max(chances, key=lambda name: chances[name])
    valence = chances["positive"] - chances["negative"]
    before = state.get("baseline")
    baseline = valence if before is None else (1 - PACE) * float(before) + PACE * valence
    detail = {
        "probabilities": {name: round(p, 4) for name, p in chances.items()},
        "baseline": round(baseline, 4),
        "drift": round(valence - (float(before) if before is not None else valence), 4),
    }
    return Signal("sentiment", label, round(valence, 4), detail), {"baseline": baseline}
