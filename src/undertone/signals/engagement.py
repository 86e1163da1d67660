"""How engaged somebody is against their own habit: a score in [0, 1] and losing, steady or warming.

The mean of six parts, each .5 when it is as usual for this person: length, quickness (where timing is known), a
question back, initiative (opens, or writes again unasked), depth (how much is about themselves), and returning sooner
than usual. The state changes only beyond a band (hysteresis). Knows nothing of what is said.
"""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from undertone.signals.observation import Observation
from undertone.types import Signal

PACE = 0.2
"""How fast a person's usual follows: about their last ten messages."""
ENTER, LEAVE = 0.12, 0.05
"""A trend beyond ENTER changes the state; it lasts until the trend is back within LEAVE. Keeps it from flapping."""
FIRST = 3
"""Messages before any change of state: a baseline needs a few."""
SCALE = 1.5
"""Slope of the logistic that puts a difference from the usual on [0, 1]; doubling one's length gives about .74."""
_SELF = re.compile(r"\b(?:i|i'm|i’m|im|i've|i’ve|my|me|mine|we|our)\b", re.IGNORECASE)


def detect(turns: Sequence[Observation], state: Mapping[str, Any]) -> tuple[Signal, Mapping[str, Any]]:
    """One message more. The state holds running means, no words."""
    now = turns[-1]
    measured = _measure(turns, state.get("last_at"))
    usual: dict[str, float] = dict(state.get("usual") or {})
    parts = {
        name: 1 / (1 + math.exp(-SCALE * (value - usual.get(name, value))))
        for name, value in measured.items()
        if value is not None
    }
    score = sum(parts.values()) / len(parts)
    trend = _move(float(state.get("trend", 0.0)), score - 0.5, 0.5)
    messages = int(state.get("messages", 0)) + 1
    label = _state(str(state.get("label", "steady")), trend, messages)
    for name, value in measured.items():
        if value is not None:
            usual[name] = round(_move(usual.get(name, value), value, PACE), 4)
    kept = {
        "usual": usual,
        "trend": round(trend, 4),
        "label": label,
        "messages": messages,
        "last_at": now.at.isoformat(),
    }
    detail = {"trend": round(trend, 4), "parts": {name: round(value, 3) for name, value in parts.items()}}
    return Signal("engagement", label, round(score, 4), detail), kept


def _measure(turns: Sequence[Observation], last_at: str | None) -> dict[str, float | None]:
    """Each part of the newest message in its own unit: logarithms of characters and seconds, flags, shares."""
    now = turns[-1]
    words = now.text.split()
    alone = len(turns) > 1 and now.response_time_s is None and (now.at - turns[-2].at).total_seconds() < 60
    away = (now.at - datetime.fromisoformat(last_at)).total_seconds() if last_at else None
    return {
        "length": math.log1p(len(now.text)),
        "quickness": -0.5 * math.log1p(now.response_time_s) if now.response_time_s is not None else None,
        "question": float("?" in now.text),
        "initiative": float(len(turns) == 1 or alone) if last_at else None,  # somebody's very first word is no habit
        "depth": min(1.0, 3 * len(_SELF.findall(now.text)) / len(words)) * math.log1p(len(words)) / 3 if words else 0.0,
        "return": -0.3 * math.log1p(away / 3600) if away is not None and len(turns) == 1 else None,
    }


def _move(usual: float, value: float, pace: float) -> float:
    return (1 - pace) * usual + pace * value


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
