"""Figures for a sequential posterior: accuracy, macro F1, calibration error, what was committed to and how well.

    figures_at(chances, truth, threshold, at=(1, 2, 3, 4, 5), count=count)

Pure numpy. ECE: ten equal-width bins over the top probability (Guo et al. 2017).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


def ece(chances: Floats, truth: Ints, bins: int = 10) -> float:
    """Expected calibration error. `chances` (n, classes), `truth` (n,)."""
    top, right = chances.max(1), chances.argmax(1) == truth
    place = np.minimum((top * bins).astype(int), bins - 1)
    error = 0.0
    for b in range(bins):
        inside = place == b
        if inside.any():
            error += inside.mean() * abs(top[inside].mean() - right[inside].mean())
    return float(error)


def macro_f1(guess: Ints, truth: Ints, classes: int) -> float:
    """Mean over classes of the harmonic mean of precision and recall."""
    scores: list[float] = []
    for c in range(classes):
        hit = float(((guess == c) & (truth == c)).sum())
        total = float((guess == c).sum() + (truth == c).sum())
        scores.append(2 * hit / total if total else 0.0)
    return float(np.mean(scores))


def macro_recall(guess: Sequence[str], truth: Sequence[str]) -> float:
    """Mean over the labels that occur of the share found."""
    found = [
        np.mean([g == label for g, t in zip(guess, truth, strict=True) if t == label]) for label in sorted(set(truth))
    ]
    return float(np.mean(found))


def figures_at(
    chances: Floats, truth: Ints, count: Ints, threshold: float, at: Sequence[int]
) -> dict[str, dict[str, Any]]:
    """Figures after 1, 2, ... messages. `chances` (people, messages, classes), `count` (people,) messages each has.

    `decided`: the share of people committed to by then; `decided_accuracy`: how many of those first labels were right.
    """
    found: dict[str, dict[str, Any]] = {}
    top, best = chances.max(2), chances.argmax(2)
    for n in at:
        has = count >= n
        if not has.any() or n > chances.shape[1]:
            continue
        reached = top[has, :n] >= threshold
        decided, first = reached.any(1), reached.argmax(1)
        right = best[has][np.arange(has.sum()), first] == truth[has]
        found[str(n)] = {
            "n": int(has.sum()),
            "accuracy": round(float((best[has, n - 1] == truth[has]).mean()), 4),
            "macro_f1": round(macro_f1(best[has, n - 1], truth[has], chances.shape[2]), 4),
            "ece": round(ece(chances[has, n - 1], truth[has]), 4),
            "decided": round(float(decided.mean()), 4),
            "decided_accuracy": round(float(right[decided].mean()), 4) if decided.any() else None,
        }
    return found


def binary(fired: Sequence[bool], positive: Sequence[bool]) -> dict[str, Any]:
    """Recall, false-positive rate and precision of a rail."""
    hits = sum(f and p for f, p in zip(fired, positive, strict=True))
    alarms = sum(f and not p for f, p in zip(fired, positive, strict=True))
    positives = sum(positive)
    negatives = len(positive) - positives
    return {
        "n": len(positive),
        "positives": positives,
        "recall": round(hits / positives, 4) if positives else None,
        "false_positive_rate": round(alarms / negatives, 4) if negatives else None,
        "precision": round(hits / (hits + alarms), 4) if hits + alarms else None,
    }
