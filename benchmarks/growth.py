"""Recall as people and their pasts grow: milliseconds for somebody with 1k, 10k and 100k messages among ever more rows.

    .venv/bin/python benchmarks/growth.py [--quick] [--rows 1000000,5000000]

`people` are how many stand in the database at each step (2,000 messages each), `p50_ms` what recall takes for the
person with 10,000 messages, `ratio` the last step's over the first's; `by_messages` has the other persons. Rows are
written in the form that `append` and the packing job leave behind: words of a made-up vocabulary, random unit vectors.
A query is one `memory.recall` with shipped defaults, its vector given. Progress on stderr, one JSON object as the last
line of stdout. The full run needs about 10 GB of disk while it lasts.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import psutil
from psycopg.types.numeric import Int4
from turn import folder_of_our_own
from uuid_utils.compat import uuid7

from undertone import db, memory, postgres
from undertone.memory import terms
from undertone.memory.index.store import BLOCK, SETTLED
from undertone.memory.index.stream import HEAD, name_conversation
from undertone.memory.vectors import pack_codes, to_halfvec
from undertone.resources import Connection

PERSONA = "mira"
START = datetime(2025, 1, 1, tzinfo=UTC)
SIZES = (1_000, 10_000, 100_000)
OTHERS = 2_000
"""Messages of each other person."""
VOCABULARY, LENGTH = 20_000, 16
DIMENSION = 384
CONVERSATION = 40
POOL = 4_096
"""Distinct messages that the others' rows are dealt from: their content costs nothing to make."""
COLUMNS = "user_id, id, conversation_id, persona_id, position, seq, role, text, created_at, terms, embedding"


class Words:
    """Messages of Zipf-distributed words and random unit vectors, the same every time."""

    def __init__(self, seed: int, count: int) -> None:
        random = np.random.default_rng(seed)
        ranks = np.minimum(random.zipf(1.3, (count, LENGTH)), VOCABULARY)
        self.texts = [" ".join(f"w{rank}ing" for rank in row) for row in ranks]
        self.terms = [terms.pack(terms.analyse(text)) for text in self.texts]
        vectors = random.standard_normal((count, DIMENSION)).astype(np.float32)
        self.vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        self.wire = [to_halfvec(vector) for vector in self.vectors]


