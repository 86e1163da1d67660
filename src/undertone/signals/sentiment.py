"""How one message sounds: valence beside the person's own baseline, and one coarse emotion where it is clear.

Two linear heads on the shared embedding, the first on n-grams too; docs/signals.md says what each was trained on.
English first: where `language` says a message cannot be read, so can neither of these.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from undertone.learning import LinearText
from undertone.signals.observation import Observation
from undertone.types import Signal

SENTIMENT = Path(__file__).parent / "models" / "sentiment.npz"
EMOTION = Path(__file__).parent / "models" / "emotion.npz"
PACE = 0.15
"""How fast the baseline follows: about the last dozen messages."""
NONE = "none"
CLEAR = 0.5
"""An emotion is named when it is likelier than all others together."""


@lru_cache(maxsize=4)
def head(path: Path = SENTIMENT) -> LinearText:
    """The head in a file, loaded once. Raises NotReady when it is missing or damaged."""
    return LinearText.load(path)


def detect(turns: Sequence[Observation], state: Mapping[str, Any]) -> tuple[Signal, Mapping[str, Any]]:
    """Negative, neutral or positive; the score is the valence, in [-1, 1]."""
    chances = _chances(head(), turns[-1])
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


def detect_emotion(turns: Sequence[Observation], state: Mapping[str, Any]) -> tuple[Signal, Mapping[str, Any]]:
    """anger, fear, joy, sadness, surprise or none; keeps no state, since an emotion is of its message.

    Trained on Reddit comments (GoEmotions), which are not chat: a hint for tone, never for care.
    """
    chances = _chances(head(EMOTION), turns[-1])
    best = max(chances, key=lambda name: chances[name])
    label = best if chances[best] >= CLEAR else NONE
    detail = {"probabilities": {name: round(p, 4) for name, p in chances.items()}}
    return Signal("emotion", label, round(chances[label], 4), detail), {}


def _chances(reader: LinearText, turn: Observation) -> dict[str, float]:
    found = reader.probabilities([turn.text], turn.vector[None, :])[0].tolist()
    return dict(zip(reader.labels, found, strict=True))
