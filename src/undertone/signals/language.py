"""Which language a message is in, and whether the built-in embedder can read it.

    signal, state = detect(turns, state)     # label "en", "es", ... or "unknown"; detail["readable"]

Identification is py3langid's (naive Bayes on byte n-grams) over the languages of LANGUAGES, added up over the messages
of a conversation, since a few words prove little. READABLE is measured (docs/signals.md), not wished for. Knows no
other detector: whoever gets an unreadable message decides what to do with the other readings.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from undertone.signals.observation import Observation
from undertone.types import Signal

LANGUAGES = ("ar", "de", "en", "es", "fr", "hi", "it", "ja", "ko", "nl", "pl", "pt", "ru", "sv", "tl", "tr", "uk", "zh")
READABLE = frozenset({"en"})
"""Languages in which sentiment on our own rows is nearly as good as in English: see docs/signals.md."""
UNKNOWN = "unknown"
SURE = 0.9
"""A language is named from this probability on; the built-in model is calibrated, and English lines pass it."""
SHORT = 3
"""Fewer words than this say nothing about a language ("ok", "haha", "Ana")."""
KEEP = 0.7
"""How much of what earlier messages said stays; somebody may switch."""


@lru_cache(maxsize=1)
def _identifier() -> Any:
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(LANGUAGES))
    return identifier


def identify(text: str) -> dict[str, float]:
    """Probability by language, in the order of likelihood; uniform for a text too short or without letters."""
    words = [word for word in text.split() if any(c.isalpha() for c in word)]
    joined = "".join(words)
    dense = any(c > "\u3000" for c in joined)  # Chinese and Japanese put no spaces between words
    if not joined or (len(words) < SHORT and not (dense and len(joined) > SHORT)):
        return dict.fromkeys(LANGUAGES, 1 / len(LANGUAGES))
    return dict(_identifier().rank(text[:1000]))


def readable(text: str) -> bool:
    """Whether one message, taken alone, is in a language the other readers know; short ones are given the benefit."""
    likely = identify(text)
    best = max(likely, key=lambda name: likely[name])
    return best in READABLE or likely[best] < SURE


def detect(turns: Sequence[Observation], state: Mapping[str, Any]) -> tuple[Signal, Mapping[str, Any]]:
    """The language of the conversation so far, as its newest message leaves it."""
    now = identify(turns[-1].text)
    before = state.get("evidence") or {}
    evidence = {
        name: round(KEEP * float(before.get(name, 0.0)) + float(np.log(max(now.get(name, 0.0), 1e-4))), 3)
        for name in LANGUAGES
    }
    peak = max(evidence.values())
    weights = {name: float(np.exp(value - peak)) for name, value in evidence.items()}
    best = max(weights, key=lambda name: weights[name])
    sure = weights[best] / sum(weights.values())
    label = best if sure >= SURE else UNKNOWN
    detail = {"readable": label in READABLE or label == UNKNOWN}
    return Signal("language", label, round(sure, 4), detail), {"evidence": evidence}
