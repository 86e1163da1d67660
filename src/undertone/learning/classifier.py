"""A linear text classifier in numpy: hashed n-grams and an embedding, each with its own head, mixed and calibrated.

    model = LinearText.load(path)
    model.probabilities(texts, vectors)      # (n, classes), rows sum to 1

`fitting.fit_linear_text` makes one; loading and reading need numpy only. Knows nothing of what the labels
mean; its probabilities are calibrated for people like those in its training groups, not for strangers of another kind.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from undertone.learning import artefact
from undertone.learning.features import COLUMNS, Bag, bag, weigh

Floats = npt.NDArray[np.float32]
KIND = "undertone-linear-text-1"


@dataclass(frozen=True)
class LinearText:
    """logits = lexical @ n-grams + dense @ vector + bias; a softmax of them are the probabilities.

    The mixing weights of the two heads and the temperature are already multiplied into the arrays.
    """

    labels: tuple[str, ...]
    idf: Floats
    """Shape (COLUMNS,); zero for columns the training texts never filled."""
    lexical: Floats
    """Shape (COLUMNS, classes)."""
    dense: Floats
    """Shape (dimension, classes); dimension 0 when trained without vectors."""
    bias: Floats
    """Shape (classes,)."""
    facts: artefact.Facts
    """What it was trained on: data hash, sizes, mixing weights. JSON-ready, for the model card."""

    @cached_property
    def _columns(self) -> int:
        return len(self.labels)

    @cached_property
    def _reads_words(self) -> bool:
        return bool(self.idf.any())

    def logits(self, texts: Sequence[str], vectors: Floats | None) -> Floats:
        """Shape (n, classes). `vectors` may be None only for a model trained without them."""
        rows = np.zeros((len(texts), self._columns), np.float32)
        if self._reads_words and texts:
            rows = np.stack([self.lexical_logits(bag(text)) for text in texts])
        if self.dense.shape[0]:
            if vectors is None:
                raise ValueError("this model reads vectors too; embed the texts first")
            rows = rows + np.asarray(vectors, np.float32) @ self.dense
        return (rows + self.bias).astype(np.float32)

    def probabilities(self, texts: Sequence[str], vectors: Floats | None) -> Floats:
        """Shape (n, classes), columns in the order of `labels`, rows summing to 1."""
        return softmax(self.logits(texts, vectors))

    def lexical_logits(self, row: Bag) -> Floats:
        """The n-grams' part of the logits of one text, shape (classes,)."""
        return weigh(row, self.idf) @ self.lexical[row.columns]

    def save(self, path: Path) -> None:
        """Write one compressed .npz (half precision, only the columns in use), with a tag and a checksum."""
        used = np.flatnonzero(self.idf).astype(np.uint32)
        arrays = {
            "used": used,
            "idf": self.idf[used].astype(np.float16),
            "lexical": self.lexical[used].astype(np.float16),
            "dense": self.dense.astype(np.float16),
            "bias": self.bias,
        }
        artefact.save(path, KIND, arrays, {"labels": list(self.labels), **self.facts})

    @classmethod
    def load(cls, path: Path) -> "LinearText":
        """Read what `save` wrote. Raises NotReady for a file that is missing, damaged or not one of ours."""
        arrays, facts = artefact.load(path, KIND, ("used", "idf", "lexical", "dense", "bias"))
        labels = tuple(facts.pop("labels"))
        used = arrays["used"].astype(np.int64)
        idf = np.zeros(COLUMNS, np.float32)
        idf[used] = arrays["idf"]
        lexical = np.zeros((COLUMNS, len(labels)), np.float32)
        lexical[used] = arrays["lexical"]
        return cls(labels, idf, lexical, arrays["dense"].astype(np.float32), arrays["bias"].astype(np.float32), facts)


def softmax(logits: Floats) -> Floats:
    """Probabilities along the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return (shifted / shifted.sum(axis=-1, keepdims=True)).astype(np.float32)
