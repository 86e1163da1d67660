"""The nouns rooms hand each other: Message, Signal, Reading, Memory, Verdict, Turn.

All frozen. A room that needs more keeps its own type at home. Knows no database, no model and no HTTP.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float32]
"""One embedding, shape (384,) for the built-in embedder, unit length."""

Role = Literal["user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """One thing said. `position` orders a conversation; `parent_id` is the message it answers or replaces."""

    user_id: UUID
    id: UUID
    conversation_id: UUID
    persona_id: str
    turn_id: UUID | None
    parent_id: UUID | None
    position: int
    role: Role
    text: str
    created_at: datetime
    response_time_s: float | None = None
    """Seconds the person took to answer, as their client measured it; None when unknown."""
    typing_stops: int | None = None
    """How often the person stopped while typing; None when unknown."""
    quarantined: bool = False
    """The input rail's stored verdict: never learned from, never recalled."""
    by_human: bool = False
    """Written by a person of the platform's, not by the AI."""
    model: str | None = None
    """The model that wrote it; None for what a person, or no model, said."""
    persona_version: int | None = None
    """Which version of the persona spoke; None for what a person said."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One detector's reading of one message."""

    detector: str
    label: str
    score: float
    """In [0, 1] unless the detector's module says otherwise (valence is in [-1, 1])."""
    detail: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """JSON-ready particulars: probabilities, the cues in words, thresholds."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the detectors made of one message: signals by detector name, and the state to carry to the next one."""

    signals: Mapping[str, Signal]
    state: Mapping[str, Any]
    """JSON-ready; kept in the profile (with consent) and handed back with the next message."""

    def label(self, detector: str, default: str = "unknown") -> str:
        found = self.signals.get(detector)
        return found.label if found else default


@dataclass(frozen=True, slots=True)
class Memory:
    """Something kept and recalled: a verbatim turn (`kind` "turn"), or a fact, preference, person, event, summary."""

    id: UUID
    kind: str
    text: str
    role: Role | None
    created_at: datetime
    score: float
    why: str
    """Why it was found, in words a person can read."""
    source_ids: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the input rails found in one message."""

    crisis: Literal["none", "concern", "crisis"] = "none"
    injection: bool = False
    asks_human: bool = False
    quarantine: bool = False
    """True keeps the message out of memory and extraction."""
    scores: Mapping[str, float] = field(default_factory=dict[str, float])
    reasons: tuple[str, ...] = ()
    nearness: float = 0.0
    """The crisis score over the threshold of a concern: 1 and more is a concern."""
    plain: bool = False
    """A hand-written phrase says it outright; no second look lowers such a verdict."""
    unsure: bool = False
    """A concern only because the second look failed: a check-in, and never taken as the answer to one."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens a model call used, as the provider reported them (or counted here when it reported none)."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None
    """None when the catalogue does not know the model's price."""
    model: str = ""
