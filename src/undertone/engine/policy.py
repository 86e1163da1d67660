"""Policy: which strategy answers this message, a pure and explained function of what was read.

    choice = policy.choose(Inputs(...), previous="companion")

Every strategy gets a score from the whole posterior over user types (not its peak alone), mood, engagement and care;
the highest wins, and the previous one stays unless it is beaten by a margin. Care is not scored: it decides. Distress,
loneliness, guilt and compulsion never lead to a strategy that may carry an offer.
Revenue, price and spend are not inputs. Knows no database, no model and no prompt.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from undertone.engine.strategies import CATALOGUE, DEFAULT, Strategy
from undertone.types import Reading

PRIOR_DEFAULT = 0.55
"""The default's standing score: a type must be likelier than this to pull a conversation away from it."""
LOW_MOOD = -0.45
"""Valence under which comfort is considered; about where hand-labelled chat turns clearly negative."""
COMFORT_WEIGHT = 1.4
"""A plainly low mood outweighs a certain type (1.0): how someone feels comes before who they are."""
LIGHTEN_SCORE = 0.85
"""Beats an uncertain type, yields to a certain one."""
MARGIN = 0.15
"""How much better another strategy must be before the conversation changes; keeps it from flapping."""
SHARPNESS = 6.0
"""Softmax slope that turns scores into the logged probability of the choice."""

CareLevel = Literal["none", "concern", "crisis"]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the policy may know. `posterior` is empty without consent to typing."""

    posterior: Mapping[str, float] = field(default_factory=dict[str, float])
    decided: bool = False
    valence: float = 0.0
    mood: str = "neutral"
    engagement: str = "steady"
    behaviour: str = "none"
    care: CareLevel = "none"

    def as_event(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Choice:
    """The strategy, the probability the softmax gave it, and the reason in words."""

    strategy: Strategy
    probability: float
    why: str
    scores: Mapping[str, float]


def inputs_from(reading: Reading, care: CareLevel, corrected: str | None = None) -> Inputs:
    """What a Reading says, as policy inputs. `corrected` is the person's own word for their type and is believed."""
    sentiment = reading.signals.get("sentiment")
    typed = reading.signals.get("user_type")
    posterior = dict(typed.detail.get("probabilities", {})) if typed else {}
    if typed and corrected:
        posterior = {corrected: 1.0}
    return Inputs(
        posterior={str(name): float(p) for name, p in posterior.items()},
        decided=typed is not None and (corrected is not None or typed.label != "undecided"),
        valence=sentiment.score if sentiment else 0.0,
        mood=sentiment.label if sentiment else "neutral",
        engagement=reading.label("engagement", "steady"),
        behaviour=reading.label("behaviour", "none"),
        care=care,
    )


def scores(inputs: Inputs) -> dict[str, float]:
    """Every strategy's score but care's; the default has a standing one. Types count once one of them is decided."""
    posterior = inputs.posterior if inputs.decided else {}
    found = {
        s.id: sum(weight * posterior.get(name, 0.0) for name, weight in s.types.items())
        for s in CATALOGUE.values()
        if s.types
    }
    found[DEFAULT] = PRIOR_DEFAULT
    depth = max(0.0, LOW_MOOD - inputs.valence) / (1.0 + LOW_MOOD)
    found["comfort"] = COMFORT_WEIGHT * (0.5 + 0.5 * min(1.0, depth)) if inputs.valence < LOW_MOOD else 0.0
    found["lighten"] = LIGHTEN_SCORE if inputs.engagement == "losing" else 0.0
    if inputs.valence < LOW_MOOD:  # nobody who is low is met in a way that could carry an offer
        return {name: score for name, score in found.items() if CATALOGUE[name].offers == "never"}
    return found


def choose(inputs: Inputs, previous: str | None = None) -> Choice:
    """Choose a strategy. `previous` is the one of the turn before, None at the start."""
    if inputs.care != "none":
        return Choice(CATALOGUE["care"], 1.0, f"a sign of {inputs.care} was read, and care comes first", {"care": 1.0})
    board = scores(inputs)
    held = dict(board)
    if previous in held:
        held[previous] += MARGIN
    best = max(held, key=lambda name: (held[name], name == DEFAULT, name))
    total = sum(math.exp(SHARPNESS * value) for value in held.values())
    probability = math.exp(SHARPNESS * held[best]) / total
    return Choice(CATALOGUE[best], probability, _reason(best, inputs, previous, board), board)


def _reason(best: str, inputs: Inputs, previous: str | None, board: Mapping[str, float]) -> str:
    kept = previous == best and max(board, key=lambda name: board[name]) != best
    if kept:
        return f"'{best}' goes on: nothing else fits clearly better"
    if best == "comfort":
        return f"their mood reads low ({inputs.valence:+.2f})"
    if best == "lighten":
        return "their attention seems to be elsewhere"
    if best == DEFAULT:
        return (
            "not enough is known yet, so the gentle default" if inputs.posterior else "no typing, so the gentle default"
        )
    return f"it suits who they most likely are ({board[best]:.0%})"
