"""The pipeline of user types on corpora with other labels, beside TF-IDF and logistic regression in the same folds.

    .venv/bin/python benchmarks/readers.py [--quick] [--data ../shared/data]

ESConv: which of five troubles, five folds. PersuasionForGood: donates or not, five folds by person: near chance, and
printed so that nobody sells it as more. Both are measured only; nothing of them is shipped. Needs the `train` extra.
Progress on stderr, one JSON object as the last line of stdout.
"""

import argparse
import csv
import json
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from undertone.learning import judging, training
from undertone.learning.dataset import Opening, Turn, read_openings
from undertone.llm.embedder import MiniLM, default_embedder

ROOT = Path(__file__).resolve().parent.parent
FOLDS = 5
AT = (1, 2, 3, 4, 5)


def esconv(folder: Path) -> list[Opening]:
    """All three files as one corpus, dealt into folds by position."""
    found = read_openings([folder / f"{part}.jsonl" for part in ("train", "valid", "test")])
    return [replace(opening, group=str(i % FOLDS)) for i, opening in enumerate(found)]


def persuasion(folder: Path) -> list[Opening]:
    """The persuadee's side of each dialogue; a fold holds all dialogues of its people."""
    said: dict[str, list[Turn]] = defaultdict(list)
    with (folder / "FullData_full_dialog.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["B4"] == "1":
                said[row["B2"]].append(Turn(row["Unit"], None, None))
    found: list[Opening] = []
    with (folder / "FullData_full_info.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["B4"] == "1" and said[row["B2"]]:
                label = "DONATED" if float(row["B6"] or 0) > 0 else "DID_NOT"
                fold = str(crc32(row["B3"].encode()) % FOLDS)
                found.append(Opening(row["B2"], label, tuple(said[row["B2"]]), fold))
    return found


def tfidf(openings: list[Opening]) -> dict[str, float]:
    """Accuracy after each number of messages of word 1- and 2-grams and logistic regression, the same folds."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    groups = np.array([o.group for o in openings])
    labels = np.array([o.label for o in openings])
    found: dict[str, float] = {}
    for n in AT:
        texts = np.array([" \n ".join(t.text for t in o.turns[:n]) for o in openings], dtype=object)
        right = np.zeros(len(openings), bool)
        for fold in sorted(set(groups)):
            model = make_pipeline(
                TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2), LogisticRegression(C=10, max_iter=500)
            )
            held = groups == fold
            right[held] = model.fit(texts[~held], labels[~held]).predict(texts[held]) == labels[held]
        found[str(n)] = round(float(right.mean()), 4)
    return found


def judge(openings: list[Opening], embedder: MiniLM) -> dict[str, Any]:
    """Figures of the pipeline and of the peer."""
    texts = sorted({turn.text for o in openings for turn in o.turns[: training.AT]})
    vectors = dict(zip(texts, embedder.embed_now(texts), strict=True))
    openings = [replace(o, turns=o.turns[: training.AT]) for o in openings]
    held = training.held_out(openings, vectors, lambda line: print(line, file=sys.stderr))
    found = judging.cross_validate(openings, held, AT)
    looser = judging.cross_validate(openings, held, AT[-1:], target=0.85)["text_only"][str(AT[-1])]
    shown = {
        n: {k: f[k] for k in ("accuracy", "ece", "decided", "decided_accuracy")} for n, f in found["text_only"].items()
    }
    most = max(np.bincount(held.truth)) / len(held.truth)
    return {
        "n": len(openings),
        "majority": round(float(most), 4),
        "text_only": shown,
        "decided_for_85": looser["decided"],
        "right_of_them": looser["decided_accuracy"],
        "tfidf_accuracy": tfidf(openings),
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="a quarter of each corpus")
    arguments.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    asked = arguments.parse_args()
    embedder = default_embedder(ROOT / "var" / "models")
    result: dict[str, Any] = {}
    for name, corpus in (("esconv", esconv), ("persuasionforgood", persuasion)):
        folder = asked.data / name
        if not folder.exists():
            print(f"no {folder}: skipped", file=sys.stderr)
            continue
        openings = corpus(folder)
        result[name] = judge(openings[:: 4 if asked.quick else 1], embedder)
    embedder.close()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
