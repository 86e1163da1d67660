"""Precision and recall of what the rules keep, on hand-labelled chat messages; milliseconds a message.

    .venv/bin/python benchmarks/keeping.py [--half held|tuning] [--show]

A kept memory counts when its kind and words fit a label (`data/kept/chat.jsonl`). One JSON object on stdout.
"""

import argparse
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from undertone.memory.consolidation import same
from undertone.memory.extraction import Fact, extract

DATA = Path(__file__).parent.parent / "data" / "kept" / "chat.jsonl"
SAID_ON = datetime(2026, 6, 1, tzinfo=UTC)


def fits(label: dict[str, Any], fact: Fact) -> bool:
    """Whether a memory is what a label asks for: one of its kinds, and all words of one of its wordings."""
    text = f"{fact.text} {fact.subject}".casefold()
    kind = "end" if fact.ends else fact.kind
    return kind in label["kinds"] and any(all(word in text for word in words.split("+")) for words in label["words"])


def measure(rows: list[dict[str, Any]], show: bool) -> dict[str, Any]:
    """Counts over these messages."""
    kept = good = wanted = found = twice = 0
    began = time.perf_counter()
    read = [list(extract(row["text"], SAID_ON)) for row in rows]
    ms = (time.perf_counter() - began) * 1000 / len(rows)
    for row, facts in zip(rows, read, strict=True):
        right = [any(fits(label, fact) for label in row["keep"]) for fact in facts]
        labels = [label for label in row["keep"] if not label.get("optional")]
        missed = [label for label in labels if not any(fits(label, fact) for fact in facts)]
        kept, good = kept + len(facts), good + sum(right)
        wanted, found = wanted + len(labels), found + len(labels) - len(missed)
        twice += sum(same(a.text, b.text) for n, a in enumerate(facts) for b in facts[:n])
        if show and (missed or not all(right)):
            print(row["text"], "->", [fact.text for fact in facts], "missed:", missed, file=sys.stderr)
    return {
        "messages": len(rows),
        "kept": kept,
        "precision": round(good / max(1, kept), 3),
        "wanted": wanted,
        "recall": round(found / max(1, wanted), 3),
        "duplicates": round(twice / max(1, kept), 3),
        "ms_per_message": round(ms, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=("held", "tuning"), default="held")
    parser.add_argument("--show", action="store_true", help="name what was missed or wrong, on stderr")
    parser.add_argument("--quick", action="store_true", help="the same: it takes a second")
    given = parser.parse_args()
    rows = [json.loads(line) for line in DATA.read_text("utf-8").splitlines()]
    print(json.dumps(measure([row for row in rows if row["half"] == given.half], given.show)))


if __name__ == "__main__":
    main()
