"""Recall: the turns of one person and one persona that matter to what was just said."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import numpy as np

from undertone.memory import terms
from undertone.memory.vectors import from_halfvec
from undertone.resources import Connection
from undertone.types import Memory, Vector


async def recall(
    conn: Connection,
    user_id: UUID,
    persona_id: str,
    text: str,
    vector: Vector | None,
    *,
    now: datetime,
    k: int = 10,
    budget_tokens: int | None = None,
    exclude_conversation_after: tuple[UUID, int] | None = None,
    exclude_ids: Collection[UUID] = (),
) -> list[Memory]:
    """The best `k` turns, best first, cut to `budget_tokens` when given.

    `exclude_conversation_after` (conversation, position) leaves out what the prompt already shows verbatim: that
    conversation's messages at or after the position; `exclude_ids` leaves out single messages.
    """
    cursor = conn.cursor(binary=True)
    await cursor.execute(
        """
        select id, conversation_id, position, role, text, created_at, terms, embedding from messages
        where user_id = %s and persona_id = %s and active and not quarantined order by seq
        """,
        (user_id, persona_id),
    )
    rows = [
        row
        async for row in cursor
        if row[0] not in exclude_ids
        and not (
            exclude_conversation_after
            and row[1] == exclude_conversation_after[0]
            and row[2] >= exclude_conversation_after[1]
        )
    ]
    if not rows:
        return []
    query = set(terms.hash_stems(terms.analyse(text)).tolist())
    counts = [dict(zip(*(a.tolist() for a in terms.unpack(row[6])), strict=True)) for row in rows]
    lengths = np.array([sum(c.values()) for c in counts], dtype=np.float32)
    mean_length = max(float(lengths.mean()), 1.0)
    scores = np.zeros(len(rows), dtype=np.float32)
    for stem in query:
        tf = np.array([c.get(stem, 0) for c in counts], dtype=np.float32)
        df = float((tf > 0).sum())
        idf = np.log(1 + (len(rows) - df + 0.5) / (df + 0.5))
        scores += idf * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * lengths / mean_length))
    scores /= max(float(scores.max()), 1e-6)
    if vector is not None:
        for i, row in enumerate(rows):
            stored = from_halfvec(row[7])
            if stored is not None:
                scores[i] += float(stored @ vector)
    found: list[Memory] = []
    spent = 0
    for i in np.argsort(-scores)[:k].tolist():
        row = rows[i]
        spent += len(row[4]) // 4 + 8
        if budget_tokens is not None and spent > budget_tokens:
            break
        found.append(Memory(row[0], "turn", row[4], row[3], row[5], float(scores[i]), "close in words", (row[0],)))
    return found
