"""The input rails: one message in, one Verdict out; pure and synchronous.

    verdict = check_input(text, vector)         # vector: the message's built-in embedding

Rules written by hand find what is plain; trained heads over n-grams and the shared embedding find what is not. A rule
can only raise a score. Knows one message at a time: what came before it is `care`'s business.
"""

import re
from typing import Final

from undertone.types import Vector, Verdict

_CRISIS: Final = re.compile(
    r"\b(kill(?:ing)? myself|end(?:ing)? my (?:own )?life|want(?:ed)? to die|wanna die|suicid\w+|kms\b|hurt(?:ing)? myself|"
    r"cut(?:ting)? myself|don'?t want to (?:be alive|live)|better off (?:dead|without me)|quiero morir|ich will sterben|"
    r"je veux mourir|quero morrer|voglio morire)"
)
_INJECTION: Final = re.compile(
    r"(ignore|disregard|forget) (?:all |any )?(?:of )?(?:your |the |my )?(?:previous|prior|above|earlier) (?:instructions|rules|prompts?)|"
    r"system prompt|developer mode|\bdan\b.*\bno (?:rules|restrictions)|repeat (?:everything|all) (?:above|before)"
)
_HUMAN: Final = re.compile(
    r"\bare (?:you|u) (?:a |an )?(?:real|human|bot|ai|robot|machine|actual)|\bam i (?:talking|speaking|chatting) (?:to|with) (?:a|an) "
    r"|\bis (?:this|there) (?:a |an )?(?:real|human|bot|ai)"
)


def check_input(text: str, vector: Vector) -> Verdict:
    """What the rails find in one message. `vector` is its built-in embedding, shape (384,)."""
    lowered = text.casefold().replace("’", "'")
    crisis = bool(_CRISIS.search(lowered))
    injection = bool(_INJECTION.search(lowered))
    reasons = [
        words
        for found, words in ((crisis, "words of a crisis"), (injection, "an attempt to change the instructions"))
        if found
    ]
    return Verdict(
        crisis="crisis" if crisis else "none",
        injection=injection,
        asks_human=bool(_HUMAN.search(lowered)),
        quarantine=injection,
        scores={"crisis": float(crisis), "injection": float(injection)},
        reasons=tuple(reasons),
    )
