"""What the rails cost: microseconds a message beyond the embedding, and the wait that the output rail adds to a reply.

    .venv/bin/python benchmarks/rails.py [--streams 100] [--quick]      # progress on stderr, JSON as the last line

Replies stream in real time at TOKENS_A_SECOND, each twice in the same run: passed through and through the rail. Readers
wait for the first words (`first_ms`) and for the end of every sentence (`sentence_ms`); `added` is the rail's wait less
the pass-through's, reply by reply. Also the share of ordinary messages that each input rail marks. Microseconds are of
CPU and survive a busy machine; milliseconds are of the clock: quote the machine with them.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy, or its threads are counted as nobody's
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import asyncio
import json
import sys
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from undertone import guardrails
from undertone.guardrails.asking import asks_what_talks
from undertone.guardrails.farewell import takes_leave
from undertone.llm.embedder import default_embedder

ROOT = Path(__file__).parents[1]
TOKEN = 4
"""Characters a streamed piece has here."""
TOKENS_A_SECOND = 60
ENDS = ".!?"


def rows(path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (ROOT / path).read_text("utf-8").splitlines()]


def percentiles(values: list[float]) -> dict[str, float]:
    p50, p99 = np.percentile(values, [50, 99])
    return {"p50": round(float(p50), 1), "p99": round(float(p99), 1)}


def timed(read: Callable[[str], object], texts: list[str]) -> list[float]:
    """Microseconds of this thread's CPU that `read` takes for each text."""
    read(texts[0])
    spent: list[float] = []
    for text in texts:
        began = time.thread_time()
        read(text)
        spent.append((time.thread_time() - began) * 1e6)
    return spent


def input_cost(texts: list[str]) -> dict[str, Any]:
    """Microseconds a message by part, all of it, and the shares of ordinary messages that each rail marks."""
    embedder = default_embedder(ROOT / "var" / "models")
    vectors = dict(zip(texts, embedder.embed_now(texts), strict=True))
    began = time.process_time()
    for text in texts[:50]:
        embedder.embed_now([text])
    embedding = (time.process_time() - began) / len(texts[:50]) * 1e6
    embedder.close()
    verdicts = [guardrails.check_input(text, vectors[text]) for text in texts]
    marked = {
        "concern": sum(v.crisis != "none" for v in verdicts),
        "crisis": sum(v.crisis == "crisis" for v in verdicts),
        "injection": sum(v.injection for v in verdicts),
        "asks_human": sum(v.asks_human for v in verdicts),
        "takes_leave": sum(takes_leave(text) for text in texts),
    }
    whole = timed(lambda text: (guardrails.check_input(text, vectors[text]), takes_leave(text)), texts)
    return {
        "input_us": percentiles(whole),
        "of_it_asking_us": percentiles(timed(asks_what_talks, texts)),
        "of_it_leaving_us": percentiles(timed(takes_leave, texts)),
        "embedding_us": round(embedding, 1),
        "ordinary_marked": {name: round(count / len(texts), 4) for name, count in marked.items()},
    }


@dataclass
class Seen:
    """When a reader had seen so many characters."""

    times: list[tuple[int, float]] = field(default_factory=list[tuple[int, float]])

    def until(self, place: int) -> float:
        """Seconds until the character at `place` was there."""
        return next(at for upto, at in self.times if upto >= place)


async def pieces(reply: str, began: float) -> AsyncGenerator[str]:
    """A model's stream: a token every so often, by the clock and not by the last one's lateness."""
    for number, start in enumerate(range(0, len(reply), TOKEN)):
        due = began + number / TOKENS_A_SECOND
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        yield reply[start : start + TOKEN]


async def read_both(reply: str, work: list[float]) -> tuple[Seen, Seen]:
    """One reply passed through and through the rail, side by side."""
    began = time.perf_counter()
    rail = guardrails.OutputRail("Mira", ("ref-0123456789abcdef",))
    through, held, shown, released = Seen(), Seen(), 0, 0
    async for piece in pieces(reply, began):
        shown += len(piece)
        through.times.append((shown, time.perf_counter() - began))
        start = time.thread_time()
        out = rail.feed(piece)
        work.append((time.thread_time() - start) * 1e6)
        if out:
            released += len(out)
            held.times.append((released, time.perf_counter() - began))
    released += len(rail.finish())
    held.times.append((max(released, len(reply)), time.perf_counter() - began))
    return through, held


async def output_cost(replies: list[str]) -> dict[str, Any]:
    """All replies at once, started apart."""
    work: list[float] = []

    async def one(number: int, reply: str) -> tuple[str, Seen, Seen]:
        await asyncio.sleep(number * 0.013)
        return reply, *(await read_both(reply, work))

    read = await asyncio.gather(*(one(number, reply) for number, reply in enumerate(replies)))
    first = [(through.times[0][1] * 1e3, held.times[0][1] * 1e3) for _, through, held in read]
    ends = [
        (through.until(place + 1) * 1e3, held.until(place + 1) * 1e3)
        for reply, through, held in read
        for place, letter in enumerate(reply)
        if letter in ENDS and reply[place + 1 : place + 2] in ("", " ")
    ]

    def three(pairs: list[tuple[float, float]]) -> dict[str, dict[str, float]]:
        return {
            "pass_through": percentiles([a for a, _ in pairs]),
            "rail": percentiles([b for _, b in pairs]),
            "added": percentiles([b - a for a, b in pairs]),
        }

    return {"first_ms": three(first), "sentence_ms": three(ends), "output_us_per_piece": percentiles(work)}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--streams", type=int, default=100)
    arguments.add_argument("--quick", action="store_true")
    given = arguments.parse_args()
    texts = [row["text"] for row in rows("data/care/ordinary.jsonl")][:: 20 if given.quick else 1]
    good = [row["text"] for row in rows("tests/guardrails/rows/campaign_good.jsonl")]
    replies = [" ".join(good[i * 5 % len(good) :][:5]) for i in range(10 if given.quick else given.streams)]
    print(f"{len(texts)} messages, {len(replies)} replies", file=sys.stderr)
    result = {"messages": len(texts), **input_cost(texts), "replies": len(replies), "tokens_a_second": TOKENS_A_SECOND}
    print(json.dumps(result | asyncio.run(output_cost(replies))))


if __name__ == "__main__":
    main()
