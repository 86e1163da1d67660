"""A trained head of the input rails: n-grams, the message's embedding and cues in words; numpy only.

    head = heads.load("crisis")
    head.score(bag(text), vector, cues("crisis", normalise(text)))     # in [0, 1]; compare with head.thresholds

A logistic regression over hashed n-grams knows wording, a radial-basis machine over the embedding (Cortes and Vapnik,
1995) knows neighbours of what it has seen, the cues know what we thought of. `training.py` trains it; English is best.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from undertone.guardrails.lexicon import Cues
from undertone.learning import artefact
from undertone.learning.features import COLUMNS, Bag, weigh
from undertone.types import Vector

Floats = npt.NDArray[np.float32]

KIND: Final = "undertone-guardrail-head-1"
MODELS: Final = Path(__file__).parent / "models"
_ARRAYS: Final = ("used", "idf", "lexical", "support", "weights", "mix", "sorts", "sorts_bias")


@dataclass(frozen=True, slots=True)
class Head:
    """One binary head, and for the crisis head the sorts of crisis it tells apart."""

    idf: Floats
    """Shape (COLUMNS,)."""
    lexical: Floats
    """Shape (COLUMNS,): the n-grams' weights."""
    support: Floats
    """Shape (n, 384): the support vectors, unit length."""
    weights: Floats
    """Shape (n,): their signed weights."""
    mix: Floats
    """Shape (6,): weights of n-grams, embedding, plain, sign and lower cues, and a bias; fitted on held-out sources."""
    sorts: Floats
    """Shape (384, k) and `sorts_bias` (k,): which sort it is, given that it is one; k may be 0."""
    sorts_bias: Floats
    gamma: float
    thresholds: Mapping[str, float]
    names: tuple[str, ...]
    """The k sorts."""

    def score(self, row: Bag, vector: Vector, seen: Cues) -> float:
        """How likely a message is one, in [0, 1], if half of all were. `vector` has unit length."""
        lexical = weigh(row, self.idf) @ self.lexical[row.columns]
        near = np.exp(2 * self.gamma * (self.support @ vector - 1)) @ self.weights
        logit = float(self.mix @ np.array([lexical, near, seen.plain, seen.sign, seen.lower, 1.0], np.float32))
        return float(1 / (1 + np.exp(-logit)))

    def sort(self, vector: Vector) -> dict[str, float]:
        """The probability of each sort, given that the message is one."""
        logits = vector @ self.sorts + self.sorts_bias
        shares = np.exp(logits - logits.max())
        return {name: float(p) for name, p in zip(self.names, shares / shares.sum(), strict=True)}

    def save(self, path: Path, facts: Mapping[str, Any]) -> None:
        """Write one compressed .npz: n-grams in half precision, support vectors as bytes."""
        used = np.flatnonzero(self.lexical).astype(np.uint32)
        arrays = {
            "used": used,
            "idf": self.idf[used].astype(np.float16),
            "lexical": self.lexical[used].astype(np.float16),
            "support": np.rint(self.support / _step(self.support)).astype(np.int8),
            "weights": self.weights,
            "mix": self.mix,
            "sorts": self.sorts.astype(np.float16),
            "sorts_bias": self.sorts_bias,
        }
        about = {"gamma": self.gamma, "thresholds": dict(self.thresholds), "names": list(self.names), **facts}
        artefact.save(path, KIND, arrays, about)


@cache
def load(name: str) -> Head:
    """The shipped head `name`: crisis, injection or human. Raises NotReady when its file is missing or damaged."""
    arrays, facts = artefact.load(MODELS / f"{name}.npz", KIND, _ARRAYS)
    used = arrays["used"].astype(np.int64)
    idf, lexical = np.zeros(COLUMNS, np.float32), np.zeros(COLUMNS, np.float32)
    idf[used], lexical[used] = arrays["idf"], arrays["lexical"]
    support = arrays["support"].astype(np.float32)
    support /= np.linalg.norm(support, axis=1, keepdims=True)
    return Head(
        idf,
        lexical,
        support,
        arrays["weights"],
        arrays["mix"],
        arrays["sorts"].astype(np.float32),
        arrays["sorts_bias"],
        float(facts["gamma"]),
        facts["thresholds"],
        tuple(facts["names"]),
    )


def _step(support: Floats) -> Floats:
    """The size of one byte step for each row; the length is restored on loading, so it is not kept."""
    return np.abs(support).max(axis=1, keepdims=True) / 127
