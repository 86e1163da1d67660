"""Fitting a SequenceModel on openings, and honest figures by leaving each group of authors out.

    model = fit(openings, vectors)
    figures, scores = cross_validate(openings, vectors)

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
from undertone.learning.sequence import SequenceModel, timing_features

Floats = npt.NDArray[np.float32]
Vectors = Mapping[str, npt.NDArray[np.float32]]
Progress = Callable[[str], None]
AT = 5
"""Messages for which scales are fitted."""
TARGET = 0.95
"""The threshold is the lowest at which this share of first committed labels is right on unseen authors."""


def fit(openings: Sequence[Opening], vectors: Vectors, say: Progress = lambda _: None) -> SequenceModel:
    """Fit on everything; the calibration comes from leaving groups out. Raises BadInput for too little data."""
    labels = sorted({o.label for o in openings})
    if len(labels) < 2:
        raise BadInput("Training needs at least two labels.")
    words, timing, truth, count = held_out(openings, vectors, labels, say)
    scales = np.stack([_scales(words[:, n], timing[:, n], truth, count > n) for n in range(AT)])
    chances = np.stack([softmax(scales[n, 2] * words[:, n]) for n in range(AT)], axis=1)
    conformal = np.array([_conformal(chances[count > n, n], truth[count > n]) for n in range(AT)], np.float32)
    say("fitting on everything")
    text, head = _heads(openings, vectors, labels)
    facts = {"openings": len(openings), "groups": sorted({o.group for o in openings})}
    return SequenceModel(text, head, scales.astype(np.float32), _threshold(chances, truth, count), conformal, facts)


def held_out(
    openings: Sequence[Opening], vectors: Vectors, labels: Sequence[str], say: Progress
) -> tuple[Floats, Floats, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Summed logits (openings, AT, classes) of words and of timing from heads that did not see the opening's group."""
    groups = _folds(openings)
    shape = (len(openings), AT, len(labels))
    words, timing = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for number, group in enumerate(sorted(set(groups)), 1):
        say(f"leaving out {group} ({number} of {len(set(groups))})")
        text, head = _heads([o for o, g in zip(openings, groups, strict=True) if g != group], vectors, labels)
        for i in (i for i, g in enumerate(groups) if g == group):
            turns = openings[i].turns[:AT]
            logits = text.logits([t.text for t in turns], np.stack([vectors[t.text] for t in turns]))
            words[i, : len(turns)] = np.cumsum(logits, 0)
            timing[i, : len(turns)] = np.cumsum(_timing(openings[i : i + 1])[: len(turns)] @ head, 0)
            words[i, len(turns) :], timing[i, len(turns) :] = words[i, len(turns) - 1], timing[i, len(turns) - 1]
    truth = np.array([labels.index(o.label) for o in openings])
    return words, timing, truth, np.array([len(o.turns) for o in openings])


def _folds(openings: Sequence[Opening]) -> list[str]:
    """Groups to leave out: the authors' files, or five folds by position where there is but one."""
    names = {o.group for o in openings}
    return [o.group for o in openings] if len(names) > 1 else [str(i % 5) for i in range(len(openings))]


def _heads(openings: Sequence[Opening], vectors: Vectors, labels: Sequence[str]) -> tuple[LinearText, Floats]:
    from sklearn.linear_model import LogisticRegression

    turns = [(t.text, o.label, o.group, t) for o in openings for t in o.turns[:AT]]
    texts = [text for text, *_ in turns]
    several = len({group for _, _, group, _ in turns}) > 1
    text = LinearText.fit(
        texts,
        np.stack([vectors[t] for t in texts]),
        [label for _, label, *_ in turns],
        groups=[group for _, _, group, _ in turns] if several else None,
        lexical_c=1.0,
        dense_c=1.0,
    )
    if text.labels != tuple(labels):
        raise BadInput("Every group of authors needs every label.")
    model = LogisticRegression(C=1.0, max_iter=500).fit(_timing(openings), [label for _, label, *_ in turns])
    coefficients = np.vstack([model.coef_, -model.coef_])[::-1] if len(labels) == 2 else model.coef_
    head = np.vstack([coefficients.T, np.zeros((1, len(labels)))]).astype(np.float32)
    return text, head


def _timing(openings: Sequence[Opening]) -> Floats:
    rows = [
        [*timing_features(t.response_time_s, t.typing_stops, len(t.text)), 1.0] for o in openings for t in o.turns[:AT]
    ]
    return np.asarray(rows, np.float32)


def _scales(words: Floats, timing: Floats, truth: npt.NDArray[Any], mask: npt.NDArray[Any]) -> Floats:
    """Three non-negative scales that minimise the held-out log loss after one number of messages."""
    from scipy.optimize import minimize

    w, t, y = words[mask], timing[mask], truth[mask]

    def loss(scale: Sequence[float], with_timing: bool) -> float:
        logits = scale[0] * w + (scale[1] * t if with_timing else 0.0)
        return -float(np.log(softmax(logits.astype(np.float32))[np.arange(len(y)), y] + 1e-9).mean())

    bounds = [(0.01, 5.0), (0.0, 5.0)]
    both = minimize(lambda s: loss(s, True), [0.5, 0.2], bounds=bounds, method="L-BFGS-B").x
    alone = minimize(lambda s: loss(s, False), [0.5], bounds=bounds[:1], method="L-BFGS-B").x
    return np.array([both[0], both[1], alone[0]], np.float32)


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
