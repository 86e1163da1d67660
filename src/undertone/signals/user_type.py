"""Which of the taxonomy's types a person most likely is: a posterior that grows with each message, or "undecided".

The label is committed to when its probability first reaches the model's threshold, and moves later only when another
label reaches it. It chooses tone, pace, privacy and care, never price or pressure. A reading, not a fact about anyone.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from undertone.learning import SequenceModel, Step
from undertone.signals.cues import cues
from undertone.signals.observation import Observation
from undertone.types import Signal

SHIPPED = Path(__file__).parent / "models" / "user_type"
UNDECIDED = "undecided"


@lru_cache(maxsize=4)
def model(folder: Path = SHIPPED) -> SequenceModel:
    """The model in `folder`, loaded once. Raises NotReady when it is missing or damaged."""
    return SequenceModel.load(folder)


def detect(turns: Sequence[Observation], state: Mapping[str, Any]) -> tuple[Signal, Mapping[str, Any]]:
    return read_type(model(), turns, state)


def read_type(
    reader: SequenceModel, turns: Sequence[Observation], state: Mapping[str, Any], *, with_timing: bool = True
) -> tuple[Signal, Mapping[str, Any]]:
    """One message more: the signal and the state to keep."""
    now = turns[-1]
    step = Step(
        now.text,
        now.vector,
        now.response_time_s if with_timing else None,
        now.typing_stops if with_timing else None,
        before=tuple(turn.text for turn in turns[:-1]),
    )
    evidence = reader.step(reader.restore(state.get("evidence")), step)
    posterior = reader.posterior(evidence, with_timing=with_timing)
    best = max(posterior, key=lambda label: posterior[label])
    label, decided_at = str(state.get("label") or UNDECIDED), state.get("decided_at")
    if posterior[best] >= reader.threshold and best != label:
        label = best
        decided_at = decided_at or evidence.messages
    detail = {
        "probabilities": {name: round(p, 4) for name, p in posterior.items()},
        "decided_at": decided_at,
        "set": reader.prediction_set(evidence, posterior),
        "messages": evidence.messages,
        "cues": cues(now.text, best),
    }
    kept = {"evidence": evidence.as_json(), "label": label, "decided_at": decided_at}
    return Signal("user_type", label, round(posterior[best], 4), detail), kept