async def write_person(conn: Connection, words: Words, messages: int) -> UUID:
    """One person's whole past with its packed blocks, as the ordinary path leaves it."""
    user_id = uuid7()
    conversations = [uuid7() for _ in range(-(-messages // CONVERSATION))]
    packed_to = (messages - SETTLED) // BLOCK * BLOCK if messages > SETTLED else 0

    def rows() -> Iterator[tuple[Any, ...]]:
        for n in range(messages):
            k = n % len(words.texts)
            at = START + timedelta(minutes=3 * n)
            role = "user" if n % 2 == 0 else "assistant"
            place = n % CONVERSATION + 1
            where = (user_id, uuid7(), conversations[n // CONVERSATION], PERSONA, Int4(place), Int4(n + 1))
            yield (*where, role, words.texts[k], at, words.terms[k], words.wire[k])

    await conn.execute("set statement_timeout = 0")  # a hundred thousand rows in one statement
    async with conn.cursor() as cursor, cursor.copy(f"copy messages ({COLUMNS}) from stdin (format binary)") as copy:
        for row in rows():
            await copy.write_row(row)
    await conn.execute(
        "insert into recall_streams (user_id, persona_id, next_seq, packed_to) values (%s, %s, %s, %s)",
        (user_id, PERSONA, messages + 1, packed_to),
    )
    names = [name_conversation(conversation) for conversation in conversations]
    async with (
        conn.cursor() as cursor,
        cursor.copy(
            "copy recall_blocks (user_id, persona_id, first_seq, last_seq, heads, terms, vectors)"
            " from stdin (format binary)"
        ) as copy,
    ):
        for first in range(0, packed_to, BLOCK):
            await copy.write_row((user_id, PERSONA, Int4(first + 1), Int4(first + BLOCK), *_block(words, names, first)))
    return user_id


def _block(words: Words, names: list[int], first: int) -> tuple[bytes, bytes, bytes]:
    """Messages first + 1 to first + BLOCK packed."""
    places = np.arange(first, first + BLOCK)
    picked = places % len(words.texts)
    heads = np.zeros(BLOCK, dtype=HEAD)
    heads["seq"], heads["position"] = places + 1, places % CONVERSATION + 1
    heads["user"], heads["vector"] = places % 2 == 0, 1
    heads["conversation"] = [names[place // CONVERSATION] for place in places]
    heads["created"] = int(START.timestamp()) + places * 180
    packed = [words.terms[k] for k in picked]
    heads["terms"] = [len(record) // terms.TERM.itemsize for record in packed]
    return heads.tobytes(), b"".join(packed), pack_codes(words.vectors[picked])


async def copy_person(conn: Connection, pattern: UUID) -> None:
    """One more person with the past of another: their rows are only there to be in the way."""
    whose = {"new": uuid7(), "old": pattern}
    for table, columns in (
        ("messages", COLUMNS),
        ("recall_streams", "user_id, persona_id, next_seq, packed_to"),
        ("recall_blocks", "user_id, persona_id, first_seq, last_seq, heads, terms, vectors"),
    ):
        values = columns.replace("user_id", "%(new)s::uuid").replace(", id,", ", uuidv7(),")
        values = values.replace("conversation_id", "md5(%(new)s::text || conversation_id::text)::uuid")
        statement = f"insert into {table} ({columns}) select {values} from {table} where user_id = %(old)s"
        await conn.execute(statement.encode(), whose)


async def query(conn: Connection, user_id: UUID, words: Words, rounds: int) -> dict[str, float]:
    """Wall and CPU milliseconds of recalls that each ask for the words of another message."""
    walls: list[float] = []
    spent = psutil.Process().cpu_times()
    for n in range(rounds + 2):
        k = 17 * n % len(words.texts)
        began = time.perf_counter()
        found = await memory.recall(
            conn, user_id, PERSONA, words.texts[k], words.vectors[k], now=START + timedelta(days=900), budget_tokens=900
        )
        if n >= 2:
            walls.append((time.perf_counter() - began) * 1000)
        assert found
    now = psutil.Process().cpu_times()
    cpu = (now.user + now.system - spent.user - spent.system) * 1000 / (rounds + 2)
    p50, p95 = np.percentile(walls, [50, 95])
    return {"p50_ms": round(float(p50), 2), "p95_ms": round(float(p95), 2), "cpu_ms": round(cpu, 2)}


async def measure(dsn: str, sizes: tuple[int, ...], steps: list[int], rounds: int) -> dict[str, Any]:
    pool = await db.open_pool(dsn, max_size=2)
    own, others = Words(1, max(1_000, POOL)), Words(2, POOL)
    steps_out: list[dict[str, Any]] = []
    try:
        async with pool.connection() as conn:
            watched = {size: await write_person(conn, own, size) for size in sizes}
            pattern = await write_person(conn, others, OTHERS)
            rows, people = sum(sizes) + OTHERS, len(sizes) + 1
            for wanted in steps:
                while rows < wanted:
                    async with db.transaction(pool) as other:
                        await copy_person(other, pattern)
                    rows, people = rows + OTHERS, people + 1
                    if people % 250 == 0:
                        print(f"{rows:,} rows of {people:,} people", file=sys.stderr)
                await conn.execute("analyze messages")
                await conn.execute("analyze recall_blocks")
                figures = {str(size): await query(conn, user, own, rounds) for size, user in watched.items()}
                steps_out.append({"rows": rows, "people": people, "by_messages": figures})
                print(json.dumps(steps_out[-1]), file=sys.stderr)
    finally:
        await pool.close()
    middle = str(sizes[min(1, len(sizes) - 1)])
    p50 = [step["by_messages"][middle]["p50_ms"] for step in steps_out]
    return {
        "people": [step["people"] for step in steps_out],
        "p50_ms": p50,
        "ratio": round(p50[-1] / p50[0], 3),
        "steps": steps_out,
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="1k and 10k messages, among 20 and 100 thousand rows")
    arguments.add_argument("--rows", default="1000000,5000000", help="steps, by comma")
    arguments.add_argument("--rounds", type=int, default=100, help="recalls of each person at each step")
    asked = arguments.parse_args()
    sizes = SIZES[:2] if asked.quick else SIZES
    steps = [20_000, 100_000] if asked.quick else [int(step) for step in asked.rows.split(",")]
    with folder_of_our_own() as folder:
        server = postgres.start(folder / "postgres", lambda line: print(line, file=sys.stderr))
        try:
            db.migrate(server.dsn)
            result = asyncio.run(measure(server.dsn, sizes, steps, 20 if asked.quick else asked.rounds))
        finally:
            server.stop()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
