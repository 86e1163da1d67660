"""Fitting a SequenceModel on openings.

    held = held_out(openings, vectors)                 # every opening as seen by heads that never met its author
    model = fit(openings, vectors, held)               # `judging.cross_validate(openings, held, at)` says how good

The heads are fitted on single messages; scales, threshold and conformal levels on authors the heads did not see.
Needs the `train` extra. Knows no detector: a taxonomy is whatever the labels are.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from undertone.errors import BadInput
from undertone.learning.classifier import LinearText, softmax
from undertone.learning.dataset import Opening, Turn
from undertone.learning.features import bag, merge
from undertone.learning.sequence import SequenceModel, timing_features

Floats = npt.NDArray[np.float32]
Vectors = Mapping[str, npt.NDArray[np.float32]]
Progress = Callable[[str], None]
Ints = npt.NDArray[np.int64]
Heads = tuple[LinearText, LinearText, Floats]
"""Single messages, the conversation as one text, timing (9, classes)."""
AT = 5
"""Messages for which scales are fitted."""
MIX = (0.6, 0.29)
"""Weights of the words' and the vector's logits: one over their spread on unseen authors, the vector's by 0.7."""
SEED = 11
"""Of the order in which messages are shuffled for judging."""
TARGET = 0.95
"""The threshold is the lowest at which this share of first committed labels is right on unseen authors."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Every opening as read by heads that saw nothing of its group: logits and what is true of it."""

    views: Floats
    """Words, whole and timing after each number of messages, shape (3, openings, AT, classes)."""
    shuffled: Floats
    """The same with each opening's messages in another order."""
    truth: Ints
    """The labels' numbers, shape (openings,)."""
    count: Ints
    """How many messages each opening has."""


def fit(openings: Sequence[Opening], vectors: Vectors, held: HeldOut, say: Progress = lambda _: None) -> SequenceModel:
    """Fit on everything; `held` (from `held_out`) gives the calibration. Raises BadInput for too little data."""
    labels = sorted({o.label for o in openings})
    views, truth, count = held.views, held.truth, held.count
    steps = min(AT, int(count.max()))
    scales = np.stack([fit_scales(views[:, :, n], truth, count > n) for n in range(steps)])
    chances = np.stack([softmax(mixed(views[:2, :, n], scales[n, 3:])) for n in range(steps)], axis=1)
    conformal = np.array([_conformal(chances[count > n, n], truth[count > n]) for n in range(steps)], np.float32)
    say("fitting on everything")
    text, whole, head = fit_heads(openings, vectors, labels)
    facts = {"openings": len(openings), "groups": sorted({o.group for o in openings})}
    threshold = fit_threshold(chances, truth, count)
    return SequenceModel(text, whole, head, scales.astype(np.float32), threshold, conformal, facts)


def held_out(openings: Sequence[Opening], vectors: Vectors, say: Progress = lambda _: None) -> HeldOut:
    """Read each group of authors by heads fitted on the others. Raises BadInput for too little data."""
    labels = sorted({o.label for o in openings})
    if len(labels) < 2:
        raise BadInput("Training needs at least two labels.")
    groups = np.array(folds(openings))
    views = np.zeros((3, len(openings), AT, len(labels)), np.float32)
    shuffled = np.zeros_like(views)
    order = np.random.default_rng(SEED)
    for number, group in enumerate(sorted(set(groups.tolist())), 1):
        say(f"leaving out {group} ({number} of {len(set(groups.tolist()))})")
        heads = fit_heads([o for o, g in zip(openings, groups, strict=True) if g != group], vectors, labels)
        for i in np.flatnonzero(groups == group).tolist():
            turns = openings[i].turns[:AT]
            views[:, i] = _read(turns, vectors, heads)
            shuffled[:, i] = _read([turns[k] for k in order.permutation(len(turns))], vectors, heads)
    truth = np.array([labels.index(o.label) for o in openings])
    return HeldOut(views, shuffled, truth, np.array([len(o.turns) for o in openings]))


def _read(turns: Sequence[Turn], vectors: Vectors, heads: Heads) -> Floats:
    """What the heads say after each message, shape (3, AT, classes); after the last one nothing changes."""
    text, whole, head = heads
    views = np.zeros((3, AT, len(text.labels)), np.float32)
    logits = text.logits([t.text for t in turns], np.stack([vectors[t.text] for t in turns]))
    prefixes = [merge([bag(t.text) for t in turns[: n + 1]]) for n in range(len(turns))]
    views[0, : len(turns)] = np.cumsum(logits, 0)
    views[1, : len(turns)] = np.stack([whole.lexical_logits(row) + whole.bias for row in prefixes])
    views[2, : len(turns)] = np.cumsum(_timing(turns) @ head, 0)
    views[:, len(turns) :] = views[:, len(turns) - 1 : len(turns)]
    return views


def folds(openings: Sequence[Opening]) -> list[str]:
    """Groups to leave out: the authors' files, or five folds by position where there is but one."""
    names = {o.group for o in openings}
    return [o.group for o in openings] if len(names) > 1 else [str(i % 5) for i in range(len(openings))]


def fit_heads(openings: Sequence[Opening], vectors: Vectors, labels: Sequence[str]) -> Heads:
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
    timing = np.concatenate([_timing(o.turns[:AT]) for o in openings])
    head, bias = fitting.logistic(timing[:, :-1], y, 1.0, balanced=True)
    return text, whole, np.vstack([head, bias[None]]).astype(np.float32)


def _timing(turns: Sequence[Turn]) -> Floats:
    rows = [[*timing_features(t.response_time_s, t.typing_stops, len(t.text)), 1.0] for t in turns]
    return np.asarray(rows, np.float32)


def mixed(views: Floats, scales: Floats) -> Floats:
    """The scaled sum of the views, shape (openings, classes)."""
    return np.einsum("vnc,v->nc", views, scales).astype(np.float32)


def fit_scales(views: Floats, truth: Ints, mask: npt.NDArray[Any]) -> Floats:
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


def fit_threshold(chances: Floats, truth: npt.NDArray[Any], count: npt.NDArray[Any], target: float = TARGET) -> float:
    """The lowest threshold at which `target` of the first committed labels are right; .95 when none reaches it."""
    for threshold in np.arange(0.5, 0.96, 0.01):
        top, best = chances.max(2), chances.argmax(2)
        reached = (top >= threshold) & (np.arange(chances.shape[1])[None] < count[:, None])
        decided = reached.any(1)
        first = reached.argmax(1)
        right = best[np.arange(len(truth)), first] == truth
        if decided.sum() and right[decided].mean() >= target:
            return round(float(threshold), 2)
    return 0.95
