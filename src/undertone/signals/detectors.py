"""All detectors, a flat list, and `read`, which runs them on one message.

    reading = read(turns, state, typing=True)

Those named in TYPING profile the person and run only with consent to it. Knows no storage.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from undertone.signals import behaviour, engagement, sentiment, strain, user_type
from undertone.signals.observation import Detector, Observation
from undertone.types import Reading, Signal

DETECTORS: Mapping[str, Detector] = {
    "user_type": user_type.detect,
    "sentiment": sentiment.detect,
    "engagement": engagement.detect,
    "behaviour": behaviour.detect,
    "strain": strain.detect,
}
TYPING = frozenset({"user_type"})
"""Detectors that say who somebody is, rather than how this message sounds."""


def read(turns: Sequence[Observation], state: Mapping[str, Any] | None, *, typing: bool = True) -> Reading:
    """Read the last of `turns` (the person's messages of this conversation, oldest first, at least one)."""
    if not turns:
        raise ValueError("read needs at least the current message")
    signals: dict[str, Signal] = {}
    after: dict[str, Any] = {}
    for name, detect in DETECTORS.items():
        if name in TYPING and not typing:
            continue
        signals[name], after[name] = detect(turns, (state or {}).get(name) or {})
    return Reading(signals, after)
