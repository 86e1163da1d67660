"""All detectors, a flat list, and `read`, which runs them on one message.

    reading = read(turns, state, typing=True, types=user_type.reader())

Those named in TYPING profile the person and run only with consent to it. Those named in WORDS are not asked about a
message in a language nobody here can read: they say so and leave their state as it was. Knows no storage.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from undertone.signals import behaviour, engagement, language, sentiment, stated, strain, user_type
from undertone.signals.observation import Detector, Observation
from undertone.types import Reading, Signal

DETECTORS: Mapping[str, Detector] = {
    "language": language.detect,
    "user_type": user_type.detect,
    "sentiment": sentiment.detect,
    "emotion": sentiment.detect_emotion,
    "engagement": engagement.detect,
    "behaviour": behaviour.detect,
    "strain": strain.detect,
    "stated": stated.detect,
}
TYPING = frozenset({"user_type"})
"""Detectors that say who somebody is, rather than how this message sounds."""
WORDS: Mapping[str, str] = {"user_type": user_type.UNDECIDED, "sentiment": "neutral", "emotion": sentiment.NONE}
"""Detectors that need to read the words, and what they say when they cannot."""


def read(
    turns: Sequence[Observation],
    state: Mapping[str, Any] | None,
    *,
    typing: bool = True,
    types: user_type.TypeReader | None = None,
) -> Reading:
    """Read the last of `turns` (the person's messages of this conversation, oldest first, at least one).

    `types` reads another taxonomy than the shipped one, or believes other priors.
    """
    if not turns:
        raise ValueError("read needs at least the current message")
    detectors = {**DETECTORS, "user_type": partial(user_type.read_type, types)} if types else DETECTORS
    signals: dict[str, Signal] = {}
    after: dict[str, Any] = {}
    for name, detect in detectors.items():
        if name in TYPING and not typing:
            continue
        before = (state or {}).get(name) or {}
        tongue = signals.get("language")
        if name in WORDS and tongue is not None and not tongue.detail["readable"]:
            signals[name], after[name] = _unread(name, before), before
        else:
            signals[name], after[name] = detect(turns, before)
    return Reading(signals, after)


def _unread(name: str, state: Mapping[str, Any]) -> Signal:
    """What is said of a message nobody here can read: what was known before, and that nothing was added."""
    label = str(state.get("label") or WORDS[name])
    detail: dict[str, Any] = {"readable": False}
    if name == "user_type" and state.get("probabilities"):
        detail |= {"probabilities": state["probabilities"], "decided_at": state.get("decided_at")}
    return Signal(name, label, 0.0, detail)
