"""Fitting a SequenceModel on openings, and honest figures by leaving each group of authors out.

    held = held_out(openings, vectors)                 # every opening as seen by heads that never met its author
    figures = cross_validate(openings, held, at=(3, 4, 5))
    model = fit(openings, vectors, held)

The heads are fitted on single messages; scales, threshold and conformal levels on authors the heads did not see.
Needs the `train` extra. Knows no detector: a taxonomy is whatever the labels are.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from undertone.errors import BadInput
from undertone.learning.classifier import LinearText, softmax
from undertone.learning.dataset import Opening
from undertone.learning.features import bag, merge
from undertone.learning.sequence import SequenceModel, timing_features

Floats = npt.NDArray[np.float32]
Vectors = Mapping[str, npt.NDArray[np.float32]]
Progress = Callable[[str], None]
Ints = npt.NDArray[np.int64]
HeldOut = tuple[Floats, Ints, Ints]
AT = 5
"""Messages for which scales are fitted."""
MIX = (0.6, 0.29)
"""Weights of the words' and the vector's logits: one over their spread on unseen authors, the vector's by 0.7."""
TARGET = 0.95
"""The threshold is the lowest at which this share of first committed labels is right on unseen authors."""


def fit(openings: Sequence[Opening], vectors: Vectors, held: HeldOut, say: Progress = lambda _: None) -> SequenceModel:
    """Fit on everything; `held` (from `held_out`) gives the calibration. Raises BadInput for too little data."""
    labels = sorted({o.label for o in openings})
    views, truth, count = held
    steps = min(AT, int(count.max()))
    scales = np.stack([_scales(views[:, :, n], truth, count > n) for n in range(steps)])
    chances = np.stack([softmax(_mixed(views[:2, :, n], scales[n, 3:])) for n in range(steps)], axis=1)
    conformal = np.array([_conformal(chances[count > n, n], truth[count > n]) for n in range(steps)], np.float32)
    say("fitting on everything")
    text, whole, head = _heads(openings, vectors, labels)
    facts = {"openings": len(openings), "groups": sorted({o.group for o in openings})}
    threshold = _threshold(chances, truth, count)
    return SequenceModel(text, whole, head, scales.astype(np.float32), threshold, conformal, facts)


def held_out(openings: Sequence[Opening], vectors: Vectors, say: Progress = lambda _: None) -> HeldOut:
    """Logits (3 views, openings, AT, classes) of words, whole and timing, by heads that saw nothing of that group.

    With them the labels' numbers and how many messages each opening has. Raises BadInput for too little data.
    """
    labels = sorted({o.label for o in openings})
    if len(labels) < 2:
        raise BadInput("Training needs at least two labels.")
    groups = _folds(openings)
    views = np.zeros((3, len(openings), AT, len(labels)), np.float32)
    for number, group in enumerate(sorted(set(groups)), 1):
        say(f"leaving out {group} ({number} of {len(set(groups))})")
        text, whole, head = _heads([o for o, g in zip(openings, groups, strict=True) if g != group], vectors, labels)
        for i in (i for i, g in enumerate(groups) if g == group):
            turns = openings[i].turns[:AT]
            logits = text.logits([t.text for t in turns], np.stack([vectors[t.text] for t in turns]))
            prefixes = [merge([bag(t.text) for t in turns[: n + 1]]) for n in range(len(turns))]
            views[0, i, : len(turns)] = np.cumsum(logits, 0)
            views[1, i, : len(turns)] = np.stack([whole.lexical_logits(row) + whole.bias for row in prefixes])
            views[2, i, : len(turns)] = np.cumsum(_timing(openings[i : i + 1]) @ head, 0)
            views[:, i, len(turns) :] = views[:, i, len(turns) - 1 : len(turns)]
    truth = np.array([labels.index(o.label) for o in openings])
    return views, truth, np.array([len(o.turns) for o in openings])


def _folds(openings: Sequence[Opening]) -> list[str]:
    """Groups to leave out: the authors' files, or five folds by position where there is but one."""
    names = {o.group for o in openings}
    return [o.group for o in openings] if len(names) > 1 else [str(i % 5) for i in range(len(openings))]


