"""Trains the heads of the input rails from data/care and says how they do on sources they never saw.

    .venv/bin/python -m undertone.guardrails.training [DATA_DIR] [--out DIR] [--models DIR]

Every source (an author, or a public set) is held out once; the scores it then gets set the mixing, the thresholds and
the figures, so no figure comes from a row its model was trained on. Thresholds are however chosen on those same
scores: another author's rows are the judge. Needs the `train` extra. Same rows, same files.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from undertone.guardrails import crisis, heads, lexicon
from undertone.guardrails.asking import asks_what_talks
from undertone.learning.features import Bag, bag, normalise, weigh
from undertone.llm.embedder import default_embedder

Floats = npt.NDArray[np.float32]

GAMMA: Final = 1.0
SVM_C: Final = 4.0
LEXICAL_C: Final = 10.0
"""Chosen on the first two crisis sources among C 1-10 and gamma 1-2; flat around the optimum."""


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled text. `source` never straddles a fold; `ordinary` rows are everyday chat, counted apart."""

    text: str
    positive: bool
    source: str
    ordinary: bool = False
    sort: str = ""
    plain: bool = False
    """A flat or calm remark ("The weather is lovely."): learned from, counted, too easy to set a threshold by."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one head learns from. `rates`: per threshold, the highest false-positive rate on (hard, ordinary) rows."""

    head: str
    positive: str
    files: tuple[str, ...]
    rates: dict[str, tuple[float, float]]
    also: Callable[[str], bool] | None = None
    """What the rail asks beside the head: either is enough."""


PLANS: Final = {
    "crisis": Plan(
        "crisis",
        "crisis",
        ("crisis", "crisis-H", "crisis-rail"),
        {"concern": (0.14, 0.025), "crisis": (0.028, 0.006)},
    ),
    "human": Plan(
        "human",
        "asks_human",
        ("human", "human-rail", "human-asked"),
        {"asks_human": (0.016, 0.004)},
        also=asks_what_talks,
    ),
    "injection": Plan(
        "injection", "attack", ("injection", "injection-rail", "injection-public"), {"injection": (0.018, 0.003)}
    ),
}


def main(argv: Sequence[str] | None = None) -> None:
    """Train and save every head; progress on stderr, the figures as one JSON line on stdout."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("data", nargs="?", type=Path, default=Path("data/care"))
    arguments.add_argument("--out", type=Path, default=heads.MODELS)
    arguments.add_argument("--models", type=Path, default=Path("var/models"))
    asked = arguments.parse_args(argv)
    embedder = default_embedder(asked.models)
    report: dict[str, Any] = {}
    for name, plan in PLANS.items():
        rows = read(asked.data, plan)
        vectors = embedder.embed_now([row.text for row in rows])
        head, figures = train(rows, vectors, plan)
        digest = sha256("\x00".join(f"{r.positive}{r.text}" for r in rows).encode()).hexdigest()
        head.save(asked.out / f"{name}.npz", {"rows": len(rows), "data_sha256": digest, "held_out": figures})
        report[name] = figures
        print(f"{name}: {json.dumps(figures)}", file=sys.stderr)  # noqa: T201
    embedder.close()
    print(json.dumps(report))  # noqa: T201


def read(data: Path, plan: Plan) -> list[Row]:
    """The plan's rows and the ordinary chat. Each text once; the first source that has it keeps it.

    Ordinary rows that do what the head looks for (`"asks_human": true`) are neither one nor the other and left out.
    """
    rows: dict[str, Row] = {}
    for file in plan.files:
        for raw in _lines(data / f"{file}.jsonl"):
            sort = raw.get("kind", "") if raw["label"] == plan.positive else ""
            rows.setdefault(raw["text"], Row(raw["text"], raw["label"] == plan.positive, file, sort=sort))
    for raw in _lines(data / "ordinary.jsonl"):
        if raw.get(plan.positive):
            continue
        rows.setdefault(raw["text"], Row(raw["text"], False, f"ordinary-{raw['author']}", ordinary=True))
    for raw in (*_lines(data / "plain.jsonl"), *_lines(data / "calm-public.jsonl")):
        rows.setdefault(raw["text"], Row(raw["text"], False, raw["author"], plain=True))
    return list(rows.values())


def train(rows: Sequence[Row], vectors: Floats, plan: Plan) -> tuple[heads.Head, dict[str, Any]]:
    """One head from all rows, its mixing and thresholds from held-out scores, and the held-out figures."""
    from sklearn.linear_model import LogisticRegression

    y = np.array([row.positive for row in rows])
    bags = [bag(row.text) for row in rows]
    seen = [lexicon.cues(plan.head, normalise(row.text)) for row in rows]
    views = np.zeros((len(rows), 2))
    for held in folds(rows, plan):
        view = fit(bags, vectors, y, ~held)
        views[held] = view.read([row for row, out in zip(bags, held, strict=True) if out], vectors[held])
    views = np.column_stack([views, [[c.plain, c.sign, c.lower] for c in seen]])
    mixing = LogisticRegression(C=100.0, class_weight="balanced", max_iter=1000).fit(views, y)
    mix = np.array([*mixing.coef_[0], mixing.intercept_[0]], np.float32)
    scores = 1 / (1 + np.exp(-(views @ mix[:-1] + mix[-1])))
    thresholds = limits(rows, scores, plan)
    whole = fit(bags, vectors, y, np.ones(len(rows), bool))
    sorts, bias, names = fit_sorts(rows, vectors)
    head = heads.Head(
        whole.idf, whole.lexical, whole.support, whole.weights, mix, sorts, bias, GAMMA, thresholds, names
    )
    if plan.also:
        scores = np.where([plan.also(row.text) for row in rows], 1.0, scores)
    return head, judge(rows, scores, thresholds, plan)


def folds(rows: Sequence[Row], plan: Plan) -> list[npt.NDArray[np.bool_]]:
    """One fold a file; the authors of ordinary chat, and the three sorts of flat remarks, are dealt out among them."""
    authors = sorted({row.source for row in rows if row.ordinary or row.plain})
    home = {author: plan.files[i % len(plan.files)] for i, author in enumerate(authors)}
    where = np.array([home.get(row.source, row.source) for row in rows])
    return [where == file for file in plan.files]


@dataclass(frozen=True, slots=True)
class View:
    """Both views fitted, not yet mixed. Arrays as in heads.Head."""

    idf: Floats
    lexical: Floats
    support: Floats
    weights: Floats

    def read(self, bags: Sequence[Bag], vectors: Floats) -> npt.NDArray[np.float64]:
        """Shape (n, 2). The views' own biases are left to the mixing."""
        lexical = [float(weigh(row, self.idf) @ self.lexical[row.columns]) for row in bags]
        near = np.exp(2 * GAMMA * (vectors @ self.support.T - 1)) @ self.weights
        return np.column_stack([lexical, near])


