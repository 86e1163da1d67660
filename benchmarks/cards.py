"""What character cards cost: milliseconds to read one, microseconds for a lorebook of a thousand entries to fire.

    .venv/bin/python benchmarks/cards.py [--quick]

One JSON object as the last line; no database and no model.
"""

import argparse
import base64
import io
import json
import statistics
import sys
import time
import zipfile
from collections.abc import Callable
from itertools import count as count_up
from typing import Any

from undertone import cards
from undertone.cards import png
from undertone.engine.budgets import count

ENTRIES = 1_000
NUMBERS = count_up(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    rounds = 20 if parser.parse_args().quick else 300
    document = card()
    book = json.dumps(document["data"]["character_book"])
    files = {
        "json": json.dumps(document).encode(),
        "png": with_picture(document),
        "charx": zipped(document),
    }
    said = ["We walked along the harbour, past place 17 and the old market. " * 6] * 3
    said.append("Tell me about place 500, the lighthouse and the storm of place 999.")
    print(f"{rounds} rounds, {ENTRIES} entries, {len(files['json']):,} bytes of JSON", file=sys.stderr)
    fired = cards.trigger(book, said, budget=1_500, count=count)
    few = max(2, rounds // 10)
    trigger = milliseconds(lambda: cards.trigger(book, said, budget=1_500, count=count), rounds)
    result = {
        "import_ms": {name: milliseconds(lambda f=file: cards.read(f), few) for name, file in files.items()},
        "export_ms": {name: milliseconds(lambda f=file: rewrite(f), few) for name, file in files.items()},
        "entries": ENTRIES,
        "fired": len(fired.entries),
        "compile_ms": milliseconds(lambda: compiled_anew(book), few),
        "trigger_us": {key: round(value * 1000) for key, value in trigger.items()},
    }
    print(json.dumps(result))


def card() -> dict[str, Any]:
    entries = [
        {
            "keys": [f"place {n}", f"corner{n}"],
            "content": f"Place {n} lies by the harbour and is known for its bread.",
            "extensions": {"position": 0, "probability": 100},
            "enabled": True,
            "insertion_order": n,
            "use_regex": n % 20 == 0,
        }
        for n in range(ENTRIES)
    ]
    texts = ("name", "description", "personality", "scenario", "first_mes", "mes_example", "creator_notes")
    data: dict[str, Any] = {field: f"{field} of a keeper of charts. " * 20 for field in texts} | {"name": "Chart"}
    data |= {"extensions": {}, "character_book": {"entries": entries, "extensions": {}}}
    return {"spec": "chara_card_v3", "spec_version": "3.0", "data": data}


def with_picture(document: dict[str, Any]) -> bytes:
    return png.with_texts(png.plain(), {"ccv3": base64.b64encode(json.dumps(document).encode())})


def zipped(document: dict[str, Any]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("card.json", json.dumps(document))
        archive.writestr("assets/icon/main.png", png.plain())
    return made.getvalue()


def rewrite(file: bytes) -> bytes:
    read = cards.read(file)
    return cards.write(read.document | {"changed": True}, read.container, picture=read)


def compiled_anew(book: str) -> None:
    """A book that no cache has seen: the same one with more space after it."""
    cards.trigger(book + " " * next(NUMBERS), ["-"], budget=1, count=count)


def milliseconds(work: Callable[[], object], rounds: int) -> dict[str, float]:
    taken: list[float] = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1000)
    taken.sort()
    return {"p50": round(statistics.median(taken), 3), "p99": round(taken[int(len(taken) * 0.99)], 3)}


if __name__ == "__main__":
    main()
