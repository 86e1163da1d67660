"""The input rails: one message in, one Verdict out; pure and synchronous.

    verdict = check_input(text, vector)         # vector: the message's built-in embedding

Three trained heads (crisis, injection, "are you human") read the words and the shared embedding; see `heads.py`. Knows
one message at a time: what came before it is `care`'s business. The figures, and what it misses, are in docs/safety.md.
"""

import unicodedata
from typing import Final, Literal

from undertone.guardrails import heads, lexicon
from undertone.guardrails.asking import asks_what_talks
from undertone.learning.features import bag, normalise
from undertone.types import Vector, Verdict

UNREAD: Final = 0.7
"""Factor on the concern threshold for a message in a language the embedder cannot read: held out, .74 of such crises
were found without it and .92 with it. A check-in too many beats a silence."""
_HEADS: Final = ("crisis", "injection", "human")
_SAID: Final = {
    "concern": "may be in distress or danger",
    "crisis": "speaks of a crisis",
    "injection": "tries to change the instructions or to read what is not theirs",
    "asks_human": "asks whether a person is here",
}


def check_input(text: str, vector: Vector, *, readable: bool = True) -> Verdict:
    """What the rails find in one message. `vector` is its built-in embedding, shape (384,), unit length.

    `readable` is False for a language that the embedder does not know: then less is needed for a concern.
    `scores` holds a number in [0, 1] for each head, and `crisis.<kind>` where a crisis or concern was found.
    """
    plain = _visible(text)
    row, words = bag(plain), normalise(plain)
    cues = {name: lexicon.cues(name, words) for name in _HEADS}
    scores = {name: heads.load(name).score(row, vector, cues[name]) for name in _HEADS}
    limits = {name: limit for head in _HEADS for name, limit in heads.load(head).thresholds.items()}
    concern = limits["concern"] * (1.0 if readable else UNREAD)
    level = _level(scores["crisis"], concern, limits["crisis"])
    injection = scores["injection"] >= limits["injection"]
    asks_human = scores["human"] >= limits["asks_human"] or asks_what_talks(text)
    if level != "none":
        kinds = heads.load("crisis").sort(vector)
        scores |= {f"crisis.{kind}": share for kind, share in kinds.items()}
    found = {level: level != "none", "injection": injection, "asks_human": asks_human}
    return Verdict(
        crisis=level,
        injection=injection,
        asks_human=asks_human,
        quarantine=injection,
        scores=scores,
        reasons=tuple(_SAID[name] for name, holds in found.items() if holds),
        nearness=scores["crisis"] / concern,
        plain=cues["crisis"].plain > 0,
    )


def _level(score: float, concern: float, crisis: float) -> Literal["none", "concern", "crisis"]:
    if score >= crisis:
        return "crisis"
    return "concern" if score >= concern else "none"


def _visible(text: str) -> str:
    """Without format characters (zero-width, direction, tags), which hide words from a reader but not from a model."""
    return "".join(c for c in text if unicodedata.category(c) != "Cf")
