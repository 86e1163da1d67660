"""Policy: which strategy answers this message, a pure and explained function of what was read.

    choice = policy.choose(Inputs(...), previous="companion")

Every strategy gets a score from the whole posterior over user types (not its peak alone), mood and its drift,
engagement, behaviour and strain; the highest wins, and the previous one stays unless it is beaten by a margin. Care is
not scored: it decides. What a strategy permits (flirting, an offer) is then narrowed, never widened.
Revenue, price and spend are not inputs. Knows no database, no model and no prompt.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from undertone.engine.strategies import CATALOGUE, DEFAULT, FLIRTATION, OFFERS, Flirtation, Offers, Strategy
from undertone.guardrails.care import Duties
from undertone.types import Reading

LOW_MOOD = -0.45
"""Valence under which comfort is considered; about where hand-labelled chat turns clearly negative."""
FALL, FALLEN = -0.7, -0.15
"""So much below their own usual, and below zero: a mood that dropped is met before it is low in anybody's terms."""
COMFORT_WEIGHT = 1.4
"""A plainly low mood outweighs a certain type (1.0): how someone feels comes before who they are."""
SHARPNESS = 6.0
"""Softmax slope by which exploration draws."""
STRAINED = 0.5
"""A strain this plain narrows what is permitted; `signals/strain.py` calls it seen."""
EXPOSED: Mapping[str, str] = {"MARRIED_GUILTY": "guilt", "LONELY_SINGLE": "loneliness", "HORNY_ADDICT": "compulsion"}
"""User types whose weight narrows what is permitted, and the word for why."""
COMPULSIVE = frozenset({"burst", "late_night", "repeated_ask"})
EXPOSED_AT = 0.40
"""The least weight at which a strategy for one of them can lead, the margin counted in: no Tuning may go below it."""
UNDECIDED_EXPOSED = 0.9
"""Before a type is decided only a posterior this one-sided counts: the prior alone already gives the three .75."""

CareLevel = Literal["none", "concern", "crisis"]


@dataclass(frozen=True, slots=True)
class Tuning:
    """The policy's own numbers. An experiment's variant is another Tuning under another name."""

    name: str = "default"
    default_score: float = 0.55
    """The default's standing score: a type must be likelier than this to pull a conversation away from it."""
    margin: float = 0.15
    """How much better another strategy must be before the conversation changes; keeps it from flapping."""
    explore: float = 0.0
    """Share of ordinary turns whose strategy is drawn instead of chosen, for learning; off by default."""

    def __post_init__(self) -> None:
        if not (self.margin >= 0.05 and self.default_score - self.margin >= EXPOSED_AT - 1e-9):
            raise ValueError(f"the margin is at least .05 and default_score - margin at least {EXPOSED_AT}")
        if not 0.0 <= self.explore <= 0.5:
            raise ValueError("explore lies between 0 and .5: most turns get what fits best")


