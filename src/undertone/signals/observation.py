"""What a detector sees: the person's own messages with their vectors and timing, and the state carried from before.

Frozen. Knows no detector.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from undertone.types import Signal, Vector


@dataclass(frozen=True, slots=True)
class Observation:
    """One message of the person. `vector` is the built-in embedder's, shape (384,)."""

    text: str
    vector: Vector
    at: datetime
    response_time_s: float | None = None
    typing_stops: int | None = None


class Detector(Protocol):
    """One file each: reads the turns (oldest first, the last is the current) and its own part of the state."""

    def __call__(self, turns: Sequence[Observation], state: Mapping[str, Any]) -> tuple[Signal, Mapping[str, Any]]: ...
