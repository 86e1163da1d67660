"""How good a reader of openings is on authors it never saw, and what more labels would buy.

    figures = cross_validate(openings, held, at=(3, 4, 5))
    curve = learning_curve(openings, vectors, sizes=(10, 20, 40, 80, 120), at=4)

Heads, scales and thresholds always come from other groups than the one they are judged on. Needs the `train` extra.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from undertone.learning.classifier import softmax
from undertone.learning.dataset import Opening
from undertone.learning.evaluation import figures_at
from undertone.learning.training import (
    AT,
    SEED,
    TARGET,
    HeldOut,
    Progress,
    Vectors,
    fit_scales,
    fit_threshold,
    folds,
    held_out,
    mixed,
)

Floats = npt.NDArray[np.float32]


def cross_validate(
    openings: Sequence[Opening], held: HeldOut, at: Sequence[int], target: float = TARGET
) -> dict[str, Any]:
    """Leave each group out. `at` has timing in it, `text_only` the words alone, and beside the headline stands what a
    corpus whose authors schedule the reveal must show: messages shuffled, the last one removed, the hard ones alone.

    A label is committed to at the threshold where `target` of first commitments were right on the other groups.
    """
    both, alone, shuffled, threshold = _read_by_others(openings, held, target)
    truth, count = held.truth, held.count
    found: dict[str, Any] = {
        "at": figures_at(both, truth, count, threshold, at),
        "text_only": figures_at(alone, truth, count, threshold, at),
        "threshold": round(threshold, 3),
        "text_only_shuffled": figures_at(shuffled, truth, count, threshold, at),
        "text_only_without_last": figures_at(alone, truth, count - 1, threshold, at),
    }
    hard = np.array([o.difficulty == "hard" for o in openings])
    if hard.any():
        found["text_only_hard"] = figures_at(alone[hard], truth[hard], count[hard], threshold, at)
    return found


def read_by_others(openings: Sequence[Opening], held: HeldOut) -> Floats:
    """Probabilities from the words alone, every opening read with what other groups taught, for pictures."""
    return _read_by_others(openings, held)[1]


def _read_by_others(
    openings: Sequence[Opening], held: HeldOut, target: float = TARGET
) -> tuple[Floats, Floats, Floats, float]:
    """Probabilities with timing, by words, by words shuffled, each (openings, steps, classes); the mean threshold."""
    views, truth, count = held.views, held.truth, held.count
    steps = min(AT, int(count[count > 0].max()))
    groups = np.array(folds(openings))
    both, alone, shuffled = np.zeros_like(views[0]), np.zeros_like(views[0]), np.zeros_like(views[0])
    thresholds = np.zeros(len(openings))
    for group in sorted(set(groups.tolist())):
        mine, others = groups == group, groups != group
        scales = [fit_scales(views[:, others, n], truth[others], count[others] > n) for n in range(steps)]
        rest = np.stack([softmax(mixed(views[:2, others, n], s[3:])) for n, s in enumerate(scales)], axis=1)
        thresholds[mine] = fit_threshold(rest, truth[others], count[others], target)
        for n, s in enumerate(scales):
            both[mine, n] = softmax(mixed(views[:, mine, n], s[:3]))
            alone[mine, n] = softmax(mixed(views[:2, mine, n], s[3:]))
            shuffled[mine, n] = softmax(mixed(held.shuffled[:2, mine, n], s[3:]))
    return both, alone, shuffled, float(np.mean(thresholds))


def learning_curve(
    openings: Sequence[Opening],
    vectors: Vectors,
    sizes: Sequence[int],
    at: int,
    say: Progress = lambda _: None,
) -> dict[str, dict[str, float]]:
    """Accuracy after `at` messages on authors not learned from, by labelled conversations a class.

    Sizes count openings of each label, drawn evenly from all groups; one that the data cannot fill is left out.
    """
    order = np.random.default_rng(SEED).permutation(len(openings))
    found: dict[str, dict[str, float]] = {}
    for size in sizes:
        chosen = _draw([openings[i] for i in order], size)
        if not chosen:
            continue
        say(f"{size} a class")
        held = held_out(chosen, vectors)
        figures = figures_at(read_by_others(chosen, held), held.truth, held.count, 1.0, (at,))
        found[str(size)] = {"n": len(chosen), "accuracy": figures[str(at)]["accuracy"]}
    return found


def _draw(openings: Sequence[Opening], size: int) -> list[Opening]:
    """`size` of each label, as evenly from the groups as they allow; empty when there are not enough."""
    chosen: list[Opening] = []
    groups = sorted({o.group for o in openings})
    for label in sorted({o.label for o in openings}):
        shelves = [[o for o in openings if o.label == label and o.group == group] for group in groups]
        dealt = [shelf[k] for k in range(max(map(len, shelves))) for shelf in shelves if k < len(shelf)]
        if len(dealt) < size:
            return []
        chosen += dealt[:size]
    return chosen
