"""What the rules keep of real people's chats: how much, how often twice, and how much of it is worth keeping.

    .venv/bin/python benchmarks/keeping_locomo.py [--quick] [--show] [--data ../shared/data]

Each speaker of LoCoMo is a person who told our persona what they said there; everything goes through the real store and
`consolidate`. Duplicates are counted among what is true at the end: pairs of one person's memories that say the same,
or that lie as close in meaning (cosine .92) as would be merged. Precision is by hand: `data/kept/locomo-labels.json`
has one reader's verdict on each memory, by its hash, since the texts may not be given on. `unlabelled` says how many
have none; `--show` prints them. One JSON object on stdout.
"""

import argparse
import asyncio
import hashlib
import json
import os
import shutil
import sys
import tempfile
from datetime import datetime
from itertools import combinations
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np

from undertone import db, memory, postgres
from undertone.llm.embedder import MiniLM, default_embedder
from undertone.llm.offline import Offline
from undertone.memory import locomo
from undertone.memory.consolidation import SAME, near, same
from undertone.people import identity
from undertone.resources import Pool, Resources

LABELS = Path(__file__).parent.parent / "data" / "kept" / "locomo-labels.json"
KINDS = ("fact", "preference", "person", "event")
CLOSE = 0.8
"""Cosine from which two memories are shown as near, merged or not."""


def name(text: str, kind: str) -> str:
    """A memory's name in the file of labels."""
    return hashlib.sha256(f"{kind}: {text}".encode()).hexdigest()[:12]


async def tell(pool: Pool, resources: Resources, chat: locomo.Chat, speaker: str, number: int) -> tuple[UUID, int]:
    """Store what one speaker said as a person's own messages, and keep what the rules find."""
    async with pool.connection() as conn:
        user_id = (await identity.find_or_create_user(conn, f"{speaker}-{number}")).user_id
        said = 0
        at: datetime = chat.sessions[-1][-1].at
        for session in chat.sessions:
            talk = await memory.open_conversation(conn, user_id, "mira", now=session[0].at)
            for turn in session:
                mine = turn.speaker == speaker
                said += mine
                await memory.append(
                    conn,
                    user_id=user_id,
                    conversation_id=talk.id,
                    persona_id="mira",
                    role="user" if mine else "assistant",
                    text=turn.text,
                    now=turn.at,
                    vector=None,
                )
    await memory.keep_told(resources, user_id, "mira", now=at)
    return user_id, said


async def measure(pool: Pool, embedder: MiniLM, chats: list[locomo.Chat], show: bool) -> dict[str, Any]:
    """Counts over all speakers."""
    resources = Resources(db=pool, chat=Offline(), embed=embedder, recall_embed=embedder)
    labels: dict[str, int] = json.loads(LABELS.read_text("utf-8")) if LABELS.exists() else {}
    messages = kept = good = labelled = twice = close = ended = 0
    for number, chat in enumerate(chats):
        for speaker in sorted({turn.speaker or "" for session in chat.sessions for turn in session}):
            user_id, said = await tell(pool, resources, chat, speaker, number)
            messages += said
            async with pool.connection() as conn:
                held = await memory.find_held(conn, user_id, memory.Search(kinds=KINDS, state="all"), limit=2_000)
            true = [one for one in held if one.valid_to is None]
            ended += len(held) - len(true)
            vectors = np.asarray(await embedder.embed([one.text for one in true])) if true else np.zeros((0, 384))
            for one, other in combinations(range(len(true)), 2):
                cosine = float(vectors[one] @ vectors[other])
                both = true[one].text, true[other].text
                twice += same(*both) or (cosine >= SAME and near(*both) and true[one].kind == true[other].kind)
                if cosine >= CLOSE:
                    close += 1
                    if show:
                        print(f"near ({cosine:.2f}): {both}", file=sys.stderr)
            for one in held:
                verdict = labels.get(name(one.text, one.kind))
                kept, labelled, good = kept + 1, labelled + (verdict is not None), good + (verdict or 0)
                if show and verdict is None:
                    print(f"{name(one.text, one.kind)} {one.kind}: {one.text}", file=sys.stderr)
        print(f"{number + 1} of {len(chats)} chats", file=sys.stderr)
    return {
        "messages": messages,
        "kept": kept,
        "no_longer_true": ended,
        "duplicates": round(twice / max(1, kept), 4),
        "near_pairs": close,
        "precision": round(good / labelled, 3) if labelled else None,
        "labelled": labelled,
        "unlabelled": kept - labelled,
    }


async def run(dsn: str, embedder: MiniLM, chats: list[locomo.Chat], show: bool) -> dict[str, Any]:
    """The same with a pool of its own."""
    pool = await db.open_pool(dsn)
    try:
        return await measure(pool, embedder, chats, show)
    finally:
        await pool.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two chats only")
    parser.add_argument("--show", action="store_true", help="print what has no label, and near pairs, on stderr")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("UNDERTONE_SHARED_DATA", "../shared/data")))
    parser.add_argument("--models", type=Path, default=Path("var/models"))
    given = parser.parse_args()
    chats = locomo.read_chats(given.data / "locomo" / "locomo10.json")[: 2 if given.quick else 10]
    home = Path(tempfile.mkdtemp(prefix="undertone-kept-"))
    home.chmod(0o755)
    server = postgres.start(home / "postgres", lambda line: print(line, file=sys.stderr))
    embedder = default_embedder(given.models)
    try:
        with db.scratch_database(server.dsn) as dsn:
            print(json.dumps(asyncio.run(run(dsn, embedder, chats, given.show))))
    finally:
        embedder.close()
        server.stop()
        shutil.rmtree(home)


if __name__ == "__main__":
    main()
