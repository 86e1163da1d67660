"""Recall side by side: Undertone, mem0 without its model calls, a plain vector store, BM25 alone.

    bash runs/peers.sh                                          # once: the others, in an environment of their own
    .venv/bin/python benchmarks/memory_peers.py [--quick]       # LoCoMo 6-10 and three BEAM chats; --quick: one chat

Same texts, same MiniLM vectors (made once, in no figure), same machine, turn level. One message is written at a time;
`write_ms` is the median for Undertone and the mean for the peers, `bytes_per_message` what lies on disk after the last
one. Undertone writes through its public
path into PostgreSQL and recalls with shipped defaults; the others run in this machine's own process, without a server.
"""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from undertone import db, postgres
from undertone.llm.embedder import MiniLM, default_embedder
from undertone.memory import locomo
from undertone.resources import Connection

HERE = Path(__file__).resolve().parent
PEERS = ("mem0", "chroma", "bm25")
Chats = dict[str, list[locomo.Chat]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one LoCoMo conversation only")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("UNDERTONE_SHARED_DATA", "../shared/data")))
    parser.add_argument("--python", type=Path, default=Path("var/peers/bin/python"), help="the peers' interpreter")
    parser.add_argument("--models", type=Path, default=Path("var/models"))
    parser.add_argument("--only", nargs="*", default=PEERS, help="which peers")
    given = parser.parse_args()
    if not given.python.exists():
        raise SystemExit(f"{given.python} is absent: run `bash runs/peers.sh` first, or name another with --python.")
    chats: Chats = {"locomo": locomo.read_chats(given.data / "locomo" / "locomo10.json")[5 : 6 if given.quick else 10]}
    if not given.quick:
        chats["beam"] = locomo.read_chats(given.data / "beam")[3:6]
    embedder = default_embedder(given.models)
    work = Path(tempfile.mkdtemp(prefix="undertone-peers-"))
    work.chmod(0o755)
    try:
        asyncio.run(_write_down(embedder, chats, work))
        found = {"undertone": _ours(embedder, chats, work / "postgres")}
        for name in given.only:
            found[name] = _peer(given.python, name, work)
    finally:
        embedder.close()
        shutil.rmtree(work)
    for figures in found.values():
        figures["recall_10"] = figures.pop("locomo_recall_10")
    print(json.dumps({"peers": found, "questions": {name: _count(some) for name, some in chats.items()}}))


def _count(chats: Sequence[locomo.Chat]) -> int:
    return sum(len(chat.questions) for chat in chats)


async def _write_down(embedder: MiniLM, chats: Chats, work: Path) -> None:
    """The chats and all vectors, as the peers read them."""
    texts: list[str] = []
    plain: list[dict[str, Any]] = []

    def vector_of(text: str) -> int:
        texts.append(text)
        return len(texts) - 1

    for name, some in chats.items():
        for number, chat in enumerate(some):
            messages = [
                {"id": said.id, "role": said.role, "text": said.text, "vector": vector_of(said.text)}
                for session in chat.sessions
                for said in session
            ]
            questions = [
                {"text": asked.text, "evidence": sorted(asked.evidence), "vector": vector_of(asked.text)}
                for asked in chat.questions
            ]
            plain.append({"set": name, "user": f"{name}-{number}", "messages": messages, "questions": questions})
    (work / "chats.json").write_text(json.dumps(plain), "utf-8")
    print(f"embedding {len(texts)} texts", file=sys.stderr)
    np.save(work / "vectors.npy", np.asarray(await embedder.embed(texts), dtype=np.float32))


def _ours(embedder: MiniLM, chats: Chats, home: Path) -> dict[str, Any]:
    server = postgres.start(home, lambda line: print(line, file=sys.stderr))
    try:
        with db.scratch_database(server.dsn) as dsn:
            return asyncio.run(_measured(dsn, embedder, chats))
    finally:
        server.stop()


async def _measured(dsn: str, embedder: MiniLM, chats: Chats) -> dict[str, Any]:
    pool = await db.open_pool(dsn)
    figures: dict[str, Any] = {}
    try:
        async with pool.connection() as conn:
            empty = await _bytes(conn)
        parts = {name: await locomo.measure(pool, embedder, some, ks=(10,)) for name, some in chats.items()}
        async with pool.connection() as conn:
            grown = await _bytes(conn) - empty
    finally:
        await pool.close()
    messages = sum(part["messages"] for part in parts.values())
    figures |= {f"{name}_recall_10": part["recall"]["10"] for name, part in parts.items()}
    for key, kind, quantile in (
        ("write_ms", "write_ms", "p50"),
        ("query_p50_ms", "latency_ms", "p50"),
        ("query_p95_ms", "latency_ms", "p95"),
    ):  # a set's quantile weighed by its size: the sets differ little
        weights = {name: part["messages" if kind == "write_ms" else "questions"] for name, part in parts.items()}
        total = sum(parts[name][kind][quantile] * weight for name, weight in weights.items())
        figures[key] = round(total / sum(weights.values()), 3)
    return figures | {"bytes_per_message": round(grown / messages)}


async def _bytes(conn: Connection) -> int:
    """What all tables and their indexes take on disk."""
    await conn.execute("vacuum")
    row = await (
        await conn.execute(
            "select sum(pg_total_relation_size(c.oid)) from pg_class c join pg_namespace n on n.oid = c.relnamespace"
            " where n.nspname = 'public' and c.relkind = 'r'"
        )
    ).fetchone()
    return int(row[0]) if row else 0


def _peer(python: Path, name: str, work: Path) -> dict[str, Any]:
    done = subprocess.run(
        [str(python), str(HERE / "peers" / "stores.py"), name, str(work)], stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