TUNING = Tuning()
MARGIN = TUNING.margin


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the policy may know. `posterior` is empty without consent to typing."""

    posterior: Mapping[str, float] = field(default_factory=dict[str, float])
    decided: bool = False
    valence: float = 0.0
    drift: float = 0.0
    """Valence less their own usual."""
    mood: str = "neutral"
    engagement: str = "steady"
    behaviour: str = "none"
    strain: Mapping[str, float] = field(default_factory=dict[str, float])
    care: CareLevel = "none"
    romance_paused: bool = False
    offers_paused: bool = False
    persona_flirts: bool = True
    """What the persona's creator allows."""
    persona_offers: bool = True
    variant: str = TUNING.name

    def as_event(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Choice:
    """The strategy, the probability with which it was chosen, and the reason in words."""

    strategy: Strategy
    probability: float
    """Of this choice given these inputs: 1 unless exploration is on. What off-policy learning divides by."""
    why: str
    scores: Mapping[str, float]
    flirtation: Flirtation = "none"
    """What is permitted now: the strategy's own bound, narrowed."""
    offers: Offers = "never"
    narrowed: tuple[str, ...] = ()
    """Why it was narrowed, in words."""
    closed: tuple[str, ...] = ()
    """The codes of all that forbids an offer now, whatever the strategy."""
    explored: bool = False


def inputs_from(
    reading: Reading,
    duties: Duties,
    corrected: str | None = None,
    *,
    persona_flirts: bool = True,
    persona_offers: bool = True,
    variant: str = TUNING.name,
) -> Inputs:
    """What a Reading and the duties say, as policy inputs. `corrected` is the person's own word, and is believed."""
    sentiment = reading.signals.get("sentiment")
    typed = reading.signals.get("user_type")
    strain = reading.signals.get("strain")
    posterior = dict(typed.detail.get("probabilities", {})) if typed else {}
    if typed and corrected:
        posterior = {corrected: 1.0}
    return Inputs(
        posterior={str(name): float(p) for name, p in posterior.items()},
        decided=typed is not None and (corrected is not None or typed.label != "undecided"),
        valence=sentiment.score if sentiment else 0.0,
        drift=float(sentiment.detail.get("drift", 0.0)) if sentiment else 0.0,
        mood=sentiment.label if sentiment else "neutral",
        engagement=reading.label("engagement", "steady"),
        behaviour=reading.label("behaviour", "none"),
        strain={kind: float(score) for kind, score in strain.detail.items()} if strain else {},
        care=duties.level if duties.fresh else "none",
        romance_paused=duties.romance_paused,
        offers_paused=duties.offers_paused,
        persona_flirts=persona_flirts,
        persona_offers=persona_offers,
        variant=variant,
    )


def is_low(inputs: Inputs) -> bool:
    """A mood that is low, or has just fallen."""
    return inputs.valence < LOW_MOOD or (inputs.drift < FALL and inputs.valence < FALLEN)


def scores(inputs: Inputs, tuning: Tuning = TUNING) -> dict[str, float]:
    """Every strategy's score but care's: the best of its reasons. Types count once one of them is decided."""
    posterior = inputs.posterior if inputs.decided else {}
    found: dict[str, float] = {}
    for s in CATALOGUE.values():
        reasons = (
            sum(weight * posterior.get(name, 0.0) for name, weight in s.types.items()),
            s.engagement.get(inputs.engagement, 0.0),
            s.behaviour.get(inputs.behaviour, 0.0),
            *(weight * min(1.0, inputs.strain.get(kind, 0.0)) for kind, weight in s.strain.items()),
        )
        found[s.id] = max(reasons)
    del found["care"]
    found[DEFAULT] = tuning.default_score
    if is_low(inputs):
        depth = max(0.0, LOW_MOOD - inputs.valence) / (1.0 + LOW_MOOD)
        found["comfort"] = max(found["comfort"], COMFORT_WEIGHT * (0.5 + 0.5 * min(1.0, depth)))
    if is_low(inputs) or inputs.romance_paused:  # neither the low nor the days after a crisis are met briskly
        return {name: score for name, score in found.items() if CATALOGUE[name].offers != "may"}
    return found


def choose(
    inputs: Inputs, previous: str | None = None, *, tuning: Tuning = TUNING, draw: float | None = None
) -> Choice:
    """Choose a strategy. `previous` is the one of the turn before, None at the start.

    `draw` in [0, 1) is the lot for exploration; None, or a tuning that does not explore, takes the best.
    """
    if inputs.care != "none":
        why = f"a sign of {inputs.care} was read, and care comes first"
        return _permitted(CATALOGUE["care"], 1.0, why, {"care": 1.0}, inputs)
    board = scores(inputs, tuning)
    held = dict(board)
    if previous in held:
        held[previous] += tuning.margin
    best = max(held, key=lambda name: (held[name], name == DEFAULT, name))
    if draw is None or tuning.explore <= 0.0 or _closed(inputs):
        return _permitted(CATALOGUE[best], 1.0, _reason(best, inputs, previous, board), board, inputs)
    chances = _chances(held, best, tuning.explore)
    taken = _drawn(chances, draw, best)
    why = _reason(best, inputs, previous, board) if taken == best else f"'{taken}' was tried by lot, for learning"
    return _permitted(CATALOGUE[taken], chances[taken], why, board, inputs, explored=taken != best)


def _chances(held: Mapping[str, float], best: str, explore: float) -> dict[str, float]:
    """The probability of each strategy: the best one's, and a softmax over those that permit no more than it does."""
    top = CATALOGUE[best]
    safe = [
        name
        for name in held
        if OFFERS.index(CATALOGUE[name].offers) <= OFFERS.index(top.offers)
        and FLIRTATION.index(CATALOGUE[name].flirtation) <= FLIRTATION.index(top.flirtation)
    ]
    highest = max(held[name] for name in safe)
    weights = {name: math.exp(SHARPNESS * (held[name] - highest)) for name in safe}
    total = sum(weights.values())
    return {name: explore * weights[name] / total + (1.0 - explore) * (name == best) for name in sorted(safe)}


def _drawn(chances: Mapping[str, float], draw: float, best: str) -> str:
    passed = 0.0
    for name, chance in chances.items():
        passed += chance
        if draw < passed:
            return name
    return best


def _permitted(
    strategy: Strategy,
    probability: float,
    why: str,
    board: Mapping[str, float],
    inputs: Inputs,
    *,
    explored: bool = False,
) -> Choice:
    """The choice with what it permits: the strategy's bounds, and nothing at all where somebody should be left be."""
    closed = _closed(inputs)
    no_flirting, no_offers = dict(closed), dict(closed)
    if inputs.romance_paused:
        no_flirting["romance_paused"] = "romance is paused"
    if inputs.offers_paused:
        no_offers["offers_paused"] = "offers are paused"
    if not inputs.persona_flirts:
        no_flirting["persona"] = "the persona does not flirt, or was asked not to"
    if not inputs.persona_offers:
        no_offers["persona"] = "the persona makes no offers"
    flirtation = "none" if no_flirting else strategy.flirtation
    offers = "never" if no_offers else strategy.offers
    narrowed = {
        **(no_flirting if flirtation != strategy.flirtation else {}),
        **(no_offers if offers != strategy.offers else {}),
    }
    return Choice(
        strategy, probability, why, board, flirtation, offers, tuple(narrowed.values()), tuple(no_offers), explored
    )


def _closed(inputs: Inputs) -> dict[str, str]:
    """Why neither flirting nor an offer is permitted now, by code. More of a burden only ever adds a reason."""
    found: dict[str, str] = {}
    if inputs.care != "none":
        found["care"] = f"a sign of {inputs.care} was read"
    if is_low(inputs):
        found["low_mood"] = "their mood is low"
    for kind, score in sorted(inputs.strain.items()):
        if score >= STRAINED:
            found[kind] = f"they speak of {kind}"
    if inputs.behaviour in COMPULSIVE:
        found["hard_to_stop"] = "they write as if it were hard to stop"
    exposed = {word: inputs.posterior.get(name, 0.0) for name, word in EXPOSED.items()}
    if sum(exposed.values()) >= (EXPOSED_AT if inputs.decided else UNDECIDED_EXPOSED):
        likely = max(exposed, key=lambda word: exposed[word])
        found[f"likely_{likely}"] = f"{likely} is likely"
    return found


def _reason(best: str, inputs: Inputs, previous: str | None, board: Mapping[str, float]) -> str:
    if previous == best and max(board, key=lambda name: board[name]) != best:
        return f"'{best}' goes on: nothing else fits clearly better"
    if best == DEFAULT:
        if inputs.romance_paused:
            return "these are the hours or days after a sign of crisis, so the gentle default"
        if not inputs.posterior:
            return "no typing, so the gentle default"
        return f"{'nothing leads clearly' if inputs.decided else 'not enough is known yet'}, so the gentle default"
    strategy = CATALOGUE[best]
    if best == "comfort" and is_low(inputs):
        fell = "has fallen" if inputs.valence >= LOW_MOOD else "reads low"
        return f"their mood {fell} ({inputs.valence:+.2f})"
    for kind, weight in strategy.strain.items():
        if weight * inputs.strain.get(kind, 0.0) == board[best]:
            return f"they speak of {kind}"
    if strategy.engagement.get(inputs.engagement) == board[best]:
        return "their attention seems to be elsewhere"
    if strategy.behaviour.get(inputs.behaviour) == board[best]:
        return f"of how they write: {inputs.behaviour.replace('_', ' ')}"
    return f"it suits who they most likely are ({board[best]:.0%})"