def _heads(
    openings: Sequence[Opening], vectors: Vectors, labels: Sequence[str]
) -> tuple[LinearText, LinearText, Floats]:
    """Three heads: single messages (words and vector mixed by MIX), all prefixes as one text, timing (9, classes)."""
    from undertone.learning import fitting

    turns = [(t.text, labels.index(o.label)) for o in openings for t in o.turns[:AT]]
    y = np.array([label for _, label in turns])
    if len(set(y.tolist())) < len(labels):
        raise BadInput("Every group of authors needs every label.")
    bags = [bag(text) for text, _ in turns]
    idf = fitting.inverse_frequency(bags)
    lexical, lexical_bias = fitting.logistic(fitting.tfidf(bags, idf), y, 1.0, balanced=True)
    dense, dense_bias = fitting.logistic(np.stack([vectors[text] for text, _ in turns]), y, 1.0, balanced=True)
    text = LinearText(
        tuple(labels),
        idf,
        (MIX[0] * lexical).astype(np.float32),
        (MIX[1] * dense).astype(np.float32),
        (MIX[0] * lexical_bias + MIX[1] * dense_bias).astype(np.float32),
        {"rows": len(turns), "mix": list(MIX)},
    )
    prefixes = [merge([bag(t.text) for t in o.turns[: n + 1]]) for o in openings for n in range(len(o.turns[:AT]))]
    frequency = fitting.inverse_frequency(prefixes)
    lexical, lexical_bias = fitting.logistic(fitting.tfidf(prefixes, frequency), y, 10.0, balanced=True)
    none = np.empty((0, len(labels)), np.float32)
    whole = LinearText(
        tuple(labels), frequency, lexical.astype(np.float32), none, lexical_bias.astype(np.float32), {"rows": len(y)}
    )
    head, bias = fitting.logistic(_timing(openings)[:, :-1], y, 1.0, balanced=True)
    return text, whole, np.vstack([head, bias[None]]).astype(np.float32)


def _timing(openings: Sequence[Opening]) -> Floats:
    rows = [
        [*timing_features(t.response_time_s, t.typing_stops, len(t.text)), 1.0] for o in openings for t in o.turns[:AT]
    ]
    return np.asarray(rows, np.float32)


def _mixed(views: Floats, scales: Floats) -> Floats:
    """The scaled sum of the views, shape (openings, classes)."""
    return np.einsum("vnc,v->nc", views, scales).astype(np.float32)


def _scales(views: Floats, truth: Ints, mask: npt.NDArray[Any]) -> Floats:
    """Five non-negative scales that minimise the held-out log loss after one number of messages; see SequenceModel."""
    from scipy.optimize import minimize

    seen, y = views[:, mask].astype(np.float64), truth[mask]

    def loss(scale: npt.NDArray[np.float64]) -> float:
        logits = np.einsum("vnc,v->nc", seen[: len(scale)], scale)
        logits = logits - logits.max(1, keepdims=True)
        chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        return -float(np.log(chances[np.arange(len(y)), y] + 1e-9).mean())

    both = minimize(loss, [0.7, 0.4, 0.3], bounds=[(0.0, 20.0)] * 3, method="Nelder-Mead").x
    alone = minimize(loss, [0.7, 0.4], bounds=[(0.0, 20.0)] * 2, method="Nelder-Mead").x
    return np.array([*both, *alone], np.float32)


def _conformal(chances: Floats, truth: npt.NDArray[Any], alpha: float = 0.1) -> float:
    """The LAC level: the alpha quantile (with the finite-sample correction) of the true label's probability."""
    own = np.sort(chances[np.arange(len(truth)), truth])
    return float(own[max(0, int(np.floor(alpha * (len(own) + 1))) - 1)])


def _threshold(chances: Floats, truth: npt.NDArray[Any], count: npt.NDArray[Any]) -> float:
    """The lowest threshold at which TARGET of the first committed labels are right; .95 when none reaches it."""
    for threshold in np.arange(0.5, 0.96, 0.01):
        top, best = chances.max(2), chances.argmax(2)
        reached = (top >= threshold) & (np.arange(chances.shape[1])[None] < count[:, None])
        decided = reached.any(1)
        first = reached.argmax(1)
        right = best[np.arange(len(truth)), first] == truth
        if decided.sum() and right[decided].mean() >= TARGET:
            return round(float(threshold), 2)
    return 0.95


def cross_validate(openings: Sequence[Opening], held: HeldOut, at: Sequence[int]) -> dict[str, Any]:
    """Leave each group out: heads, scales and threshold come from the other groups. With timing and text alone."""
    from undertone.learning.evaluation import figures_at

    views, truth, count = held
    steps = min(AT, int(count[count > 0].max()))
    groups = np.array(_folds(openings))
    both, alone = np.zeros_like(views[0]), np.zeros_like(views[0])
    thresholds = np.zeros(len(openings))
    for group in sorted(set(groups.tolist())):
        mine, others = groups == group, groups != group
        scales = [_scales(views[:, others, n], truth[others], count[others] > n) for n in range(steps)]
        rest = np.stack([softmax(_mixed(views[:2, others, n], s[3:])) for n, s in enumerate(scales)], axis=1)
        thresholds[mine] = _threshold(rest, truth[others], count[others])
        for n, s in enumerate(scales):
            both[mine, n] = softmax(_mixed(views[:, mine, n], s[:3]))
            alone[mine, n] = softmax(_mixed(views[:2, mine, n], s[3:]))
    threshold = float(np.mean(thresholds))
    hard = np.array([o.difficulty == "hard" for o in openings])
    found = {
        "at": figures_at(both, truth, count, threshold, at),
        "text_only": figures_at(alone, truth, count, threshold, at),
        "threshold": round(threshold, 3),
    }
    if hard.any():
        found["text_only_hard"] = figures_at(alone[hard], truth[hard], count[hard], threshold, at)
    return found
