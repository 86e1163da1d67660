"""What a second look is worth: held-out crises, hard negatives and ordinary chat under scripted looks.

    .venv/bin/python benchmarks/second_look.py [DATA_DIR] [--quick]

Each source of data/care is scored by heads that never saw it (as `guardrails.training` does), then the rule of
a chat decides whom a look is taken at and what it may change. The looks are scripts: always right, right nine times in
ten, always "none" (a model that was talked round), always failing. One JSON object as the last line.
"""

import argparse
import json
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from undertone.guardrails import lexicon, second_look, training
from undertone.guardrails.second_look import Look
from undertone.learning.features import bag, normalise
from undertone.llm.embedder import default_embedder
from undertone.types import Verdict

Script = Callable[[training.Row], Look | None]
DANGER, SAFE = Look("crisis", "self_harm", "self"), Look("none", "none", "self")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, default=Path("data/care"))
    parser.add_argument("--quick", action="store_true", help="Every sixth row.")
    asked = parser.parse_args()
    plan = training.PLANS["crisis"]
    rows = training.read(asked.data, plan)[:: 6 if asked.quick else 1]
    print(f"{len(rows)} rows", file=sys.stderr)
    verdicts = held_out(rows, plan)
    lots = random.Random(7)
    scripts: dict[str, Script] = {
        "right": lambda row: DANGER if row.positive else SAFE,
        "right_nine_in_ten": lambda row: DANGER if row.positive != (lots.random() < 0.1) else SAFE,
        "talked_round": lambda _: SAFE,
        "failing": lambda _: None,
    }
    looked = [second_look.wanted(verdict, calm=True) for verdict in verdicts]
    result: dict[str, Any] = {"rows": len(rows), "looked_at": shares(rows, looked), "no_look": figures(rows, verdicts)}
    for name, script in scripts.items():
        after = [
            second_look.settle(verdict, script(row), calm=True) if look else verdict
            for row, verdict, look in zip(rows, verdicts, looked, strict=True)
        ]
        result[name] = figures(rows, after)
    words = sum(len(message.content) for message in second_look.messages("x" * 60))
    result["prompt_tokens"] = words // 4
    print(json.dumps(result))


def held_out(rows: Sequence[training.Row], plan: training.Plan) -> list[Verdict]:
    """Verdicts by heads that never saw the row's source; thresholds and mixing as training chooses them."""
    embedder = default_embedder(Path("var/models"))
    vectors = embedder.embed_now([row.text for row in rows])
    embedder.close()
    y = np.array([row.positive for row in rows])
    bags = [bag(row.text) for row in rows]
    cues = [lexicon.cues(plan.head, normalise(row.text)) for row in rows]
    views = np.zeros((len(rows), 2))
    for held in training.folds(rows, plan):
        view = training.fit(bags, vectors, y, ~held)
        views[held] = view.read([row for row, out in zip(bags, held, strict=True) if out], vectors[held])
    views = np.column_stack([views, [[c.plain, c.sign, c.lower] for c in cues]])
    mixing = LogisticRegression(C=100.0, class_weight="balanced", max_iter=1000).fit(views, y)
    scores = mixing.predict_proba(views)[:, 1]
    limits = training.limits(rows, scores, plan)
    return [
        Verdict(
            crisis="crisis" if s >= limits["crisis"] else "concern" if s >= limits["concern"] else "none",
            nearness=float(s / limits["concern"]),
            plain=c.plain > 0,
        )
        for s, c in zip(scores, cues, strict=True)
    ]


def groups(rows: Sequence[training.Row]) -> dict[str, npt.NDArray[np.bool_]]:
    y = np.array([row.positive for row in rows])
    ordinary = np.array([row.ordinary for row in rows])
    plain = np.array([row.plain for row in rows])
    return {"crises": y, "hard": ~y & ~ordinary & ~plain, "ordinary": ordinary, "plain": plain}


def shares(rows: Sequence[training.Row], hit: Sequence[bool]) -> dict[str, float]:
    return {name: round(float(np.array(hit)[which].mean()), 4) for name, which in groups(rows).items()}


def figures(rows: Sequence[training.Row], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Shares that read as concern or crisis, and as crisis; `crises` is recall, the others are false alarms."""
    some = shares(rows, [verdict.crisis != "none" for verdict in verdicts])
    negatives = groups(rows)["hard"] | groups(rows)["ordinary"]
    fired = np.array([verdict.crisis != "none" for verdict in verdicts])
    return {
        "recall": some["crises"],
        "false_positive_rate": round(float(fired[negatives].mean()), 4),
        "hard": some["hard"],
        "ordinary": some["ordinary"],
        "crisis_level": shares(rows, [verdict.crisis == "crisis" for verdict in verdicts]),
    }


if __name__ == "__main__":
    main()
