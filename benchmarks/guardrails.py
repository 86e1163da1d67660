"""What the guardrails cost and what they touch: microseconds a message beyond the embedding, the output rail's delay.

    .venv/bin/python benchmarks/guardrails.py [--quick]     # progress on stderr, one JSON object as the last line

Reads the ordinary rows and the good and bad replies of the repository. Wall-clock figures: quote the machine with them.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

from undertone import guardrails
from undertone.guardrails.rails import OutputRail
from undertone.llm.embedder import default_embedder

ROOT = Path(__file__).parents[1]
TOKEN = 4
"""Characters a streamed piece has here."""
TOKENS_A_SECOND = 60
"""The model speed against which the held-back time is stated."""


def rows(path: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (ROOT / path).read_text("utf-8").splitlines()]


def percentiles(values: list[float]) -> dict[str, float]:
    p50, p99 = np.percentile(values, [50, 99])
    return {"p50": round(float(p50), 1), "p99": round(float(p99), 1)}


def input_cost(texts: list[str]) -> tuple[dict[str, float], dict[str, float]]:
    """Microseconds a message beyond the embedding, and the shares of ordinary messages each rail marks."""
    embedder = default_embedder(ROOT / "var" / "models")
    vectors = embedder.embed_now(texts)
    embedder.close()
    guardrails.check_input(texts[0], vectors[0])
    spent: list[float] = []
    marked = {"concern": 0, "crisis": 0, "injection": 0, "asks_human": 0}
    for text, vector in zip(texts, vectors, strict=True):
        began = time.perf_counter()
        verdict = guardrails.check_input(text, vector)
        spent.append((time.perf_counter() - began) * 1e6)
        marked["concern"] += verdict.crisis != "none"
        marked["crisis"] += verdict.crisis == "crisis"
        marked["injection"] += verdict.injection
        marked["asks_human"] += verdict.asks_human
    return percentiles(spent), {name: round(count / len(texts), 4) for name, count in marked.items()}


def output_cost(replies: list[str]) -> tuple[dict[str, float], dict[str, float]]:
    """Microseconds of work a piece, and milliseconds a released character had been held back at TOKENS_A_SECOND."""
    work: list[float] = []
    held: list[float] = []
    for reply in replies:
        rail, arrived, released = OutputRail("Mira"), 0, 0
        pieces = [reply[i : i + TOKEN] for i in range(0, len(reply), TOKEN)]
        for piece in pieces:
            began = time.perf_counter()
            out = rail.feed(piece)
            work.append((time.perf_counter() - began) * 1e6)
            arrived += len(piece)
            if out:
                held.append((arrived - released) / TOKEN / TOKENS_A_SECOND * 1e3)
                released += len(out)
        rail.finish()
        held.append((arrived - released) / TOKEN / TOKENS_A_SECOND * 1e3)
    return percentiles(work), percentiles(held)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true")
    quick = arguments.parse_args().quick
    texts = [row["text"] for row in rows("data/care/ordinary.jsonl")][:: 20 if quick else 1]
    good = [row["text"] for row in rows("tests/guardrails/rows/good_replies.jsonl")]
    bad = [row["text"] for row in rows("tests/guardrails/rows/bad_replies.jsonl")]
    paragraphs = [" ".join(good[i : i + 4]) for i in range(0, len(good), 4)]
    print(f"{len(texts)} messages, {len(paragraphs)} replies", file=sys.stderr)
    per_message, marked = input_cost(texts)
    per_piece, held = output_cost(paragraphs)
    result = {
        "input_us": per_message,
        "ordinary_marked": marked,
        "output_us_per_piece": per_piece,
        "output_held_ms": held,
        "bad_replies": len(bad),
        "bad_replies_through": sum(not tripped(text) for text in bad),
        "good_replies": len(good),
        "good_replies_touched": sum(tripped(text) for text in good),
    }
    print(json.dumps(result))


def tripped(reply: str) -> bool:
    rail = OutputRail("Mira")
    rail.feed(reply)
    rail.finish()
    return rail.tripped is not None


if __name__ == "__main__":
    main()
