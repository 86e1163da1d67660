"""Fitting linear heads with scikit-learn: the half of the classifiers that only a training run loads.

    model = fit_linear_text(texts, vectors, labels, groups=authors)

Each view (n-grams, vector) gets its own logistic regression; their logits on held-out folds decide how the views are
mixed and how sharp the result may be. Knows nothing of tasks or files. Needs the `train` extra.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from undertone.errors import BadInput
from undertone.learning.classifier import LinearText, softmax
from undertone.learning.features import COLUMNS, Bag, bag, weigh

FOLDS = 5
Floats = npt.NDArray[np.float32]


def fit_linear_text(
    texts: Sequence[str],
    vectors: Floats | None,
    labels: Sequence[str],
    *,
    groups: Sequence[str] | None = None,
    lexical_c: float = 10.0,
    dense_c: float = 4.0,
    balanced: bool = True,
) -> LinearText:
    """Fit both heads by L2 logistic regression, then mix and calibrate them on held-out folds.

    `vectors` is (n, dimension) or None; `groups` (for example authors) never straddle a fold. Larger `..._c` means
    less regularisation. Raises BadInput when a label has fewer than two texts.
    """
    names, y = np.unique(np.asarray(labels), return_inverse=True)
    if len(names) < 2 or np.bincount(y).min() < 2:
        raise BadInput("Training needs at least two labels and at least two texts of each.")
    bags = [bag(text) for text in texts]
    idf = inverse_frequency(bags)
    views: list[tuple[Any, float]] = [(tfidf(bags, idf), lexical_c)]
    if vectors is not None:
        views.append((np.asarray(vectors, np.float32), dense_c))
    held_out = [held_out_logits(x, y, c, groups, balanced) for x, c in views]
    mix = mixing_weights(held_out, y)
    heads = [logistic(x, y, c, balanced) for x, c in views]
    bias = sum((w * b for w, (_, b) in zip(mix, heads, strict=True)), start=np.zeros(len(names)))
    dense = mix[1] * heads[1][0] if len(heads) > 1 else np.empty((0, len(names)))
    digest = sha256("\x00".join(f"{label}\x01{text}" for label, text in zip(labels, texts, strict=True)).encode())
    facts = {"rows": len(texts), "data_sha256": digest.hexdigest(), "mix": [round(float(w), 4) for w in mix]}
    lexical = (mix[0] * heads[0][0]).astype(np.float32)
    return LinearText(tuple(map(str, names)), idf, lexical, dense.astype(np.float32), bias.astype(np.float32), facts)


def inverse_frequency(bags: Sequence[Bag]) -> Floats:
    """Smoothed idf, ln((1 + n) / (1 + df)) + 1, shape (COLUMNS,); zero where no training text has the column."""
    frequency = np.zeros(COLUMNS)
    for row in bags:
        frequency[row.columns] += 1
    return np.where(frequency > 0, np.log((1 + len(bags)) / (1 + frequency)) + 1, 0).astype(np.float32)


def tfidf(bags: Sequence[Bag], idf: Floats) -> csr_matrix:
    """The bags as one sparse matrix, shape (n, COLUMNS)."""
    ends = np.cumsum([0] + [len(row.columns) for row in bags])
    columns = np.concatenate([row.columns for row in bags])
    values = np.concatenate([weigh(row, idf) for row in bags])
    return csr_matrix((values, columns, ends), shape=(len(bags), COLUMNS))


def logistic(x: Any, y: npt.NDArray[np.int64], c: float, balanced: bool) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Weights (features, classes) and bias (classes,) of an L2 logistic regression; two classes share one, +-half."""
    model = LogisticRegression(C=c, class_weight="balanced" if balanced else None, max_iter=1000).fit(x, y)
    weights, bias = np.asarray(model.coef_), np.asarray(model.intercept_)
    if len(weights) == 1:
        weights, bias = np.concatenate([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    return weights.T, bias


def held_out_logits(
    x: Any, y: npt.NDArray[np.int64], c: float, groups: Sequence[str] | None, balanced: bool
) -> npt.NDArray[Any]:
    """Each row's logits by a head that saw nothing of its fold (nor of its group), shape (n, classes)."""
    out = np.zeros((len(y), int(y.max()) + 1))
    parts = max(2, min(FOLDS, int(np.bincount(y).min()), len(set(groups)) if groups is not None else FOLDS))
    if groups is not None and len(set(groups)) > 1:
        folds = StratifiedGroupKFold(parts, shuffle=True, random_state=0).split(out, y, np.asarray(groups))
    else:
        folds = StratifiedKFold(parts, shuffle=True, random_state=0).split(out, y)
    for train, test in folds:
        weights, bias = logistic(x[train], y[train], c, balanced)
        if weights.shape[1] != out.shape[1]:
            raise BadInput("One label appears in a single group only: give it more groups, or train without groups.")
        out[test] = x[test] @ weights + bias
    return out


def mixing_weights(views: Sequence[npt.NDArray[Any]], y: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """One weight a view, all >= 0, that minimise the held-out log loss: stacking and temperature in one."""

    def loss(weights: npt.NDArray[np.float64]) -> float:
        p = softmax(sum((w * v for w, v in zip(weights, views, strict=True)), start=np.zeros_like(views[0])))
        return float(-np.log(np.maximum(p[np.arange(len(y)), y], 1e-9)).mean())

    start = np.full(len(views), 1.0 / len(views))
    found = minimize(loss, start, method="Nelder-Mead", bounds=[(0.0, 5.0)] * len(views))
    return np.asarray(found.x)
