"""A sequential posterior over labels: evidence added message by message, calibrated by how many there were.

    model = SequenceModel.load(path)
    state = model.step(model.start(), Step(text, vector, response_time_s, typing_stops, before=earlier_texts))
    model.posterior(state)           # {"LABEL": p}, how sure after so many messages

Three views: each message's words and vector, summed; its timing where known, summed; and all words so far read as one
text. Scales for each number of messages, fitted on authors the heads had not seen, turn them into probabilities. Knows
no taxonomy.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from undertone.learning import artefact
from undertone.learning.classifier import LinearText, softmax
from undertone.learning.features import bag, merge
from undertone.types import Vector

Floats = npt.NDArray[np.float32]
KIND = "undertone-sequence-2"
MOST = 12
"""Scales are fitted up to five messages; beyond this many the last one is used and old evidence fades."""


@dataclass(frozen=True, slots=True)
class Step:
    """One message as the model sees it."""

    text: str
    vector: Vector
    response_time_s: float | None = None
    typing_stops: int | None = None
    before: tuple[str, ...] = ()
    """The person's earlier messages of this conversation, oldest first."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Logits, shape (classes,) each, after `messages` messages."""

    words: Floats
    timing: Floats
    whole: Floats
    """Of all words of the conversation so far, read as one text; made anew with each message."""
    messages: int
    timed: int
    """How many of them came with timing."""

    def as_json(self) -> dict[str, Any]:
        return {
            "words": [round(float(x), 4) for x in self.words],
            "timing": [round(float(x), 4) for x in self.timing],
            "whole": [round(float(x), 4) for x in self.whole],
            "messages": self.messages,
            "timed": self.timed,
        }


def timing_features(seconds: float | None, stops: int | None, length: int) -> list[float]:
    """Eight numbers: known flags, log seconds (also per character), very slow or quick, stops."""
    known, typed = seconds is not None, stops is not None
    log = float(np.log1p(seconds)) if seconds is not None else 0.0
    return [
        float(known),
        log - 3.0 if known else 0.0,
        log - float(np.log1p(length)) if known else 0.0,
        float(seconds is not None and seconds > 150),
        float(seconds is not None and seconds < 8),
        float(typed),
        min(stops, 4) / 2 if stops is not None else 0.0,
        float(stops is not None and stops >= 2),
    ]


@dataclass(frozen=True, slots=True)
class SequenceModel:
    """Heads, scales and the rule for committing. Load or fit; both give a frozen model."""

    text: LinearText
    whole: LinearText
    """N-grams only; reads the conversation so far."""
    timing: Floats
    """Shape (9, classes): eight features and a bias."""
    scales: Floats
    """Shape (n, 5) by number of messages: words, whole and timing together; words and whole without timing."""
    threshold: float
    """A label is committed to when its probability first reaches this."""
    conformal: Floats
    """Shape (n,): 90 % of held-out people have their label inside the set of labels at least this likely."""
    facts: dict[str, Any]

    @property
    def labels(self) -> tuple[str, ...]:
        return self.text.labels

    def start(self) -> Evidence:
        zero = np.zeros(len(self.labels), np.float32)
        return Evidence(zero, zero, zero, 0, 0)

    def restore(self, data: Mapping[str, Any] | None) -> Evidence:
        """Evidence from `as_json`; a fresh start where it is missing or of another taxonomy."""
        if not data or any(len(data.get(view, ())) != len(self.labels) for view in ("words", "timing", "whole")):
            return self.start()
        return Evidence(
            np.asarray(data["words"], np.float32),
            np.asarray(data["timing"], np.float32),
            np.asarray(data["whole"], np.float32),
            int(data["messages"]),
            int(data["timed"]),
        )

    def step(self, state: Evidence, step: Step) -> Evidence:
        """Add one message. Beyond MOST messages the past fades, so that a person may change."""
        keep = 1.0 if state.messages < MOST else 1.0 - 1.0 / MOST
        words = state.words * keep + self.text.logits([step.text], step.vector[None, :])[0]
        # A first message answers nothing, so how long it took means nothing (no corpus has it either).
        seconds = step.response_time_s if state.messages else None
        timed = seconds is not None or step.typing_stops is not None
        timing = state.timing * keep
        if timed:
            features = [*timing_features(seconds, step.typing_stops, len(step.text)), 1.0]
            timing = timing + np.asarray(features, np.float32) @ self.timing
        row = merge([bag(text) for text in (*step.before[-MOST:], step.text)])
        whole = self.whole.lexical_logits(row) + self.whole.bias
        return Evidence(words, timing, whole.astype(np.float32), state.messages + 1, state.timed + timed)

    def posterior(self, state: Evidence, *, with_timing: bool = True) -> dict[str, float]:
        """Probabilities by label; uniform before the first message."""
        if not state.messages:
            return {label: 1 / len(self.labels) for label in self.labels}
        row = self.scales[min(state.messages, len(self.scales)) - 1]
        logits = row[3] * state.words + row[4] * state.whole
        if with_timing and state.timed:
            logits = row[0] * state.words + row[1] * state.whole + row[2] * state.timing
        chances = softmax(logits[None, :])[0]
        return {label: float(p) for label, p in zip(self.labels, chances, strict=True)}

    def prediction_set(self, state: Evidence, posterior: Mapping[str, float]) -> list[str]:
        """Split-conformal set (Sadinle et al. 2019, least ambiguous set-valued classifiers), likeliest first."""
        least = self.conformal[min(max(state.messages, 1), len(self.conformal)) - 1]
        ranked = sorted(posterior, key=lambda label: -posterior[label])
        return [label for label in ranked if posterior[label] >= least] or ranked[:1]

    def save(self, folder: Path) -> None:
        """Write three files into `folder`."""
        self.text.save(folder / "text.npz")
        self.whole.save(folder / "whole.npz")
        arrays = {"timing": self.timing, "scales": self.scales, "conformal": self.conformal}
        artefact.save(folder / "sequence.npz", KIND, arrays, {"threshold": self.threshold, **self.facts})

    @classmethod
    def load(cls, folder: Path) -> "SequenceModel":
        """Read what `save` wrote. Raises NotReady for files that are missing, damaged or not ours."""
        arrays, facts = artefact.load(folder / "sequence.npz", KIND, ("timing", "scales", "conformal"))
        return cls(
            LinearText.load(folder / "text.npz"),
            LinearText.load(folder / "whole.npz"),
            arrays["timing"].astype(np.float32),
            arrays["scales"].astype(np.float32),
            float(facts.pop("threshold")),
            arrays["conformal"].astype(np.float32),
            facts,
        )
