"""The two tiers of what is kept: old and weak memories cool down, and come back when asked for by their words.

    await cool(conn, now=now)                                       # a job, every night
    found = await wake(conn, user_id, persona_id, text, now=now)    # with each message

Private things of the special kind are never volunteered either: `wake` is how they are found, and only so.
"""

from datetime import datetime
from uuid import UUID

from undertone.memory import decay, terms, tiers_store
from undertone.resources import Connection
from undertone.types import Memory

MOST = 3
"""Memories that one message brings back."""
PAGE = 1_000


async def cool(conn: Connection, *, now: datetime) -> int:
    """Move what is old, long unused and weak to the cold tier; returns how many. Pinned memories stay."""
    moved, after = 0, None
    while page := await tiers_store.aged(conn, now, decay.OLD_DAYS, after, PAGE):
        weak = [
            (row.user_id, row.id)
            for row in page
            if decay.cools(
                age_days=row.age_days,
                idle_days=row.idle_days,
                uses=row.use_count,
                importance=decay.IMPORTANCE[row.kind] * row.confidence,
            )
        ]
        await tiers_store.set_cold(conn, weak)
        moved, after = moved + len(weak), (page[-1].user_id, page[-1].id)
    return moved


async def wake(conn: Connection, user_id: UUID, persona_id: str, text: str, *, now: datetime) -> list[Memory]:
    """Kept memories that are not volunteered and share words with `text`, best first; those that cooled are hot again.

    Two words in common, or one that is all the memory is about.
    """
    asked = dict.fromkeys(terms.analyse(text))
    if not asked:
        return []
    found: list[tuple[float, list[str], tiers_store.Quiet]] = []
    for quiet in await tiers_store.quiet(conn, user_id, persona_id, [h.tobytes() for h in terms.hash_stems(asked)]):
        stems = set(terms.analyse(quiet.text)) - _FRAME
        shared = [stem for stem in asked if stem in stems]
        if len(shared) >= min(2, len(stems)) and shared:
            found.append((len(shared) / len(stems), shared, quiet))
    best = sorted(found, key=lambda one: -one[0])[:MOST]
    await tiers_store.set_used(conn, user_id, [quiet.id for _, _, quiet in best], now)
    return [
        Memory(q.id, q.kind, q.text, None, q.created_at, score, "kept, and asked for by its words", tuple(q.sources))
        for score, _, q in best
    ]


_FRAME = frozenset(terms.analyse("they their said like dislike live called have are is on work"))
