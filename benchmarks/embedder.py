"""The built-in embedder: milliseconds a message alone and in batches, memory, parity with float32, a crowd's wait.

    .venv/bin/python benchmarks/embedder.py [--quick]

Progress on stderr, one JSON object as the last line of stdout. Parity needs no torch: the reference is the float32
numpy forward pass of the tests. CPU milliseconds survive a busy machine; wall milliseconds do not.
"""

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from undertone.llm.embedder import MiniLM, default_embedder

ROOT = Path(__file__).resolve().parent.parent
MESSAGE = "I had a really long day at work and then my sister Ana called me about her birthday"
WORDS = MESSAGE.lower().split()


def texts(count: int) -> list[str]:
    """Chat-like texts of 1 to 60 words, the same every time."""
    random = np.random.default_rng(1)
    return [" ".join(random.choice(WORDS, int(length))) for length in random.integers(1, 60, count)]


def timed(embedder: MiniLM, batch: list[str], rounds: int) -> dict[str, float]:
    """Milliseconds a text, CPU of this process and wall."""
    embedder.embed_now(batch)
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(rounds):
        embedder.embed_now(batch)
    per = 1000 / (rounds * len(batch))
    return {
        "cpu_ms": round((time.process_time() - cpu) * per, 2),
        "wall_ms": round((time.perf_counter() - wall) * per, 2),
    }


async def crowd(embedder: MiniLM, people: int, seconds: float) -> dict[str, float]:
    """People who each ask again as soon as they are answered."""
    waits: list[float] = []
    until = time.perf_counter() + seconds

    async def person(number: int) -> None:
        while (began := time.perf_counter()) < until:
            await embedder.embed([f"{MESSAGE} {number}"])
            waits.append(time.perf_counter() - began)

    await asyncio.gather(*map(person, range(people)))
    p50, p99 = (round(float(wait), 1) for wait in np.percentile(waits, [50, 99]) * 1000)
    return {"people": people, "texts_per_s": round(len(waits) / seconds, 1), "p50_ms": p50, "p99_ms": p99}


def parity(embedder: MiniLM, sample: list[str]) -> dict[str, float]:
    """Cosine to the float32 forward pass of the same weights."""
    sys.path.insert(0, str(ROOT / "tests" / "llm"))
    from test_embedder import TEXTS, Reference  # pyright: ignore[reportMissingImports]

    reference = Reference()
    chosen = [*sample, *TEXTS]
    wanted = np.stack([reference.embed(text) for text in chosen])
    cosines = (embedder.embed_now(chosen) * wanted).sum(1)
    return {"texts": len(chosen), "min": round(float(cosines.min()), 4), "mean": round(float(cosines.mean()), 4)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick: bool = parser.parse_args().quick
    process = psutil.Process()
    before = process.memory_info().rss
    began = time.perf_counter()
    embedder = default_embedder(ROOT / "var" / "models")
    result: dict[str, Any] = {"load_s": round(time.perf_counter() - began, 2)}
    rounds = 20 if quick else 200
    sys.stderr.write("one at a time, then batches of 32 ...\n")
    result["single"] = timed(embedder, [MESSAGE], rounds)
    result["batch_32"] = timed(embedder, [MESSAGE] * 32, max(2, rounds // 20))
    result["mixed_lengths"] = timed(embedder, texts(320), 1 if quick else 4)
    result["added_rss_mb"] = round((process.memory_info().rss - before) / 1e6)
    result["rss_mb"] = round(process.memory_info().rss / 1e6)
    sys.stderr.write("a crowd ...\n")
    result["crowd"] = asyncio.run(crowd(embedder, 32, 1 if quick else 5))
    sys.stderr.write("parity ...\n")
    result["parity"] = parity(embedder, texts(5 if quick else 40))
    embedder.close()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
