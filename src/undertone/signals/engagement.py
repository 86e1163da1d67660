"""How engaged somebody is against their own habit: a score in [0, 1] and losing, steady or warming.

The mean of four parts, each against the person's own running baseline: length, quickness, a question back, words about
themselves. The state changes only beyond a band (hysteresis). Knows nothing of what is said.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from undertone.signals.observation import Observation
from undertone.types import Signal

PACE = 0.2
ENTER, LEAVE = 0.14, 0.06
"""A trend beyond ENTER changes the state; it lasts until the trend is back within LEAVE. Keeps it from flapping."""
FIRST = 3
"""Messages before any change of state: a baseline needs a few."""


def detect(turns: Sequence[Observation], state: Mapping[str, Any]) -> tuple[Signal, Mapping[str, Any]]:
    now = turns[-1]
    length = math.log1p(len(now.text))
    quick = -math.log1p(now.response_time_s) if now.response_time_s is not None else None
    usual_length = float(state.get("length", length))
    usual_quick = state.get("quick", quick)
    parts = {
        "length": _against(length - usual_length),
        "question": 1.0 if "?" in now.text else 0.4,
        "self": 0.8 if re.search(r"\b(i|i'm|my|me)\b", now.text, re.I) else 0.4,
    }
    if quick is not None and usual_quick is not None:
        parts["quickness"] = _against(0.5 * (quick - float(usual_quick)))
    score = sum(parts.values()) / len(parts)
    usual = float(state.get("score", score))
    trend = score - usual
    messages = int(state.get("messages", 0)) + 1
    label = _state(str(state.get("label", "steady")), trend, messages)
    kept: dict[str, Any] = {
        "length": _move(usual_length, length),
        "quick": _move(float(usual_quick), quick) if quick is not None and usual_quick is not None else usual_quick,
        "score": _move(usual, score),
        "label": label,
        "messages": messages,
    }
    detail = {"trend": round(trend, 4), "parts": {name: round(value, 3) for name, value in parts.items()}}
    return Signal("engagement", label, round(score, 4), detail), kept


def _against(difference: float) -> float:
    """A difference from the usual on the scale of [0, 1]; .5 is as usual."""
    return 1 / (1 + math.exp(-1.5 * difference))


def _move(usual: float, value: float) -> float:
    return (1 - PACE) * usual + PACE * value


def _state(before: str, trend: float, messages: int) -> str:
    if messages <= FIRST:
        return "steady"
    if trend > ENTER:
        return "warming"
    if trend < -ENTER:
        return "losing"
    if (before == "warming" and trend > LEAVE) or (before == "losing" and trend < -LEAVE):
        return before
    return "steady"