def fit(bags: Sequence[Bag], vectors: Floats, y: npt.NDArray[np.bool_], use: npt.NDArray[np.bool_]) -> View:
    """Fit both views on the rows marked in `use`."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    from undertone.learning.fitting import inverse_frequency, tfidf

    chosen = [row for row, used in zip(bags, use, strict=True) if used]
    idf = inverse_frequency(chosen)
    words = LogisticRegression(C=LEXICAL_C, class_weight="balanced", max_iter=2000).fit(tfidf(chosen, idf), y[use])
    machine = SVC(C=SVM_C, gamma=GAMMA, class_weight="balanced").fit(  # pyright: ignore[reportArgumentType]
        vectors[use], y[use]
    )
    return View(
        idf,
        np.asarray(words.coef_[0], np.float32),
        np.asarray(machine.support_vectors_, np.float32),
        np.asarray(machine.dual_coef_[0], np.float32),
    )


def fit_sorts(rows: Sequence[Row], vectors: Floats) -> tuple[Floats, Floats, tuple[str, ...]]:
    """A softmax over the embedding that tells the sorts of positives apart; empty where rows carry none."""
    from sklearn.linear_model import LogisticRegression

    known = [i for i, row in enumerate(rows) if row.sort in crisis.KINDS]
    if not known:
        return np.zeros((vectors.shape[1], 0), np.float32), np.zeros(0, np.float32), ()
    model = LogisticRegression(C=10.0, class_weight="balanced", max_iter=2000)
    model.fit(vectors[known], [rows[i].sort for i in known])
    return np.asarray(model.coef_.T, np.float32), np.asarray(model.intercept_, np.float32), tuple(model.classes_)


def limits(rows: Sequence[Row], scores: Any, plan: Plan) -> dict[str, float]:
    """Every threshold of the plan, by held-out scores, shape (n,), of all rows but the flat remarks."""
    told = np.array([not row.plain for row in rows])
    y = np.array([row.positive for row in rows])[told]
    ordinary = np.array([row.ordinary for row in rows])[told]
    return {name: threshold(scores[told], y, ordinary, *rates) for name, rates in plan.rates.items()}


def threshold(scores: Any, y: Any, ordinary: Any, hard_rate: float, ordinary_rate: float) -> float:
    """The lowest threshold that keeps both false-positive rates, on hard negatives and on ordinary chat."""
    hard = np.quantile(scores[~y & ~ordinary], 1 - hard_rate)
    return float(round(max(hard, np.quantile(scores[ordinary], 1 - ordinary_rate)), 4))


def judge(rows: Sequence[Row], scores: Any, thresholds: dict[str, float], plan: Plan) -> dict[str, Any]:
    """Recall and false-positive rates of each threshold, over all held-out rows and source by source."""
    y = np.array([row.positive for row in rows])
    ordinary = np.array([row.ordinary for row in rows])
    source = np.array([row.source for row in rows])
    plain = np.array([row.plain for row in rows])
    counts = {"positives": y, "hard": ~y & ~ordinary & ~plain, "ordinary": ordinary, "plain": plain}
    figures: dict[str, Any] = {name: int(which.sum()) for name, which in counts.items()}
    for name, limit in thresholds.items():
        hit = scores >= limit
        figures[name] = {
            "threshold": limit,
            "ordinary_fpr": round(float(hit[ordinary].mean()), 4),
            "plain_fpr": round(float(hit[plain].mean()), 4),
            **{
                file: {
                    "recall": round(float(hit[y & (source == file)].mean()), 3),
                    "fpr": round(float(hit[~y & (source == file)].mean()), 3),
                }
                for file in plan.files
            },
        }
    return figures


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line.strip()]


if __name__ == "__main__":
    main()
