"""The heads this room ships beside the user types: sentiment, and one coarse emotion.

    train_sentiment([Path("sentiment.jsonl"), Path("sentiment-chat.jsonl")], embed)
    train_emotion(Path("goemotions/ekman/train.tsv"), Path("goemotions/ekman/labels.txt"), embed)

User type is trained by `learning.training`, since any taxonomy is. Needs the `train` extra.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from undertone.errors import BadInput
from undertone.learning import LinearText
from undertone.learning.dataset import Row, read_rows
from undertone.learning.evaluation import macro_recall

LABELS = ("negative", "neutral", "positive")
Embed = Callable[[Sequence[str]], npt.NDArray[np.float32]]
SENTIMENT_C = 2.0
"""Inverse regularisation of the vector's head, chosen among 1, 2 and 4 on the first two files."""
EMOTIONS = {"disgust": "anger", "neutral": "none"}
"""GoEmotions' Ekman groups under our names; the others keep theirs. Disgust alone is too rare to be told apart."""


def train_sentiment(paths: Sequence[Path], embed: Embed) -> LinearText:
    """Fit the sentiment head on all rows of `paths`; each file counts as one author when the views are mixed."""
    rows = _rows(paths)
    return _fit(rows, embed([row.text for row, _ in rows]))


def judge_sentiment(paths: Sequence[Path], embed: Embed) -> dict[str, Any]:
    """Macro-recall on each file by a head trained on the others, and by kind of line where rows carry one."""
    rows = _rows(paths)
    vectors = embed([row.text for row, _ in rows])
    found: dict[str, Any] = {}
    for author in sorted({author for _, author in rows}):
        mine = np.array([a == author for _, a in rows])
        if mine.all():
            return {}
        model = _fit([pair for pair, own in zip(rows, mine, strict=True) if not own], vectors[~mine])
        held = [row for row, a in rows if a == author]
        places = model.probabilities([row.text for row in held], vectors[mine]).argmax(1)
        guesses = [model.labels[place] for place in places]
        found[author] = {"n": len(held), "macro_recall": round(macro_recall(guesses, [r.label for r in held]), 4)}
        kinds = sorted({str(row.facts["kind"]) for row in held if "kind" in row.facts})
        right = [(str(row.facts.get("kind")), g == row.label) for row, g in zip(held, guesses, strict=True)]
        if kinds:
            found[author]["accuracy_by_kind"] = {
                kind: round(float(np.mean([ok for k, ok in right if k == kind])), 3) for kind in kinds
            }
    return found


def train_emotion(train: Path, labels: Path, embed: Embed) -> LinearText:
    """Fit the emotion head on single-label rows of GoEmotions; the vector alone, since Reddit's words are Reddit's."""
    from undertone.learning import fitting  # scikit-learn: only while training

    texts, given = read_goemotions(train, labels)
    names, y = np.unique(np.asarray(given), return_inverse=True)
    weights, bias = fitting.logistic(embed(texts), y.astype(np.int64), 1.0, balanced=False)
    none = np.zeros(fitting.COLUMNS, np.float32)
    facts = {"rows": len(texts), "data_sha256": sha256("\x00".join(texts).encode()).hexdigest()}
    return LinearText(
        tuple(map(str, names)),
        none,
        np.zeros((fitting.COLUMNS, len(names)), np.float32),
        weights.astype(np.float32),
        bias.astype(np.float32),
        facts,
    )


def read_goemotions(rows: Path, labels: Path) -> tuple[list[str], list[str]]:
    """Texts and our labels of the rows with exactly one. Raises BadInput where the files are not GoEmotions'."""
    try:
        names = labels.read_text("utf-8").split()
        parts = [line.split("\t") for line in rows.read_text("utf-8").split("\n") if line]
        single = [(part[0].replace("[NAME]", "Alex"), names[int(part[1])]) for part in parts if "," not in part[1]]
    except (OSError, IndexError, ValueError) as error:
        raise BadInput(f"{rows} and {labels} are not GoEmotions' tables: {error}.") from error
    return [text for text, _ in single], [EMOTIONS.get(name, name) for _, name in single]


def _rows(paths: Sequence[Path]) -> list[tuple[Row, str]]:
    return [(row, path.stem) for path in paths for row in read_rows([path], LABELS)]


def _fit(rows: Sequence[tuple[Row, str]], vectors: npt.NDArray[np.float32]) -> LinearText:
    from undertone.learning import fitting  # scikit-learn: only while training

    authors = [author for _, author in rows]
    return fitting.fit_linear_text(
        [row.text for row, _ in rows],
        vectors,
        [row.label for row, _ in rows],
        groups=authors if len(set(authors)) > 1 else None,
        dense_c=SENTIMENT_C,
    )
