"""Which of the taxonomy's types a person most likely is: a posterior that grows with each message, or "undecided".

The label is committed to when its probability first reaches the model's threshold, and moves later only when another
label reaches it. It chooses tone, pace, privacy and care, never price or pressure. A reading, not a fact about anyone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from undertone.errors import BadInput
from undertone.learning import SequenceModel, Step
from undertone.signals import taxonomy
from undertone.signals.observation import Observation
from undertone.types import Signal

SHIPPED = Path(__file__).parent / "models" / "user_type"
UNDECIDED = "undecided"
MOVED = 0.1
"""A step of the likeliest label's probability worth a line in the history."""
HISTORY = 24
"""Most lines of it; the oldest go first."""


@dataclass(frozen=True)
class TypeReader:
    """A model, its taxonomy, and what is believed of somebody before their first word."""

    model: SequenceModel
    taxonomy: taxonomy.Taxonomy
    priors: Mapping[str, float]
    """By label, summing to 1; uniform unless the operator says otherwise."""

    def posterior(self, evidence: Any, *, with_timing: bool = True) -> dict[str, float]:
        """The model's posterior (trained on balanced labels) moved to the priors by Bayes' rule."""
        found = self.model.posterior(evidence, with_timing=with_timing)
        weighed = {label: p * self.priors[label] for label, p in found.items()}
        total = sum(weighed.values())
        return {label: p / total for label, p in weighed.items()}


@lru_cache(maxsize=4)
def _load(folder: Path, priors: tuple[tuple[str, float], ...]) -> TypeReader:
    model = SequenceModel.load(folder)
    believed = dict(priors) or dict.fromkeys(model.labels, 1 / len(model.labels))
    if set(believed) != set(model.labels):
        raise BadInput(f"Priors are needed for exactly these types: {', '.join(model.labels)}.")
    if any(p <= 0 for p in believed.values()):
        raise BadInput("Every prior is above 0: a type with none could never be read.")
    total = sum(believed.values())
    shares = {label: p / total for label, p in believed.items()}
    return TypeReader(model, taxonomy.beside(folder, model.labels), shares)


def reader(folder: Path | None = None, priors: Mapping[str, float] | None = None) -> TypeReader:
    """The reader with the model in `folder` (the shipped one else), loaded once.

    Raises NotReady when the model is missing or damaged, BadInput for priors that don't fit its labels.
    """
    return _load(folder or SHIPPED, tuple(sorted((priors or {}).items())))


def detect(turns: Sequence[Observation], state: Mapping[str, Any]) -> tuple[Signal, Mapping[str, Any]]:
    """`read_type` with the shipped model."""
    return read_type(reader(), turns, state)


def read_type(
    chosen: TypeReader, turns: Sequence[Observation], state: Mapping[str, Any], *, with_timing: bool = True
) -> tuple[Signal, Mapping[str, Any]]:
    """One message more: the signal and the state to keep."""
    now, model = turns[-1], chosen.model
    step = Step(
        now.text,
        now.vector,
        now.response_time_s if with_timing else None,
        now.typing_stops if with_timing else None,
        before=tuple(turn.text for turn in turns[:-1]),
    )
    evidence = model.step(model.restore(state.get("evidence")), step)
    posterior = chosen.posterior(evidence, with_timing=with_timing)
    best = max(posterior, key=lambda label: posterior[label])
    label, decided_at = str(state.get("label") or UNDECIDED), state.get("decided_at")
    if posterior[best] >= model.threshold and best != label:
        label = best
        decided_at = decided_at or evidence.messages
    cues = chosen.taxonomy.cues(now.text, best)
    line = {"message": evidence.messages, "at": now.at.isoformat(), "label": best, "p": round(posterior[best], 3)}
    detail = {
        "probabilities": {name: round(p, 4) for name, p in posterior.items()},
        "decided_at": decided_at,
        "set": model.prediction_set(evidence, posterior),
        "messages": evidence.messages,
        "cues": cues,
    }
    kept = {
        "evidence": evidence.as_json(),
        "label": label,
        "decided_at": decided_at,
        "probabilities": detail["probabilities"],
        "history": _remember(state.get("history") or [], {**line, "cues": cues}),
    }
    return Signal("user_type", label, round(posterior[best], 4), detail), kept


def _remember(history: Sequence[Mapping[str, Any]], line: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The history with a line more where the reading moved: no words of the person, only what was made of them."""
    last = history[-1] if history else None
    if last and last["label"] == line["label"] and abs(float(last["p"]) - float(line["p"])) < MOVED:
        return list(history)
    return [*history, line][-HISTORY:]
