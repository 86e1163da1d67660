"""Reading a message: microseconds of each detector beyond the embedding, and sentiment beside VADER in the same run.

    .venv/bin/python benchmarks/signals.py [--quick]

Progress on stderr, one JSON object as the last line of stdout. Texts are the hand-written rows in data/care. The head
that is shipped was trained on those rows, so sentiment is judged by heads that leave each file out.
"""

import argparse
import json
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from undertone.learning.dataset import read_rows
from undertone.learning.evaluation import macro_recall
from undertone.llm.embedder import default_embedder
from undertone.signals import DETECTORS, Observation, read
from undertone.signals.training import LABELS, judge_sentiment

ROOT = Path(__file__).resolve().parent.parent
FILES = [ROOT / "data" / "care" / f"{name}.jsonl" for name in ("sentiment", "sentiment-chat", "sentiment-tough")]
START = datetime(2026, 1, 1, tzinfo=UTC)
LONG = 5
"""Messages of a conversation that are read one after another."""


def conversations(texts: list[str], vectors: Any) -> list[list[Observation]]:
    """The texts in conversations of LONG messages, each in another place of another conversation once warm."""
    seen = [
        Observation(t, v, START + timedelta(minutes=i), 9.0, 1)
        for i, (t, v) in enumerate(zip(texts, vectors, strict=True))
    ]
    return [seen[i : i + LONG] for i in range(0, len(seen) - LONG + 1, LONG)]


def microseconds(talks: list[list[Observation]]) -> dict[str, dict[str, float]]:
    """CPU microseconds a message, p50 and p95, of each detector and of all of them."""
    spent: dict[str, list[float]] = {name: [] for name in (*DETECTORS, "all")}
    for talk in talks:
        state: dict[str, Any] = {}
        for n in range(1, len(talk) + 1):
            for name, detect in DETECTORS.items():
                began = time.perf_counter()
                detect(talk[:n], state.get(name) or {})
                spent[name].append(time.perf_counter() - began)
            began = time.perf_counter()
            state = dict(read(talk[:n], state).state)
            spent["all"].append(time.perf_counter() - began)
    return {
        name: dict(zip(("p50", "p95"), (np.percentile(values, [50, 95]) * 1e6).round(0).tolist(), strict=True))
        for name, values in spent.items()
    }


def vader() -> dict[str, float]:
    """VADER's macro-recall on each file, by its authors' thresholds of .05."""
    analyser = SentimentIntensityAnalyzer()
    found: dict[str, float] = {}
    for path in FILES:
        rows = read_rows([path], LABELS)
        scores = [analyser.polarity_scores(row.text)["compound"] for row in rows]
        said = ["positive" if s > 0.05 else "negative" if s < -0.05 else "neutral" for s in scores]
        found[path.stem] = round(macro_recall(said, [row.label for row in rows]), 4)
    return found


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true")
    quick = arguments.parse_args().quick
    embedder = default_embedder(ROOT / "var" / "models")
    texts = [row.text for path in FILES for row in read_rows([path], LABELS)]
    texts = texts[:100] if quick else texts
    print(f"{len(texts)} messages", file=sys.stderr)
    vectors = embedder.embed_now(texts)
    warm = conversations(texts[:20], vectors[:20])
    microseconds(warm)
    result: dict[str, Any] = {"microseconds": microseconds(conversations(texts, vectors))}
    if not quick:
        held = judge_sentiment(FILES, embedder.embed_now)
        result["sentiment"] = {name: figures["macro_recall"] for name, figures in held.items()}
        result["sentiment_by_kind"] = held["sentiment-tough"]["accuracy_by_kind"]
        result["vader"] = vader()
    embedder.close()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
