"""How often the phrases of `signals/strain.toml` are seen: on everyday chat, and on openings and other talks by type.

    .venv/bin/python benchmarks/strain.py [--quick]

Shares of messages (everyday chat) and of conversations (any message of the person) in which a kind is seen. The
openings and ESConv lie outside the repository (UNDERTONE_SHARED_DATA or ../shared/data); absent, they are left out.
The last line of stdout is JSON.
"""

import argparse
import json
import os
import sys
from collections import defaultdict
from pathlib import Path

from undertone.signals import strain

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("UNDERTONE_SHARED_DATA") or ROOT.parent / "shared" / "data")


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def seen(texts: list[str]) -> set[str]:
    """The kinds that any of these messages shows."""
    return {kind for text in texts for kind, score in strain.in_words(text).items() if score >= strain.SEEN}


def shares(groups: dict[str, list[set[str]]]) -> dict[str, dict[str, float]]:
    """By group: the share in which each kind was seen, and any of them."""
    return {
        name: {kind: round(sum(kind in one for one in found) / len(found), 4) for kind in strain.KINDS}
        | {"any": round(sum(map(bool, found)) / len(found), 4), "n": len(found)}
        for name, found in sorted(groups.items())
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="every tenth row")
    step = 10 if parser.parse_args().quick else 1
    everyday = [seen([str(row["text"])]) for row in rows(ROOT / "data" / "care" / "ordinary.jsonl")[::step]]
    groups: dict[str, list[set[str]]] = {"everyday chat, a message": everyday}
    talks: dict[str, list[set[str]]] = defaultdict(list)
    for path in sorted([*SHARED.glob("openings/*.jsonl"), *SHARED.glob("esconv/*.jsonl")]):
        for row in rows(path)[::step]:
            messages = row["messages"]
            assert isinstance(messages, list)
            said = [str(m["content"]) for m in messages if m["role"] == "user"]
            talks[f"{path.parent.name}, {row['type']}"].append(seen(said))
        print(f"{path.name} read", file=sys.stderr)
    print(json.dumps({"shares": shares(groups | talks)}))


if __name__ == "__main__":
    main()
