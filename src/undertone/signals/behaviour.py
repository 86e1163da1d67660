"""Patterns in how somebody writes: bursts, late nights, repeated asks, withdrawal, a return after silence.

Each pattern is a score in [0, 1]; the label is the strongest one above SEEN, or "none". They feed care, never sales.
Thresholds are named with their reason. Knows nothing of what a pattern should change.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from undertone.signals.observation import Observation
from undertone.types import Signal

SEEN = 0.6
BURST_WITHIN = timedelta(seconds=20)
"""Three messages each this soon after the last: faster than reading a reply."""
NIGHT = range(5)
"""Hours in UTC until the person's own zone is known; compared with their own habit, so a shift worker is no alarm."""
LONG_SILENCE = timedelta(days=14)
SAME = 0.92
"""Cosine above which two messages ask the same thing again (near-duplicates in MiniLM's space)."""


def detect(turns: Sequence[Observation], state: Mapping[str, Any]) -> tuple[Signal, Mapping[str, Any]]:
    now = turns[-1]
    nights, seen = int(state.get("nights", 0)), int(state.get("messages", 0))
    last = state.get("last_at")
    scores = {
        "burst": _burst(turns),
        "late_night": _late(now.at, nights, seen),
        "repeated_ask": _repeated(turns),
        "withdrawal": _withdrawal(turns),
        "return": 1.0 if last and now.at - datetime.fromisoformat(last) > LONG_SILENCE else 0.0,
    }
    best = max(scores, key=lambda name: scores[name])
    label = best if scores[best] >= SEEN else "none"
    kept = {"nights": nights + (now.at.hour in NIGHT), "messages": seen + 1, "last_at": now.at.isoformat()}
    detail = {name: round(score, 3) for name, score in scores.items()}
    return Signal("behaviour", label, round(scores[best], 4), detail), kept


def _burst(turns: Sequence[Observation]) -> float:
    last = turns[-4:]
    gaps = [b.at - a.at for a, b in pairwise(last)]
    return sum(gap < BURST_WITHIN for gap in gaps) / 3


def _late(at: datetime, nights: int, seen: int) -> float:
    """High when somebody who is seldom up at night is; needs twenty messages of habit."""
    if at.hour not in NIGHT or seen < 20:
        return 0.0
    return max(0.0, 1.0 - 2.0 * nights / seen)


def _repeated(turns: Sequence[Observation]) -> float:
    earlier = [float(turns[-1].vector @ turn.vector) for turn in turns[:-1] if "?" in turn.text]
    return 1.0 if "?" in turns[-1].text and any(cosine >= SAME for cosine in earlier) else 0.0


def _withdrawal(turns: Sequence[Observation]) -> float:
    """Three messages in a row, each less than half as long as the one before, down to a few words."""
    lengths = [len(turn.text) for turn in turns[-3:]]
    falling = len(lengths) == 3 and lengths[1] < lengths[0] / 2 and lengths[2] < lengths[1] / 2 and lengths[2] < 12
    return 1.0 if falling else 0.0
