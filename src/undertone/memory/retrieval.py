"""Recall: the turns of one person and one persona that matter to what was just said, and what is kept about it.

    found = await recall(conn, user_id, persona_id, text, vector, now=now, budget_tokens=1200, embed=embedder)

Three round trips: the packed stream, the texts of the best, the kept memories. Knows nothing of prompts.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import numpy as np
import numpy.typing as npt

from undertone.llm.protocol import Embedder
from undertone.memory import terms
from undertone.memory.index import Row, Stream, read_rows, read_stream
from undertone.memory.index.stream import name_conversation
from undertone.memory.inspection_store import personas_of
from undertone.memory.query import Query, read_query
from undertone.memory.ranking import Floats, Ranked, known, rank
from undertone.memory.times import Anchor, anchored
from undertone.resources import Connection
from undertone.types import Memory, Vector

K = 10
MOST = 50
"""Turns looked at when only a token budget limits them."""
MEANING_FLOOR = 0.2
"""A cosine below this is chance for the built-in embedder; a turn needs this much or a word in common."""
CHARACTERS_PER_TOKEN = 4
ALIKE = 0.8
"""Share of stems in common (Jaccard) from which a second message adds nothing to the first."""
TOKENS_AROUND = 12
"""For the date and the quotation marks that a prompt puts round a memory."""


async def recall(
    conn: Connection,
    user_id: UUID,
    persona_id: str,
    text: str,
    vector: Vector | None,
    *,
    now: datetime,
    k: int | None = None,
    budget_tokens: int | None = None,
    exclude_conversation_after: tuple[UUID, int] | None = None,
    exclude_seqs: tuple[int, int] | None = None,
    exclude_ids: Collection[UUID] = (),
    embed: Embedder | None = None,
    across_personas: bool = False,
) -> list[Memory]:
    """The best turns, best first: `k` of them (10 when nothing limits), or as many as fit `budget_tokens`.

    `vector`: the text's, shape (d,); None recalls by words alone. With `embed`, a text that names speakers is embedded
    once more without their names. `exclude_conversation_after` (conversation, position) leaves out what the prompt
    already shows: that conversation from the position on; `exclude_seqs` (first, last) the places of this stream that
    it shows as pages; `exclude_ids` leaves out single messages. Quarantined messages and those of left branches are
    never recalled. `across_personas` looks at what was told to the person's
    other personas too: only where the person said yes to that.
    """
    told_to = [persona_id]
    if across_personas:
        told_to += [other for other in await personas_of(conn, user_id) if other != persona_id]
    stream = await read_stream(conn, user_id, told_to)
    if not len(stream):
        return []
    query = read_query(text, set(np.unique(stream.speaker).tolist()) - {0}, now)
    if vector is not None and embed is not None and query.nameless != text:
        vector = (await embed.embed([query.nameless]))[0]
    if query.anchor is not None:
        query = await _with_anchor(conn, user_id, told_to, stream, query, query.anchor, now)
    ranked = rank(stream, query, vector, now)
    allowed = (ranked.near_words > 0) | (ranked.cosine >= MEANING_FLOOR)
    if exclude_conversation_after is not None:
        conversation_id, position = exclude_conversation_after
        allowed &= (stream.conversation != name_conversation(conversation_id)) | (stream.position < position)
    if exclude_seqs is not None:
        allowed &= (stream.persona > 0) | (stream.seq < exclude_seqs[0]) | (stream.seq > exclude_seqs[1])
    wanted = k or (MOST if budget_tokens is not None else K)
    best = _first(ranked.score, np.flatnonzero(allowed), wanted + len(exclude_ids) + wanted // 2)
    rows = await read_rows(conn, user_id, [_place(stream, told_to, place) for place in best])
    found = [
        (place, row)
        for place in best
        if (row := rows.get(_place(stream, told_to, place))) is not None and row.id not in exclude_ids
    ]
    found.sort(
        key=lambda pair: -(float(ranked.score[pair[0]]) + known(pair[1].use_count, pair[1].kept, pair[1].pinned))
    )
    return _chosen(found, told_to, stream, query, ranked, wanted, budget_tokens)


def _first(score: Floats, among: npt.NDArray[np.intp], count: int) -> list[int]:
    """The places of the best `count` scores among those, best first; the earlier first where scores are equal."""
    if len(among) > count:
        edge = np.partition(score[among], -count)[-count]
        among = among[score[among] >= edge]
    best: list[int] = among[np.argsort(-score[among], kind="stable")][:count].tolist()
    return best


def _place(stream: Stream, told_to: list[str], place: int) -> tuple[str, int]:
    return told_to[int(stream.persona[place])], int(stream.seq[place])


def _chosen(
    best: list[tuple[int, Row]],
    told_to: list[str],
    stream: Stream,
    query: Query,
    ranked: Ranked,
    wanted: int,
    budget_tokens: int | None,
) -> list[Memory]:
    """The first `wanted` that fit the budget and say something new; a shorter one may fit where a long did not."""
    found: list[Memory] = []
    seen: set[str] = set()
    chosen: list[frozenset[int]] = []
    asked = {terms.hash_stem(stem): word for stem, word in query.words.items()}
    spent = 0
    for place, row in best:
        if len(found) == wanted:
            break
        if (same := " ".join(row.text.casefold().split())) in seen:
            continue
        cost = len(row.text) // CHARACTERS_PER_TOKEN + TOKENS_AROUND
        stems = stream.stems_of(place)
        if (budget_tokens is not None and spent + cost > budget_tokens) or any(_alike(stems, o) for o in chosen):
            continue
        spent += cost
        seen.add(same)
        chosen.append(stems)
        why = _why(place, row, [word for stem, word in asked.items() if stem in stems], query, ranked)
        if row.persona_id != told_to[0]:
            why += f"; told to {row.persona_id}"
        found.append(
            Memory(row.id, "turn", row.text, row.role, row.created_at, float(ranked.score[place]), why, (row.id,))
        )
    return found


async def _with_anchor(
    conn: Connection, user_id: UUID, told_to: list[str], stream: Stream, query: Query, anchor: Anchor, now: datetime
) -> Query:
    """The query with the span that an event of the person's own gives it; as it was when they never spoke of one."""
    told = rank(stream, read_query(anchor.event, (), now), None, now).own_words * stream.user
    place = int(told.argmax())
    if told[place] <= 0:
        return query
    rows = await read_rows(conn, user_id, [_place(stream, told_to, place)])
    row = next(iter(rows.values()), None)
    return query if row is None else replace(query, times=(anchored(anchor, row.text, row.created_at), *query.times))


def _alike(one: frozenset[int], other: frozenset[int]) -> bool:
    """Nearly the same words: a retold sentence, a greeting said daily."""
    return len(one & other) >= ALIKE * max(3, len(one | other))


def _why(place: int, row: Row, shared: list[str], query: Query, ranked: Ranked) -> str:
    """Why this one was found, in words; `shared` are the words it has in common with the query."""
    reasons: list[str] = []
    if shared:
        reasons.append("shares " + ", ".join(f"“{word}”" for word in shared[:4]))
    elif ranked.near_words[place] > 0:
        reasons.append("said beside a message with the same words")
    if ranked.cosine[place] >= MEANING_FLOOR:
        reasons.append(f"close in meaning ({ranked.cosine[place]:.2f})")
    if ranked.in_time[place]:
        reasons.append(f"from the time of “{query.times[0].words}”")
    if ranked.asked_speaker[place] and query.speaker:
        reasons.append(f"said by {row.speaker}")
    return "; ".join(reasons) or "part of the same talk"
