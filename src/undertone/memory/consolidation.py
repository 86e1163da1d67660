"""From words to what is kept: new messages are read once, the same said again is one memory, the new replaces the old.

    await keep_told(resources, user_id, persona_id, now=now)     # by the model for background work, or by rules
    await consolidate(conn, user_id, persona_id)                 # by rules alone, in your transaction

Both are harmless to run twice: what is kept, and how far was read, commit together. Knows no job and no prompt.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from undertone import people
from undertone.db import transaction
from undertone.memory import gate, kept_store, reading
from undertone.memory.extraction import Fact, extract
from undertone.memory.kept_store import Kept, Unread
from undertone.resources import Connection, Resources
from undertone.types import Vector

BATCH = 40
"""Messages read at once, by one call where a model reads."""
SAME = 0.92
"""Two memories of one kind this close (cosine) that agree in names, numbers and denials are one."""
_NAMES = re.compile(r"(?<=\w )[A-Z][\w'-]+|\d+")
_DENIES = re.compile(r"\b(?:not|no|dislike|cannot|never|separated|divorced|single)\b", re.I)
_LITTLE = re.compile(r"[^\w\s]|\b(?:a|an|the|really|very|now|still|just|also|currently|always)\b")


@dataclass(frozen=True, slots=True)
class Told:
    """A fact with the message it comes from."""

    fact: Fact
    source: UUID
    at: datetime
    made_by: str = "rules"


async def keep_told(resources: Resources, user_id: UUID, persona_id: str, *, now: datetime) -> int:
    """Keep what the unread messages tell; returns how many memories are new. No connection is held while a model reads.

    Where there is no model, or it fails, is late, or its day's budget is used up, the rules read these messages.
    """
    new = 0
    while True:
        async with resources.db.connection() as conn:
            messages = await kept_store.unread(conn, user_id, persona_id, BATCH)
        if not messages:
            return new
        told = await _by_model(resources, user_id, persona_id, messages, now)
        if told is None:
            told = by_rules(messages)
        vectors = await resources.recall_embed.embed([one.fact.text for one in told]) if told else ()
        async with transaction(resources.db) as conn:
            if not await people.hold_user(conn, user_id):
                return new
            still = {m.id for m in await kept_store.unread(conn, user_id, persona_id, BATCH, hold=True)}
            for one, vector in zip(told, vectors, strict=True):
                if one.source in still:  # not forgotten, nor read by another run, meanwhile
                    new += await _keep(conn, user_id, persona_id, one, vector)
            await kept_store.mark_read(conn, user_id, persona_id, messages[-1].seq)


async def consolidate(conn: Connection, user_id: UUID, persona_id: str) -> int:
    """Keep what the unread messages tell by rules; returns how many memories are new. In the caller's transaction."""
    messages = await kept_store.unread(conn, user_id, persona_id, hold=True)
    new = sum([await _keep(conn, user_id, persona_id, one, None) for one in by_rules(messages)])
    if messages:
        await kept_store.mark_read(conn, user_id, persona_id, messages[-1].seq)
    return new


def by_rules(messages: Sequence[Unread]) -> list[Told]:
    """What rules find in these messages, in order."""
    return [Told(fact, m.id, m.created_at) for m in messages for fact in extract(m.text, m.created_at)]


def same(one: str, other: str) -> bool:
    """Whether two texts say the same but for case, punctuation and little words."""
    return _plain(one) == _plain(other)


def near(one: str, other: str) -> bool:
    """Whether two texts close in meaning agree in names, numbers and denials, so that they may be one memory."""
    return {n.casefold() for n in _NAMES.findall(one)} == {n.casefold() for n in _NAMES.findall(other)} and bool(
        _DENIES.search(one)
    ) == bool(_DENIES.search(other))


def _plain(text: str) -> str:
    return " ".join(_LITTLE.sub(" ", text.casefold()).split())


async def _by_model(
    resources: Resources, user_id: UUID, persona_id: str, messages: Sequence[Unread], now: datetime
) -> list[Told] | None:
    found = await reading.read(resources, user_id, persona_id, messages, now=now)
    if found is None:
        return None
    by_id = {message.id: message for message in messages}
    return [Told(fact, source, by_id[source].created_at, "model") for fact, source in found]


async def _keep(conn: Connection, user_id: UUID, persona_id: str, told: Told, vector: Vector | None) -> int:
    """Keep one fact beside what is known: once, in the place of what it contradicts; 1 when it is new."""
    fact = told.fact
    known = await kept_store.alike(conn, user_id, persona_id, fact.kind, fact.subject, fact.text, vector, SAME)
    if fact.ends:
        for old in known:
            if old.subject == fact.subject and not old.pinned and _speaks_of(old, fact) and old.valid_from <= told.at:
                await kept_store.end(conn, user_id, old.id, told.at)
        return 0
    for old in known:
        if same(old.text, fact.text) or (old.kind == fact.kind and old.close and near(old.text, fact.text)):
            await kept_store.add_source(conn, user_id, old.id, told.source, fact.confidence)
            return 0
    rivals = [old for old in known if fact.subject and old.subject == fact.subject and not old.pinned]
    later = min((old for old in rivals if old.valid_from > told.at), key=lambda old: old.valid_from, default=None)
    added = await kept_store.add(
        conn,
        user_id=user_id,
        persona_id=persona_id,
        kind=fact.kind,
        text=fact.text,
        subject=fact.subject,
        confidence=fact.confidence,
        sensitivity=gate.sensitivity(fact.text),
        vector=vector,
        source=told.source,
        at=told.at,
        made_by=told.made_by,
    )
    if later is not None:  # told out of order, as an import may: it was true until then
        await kept_store.supersede(conn, user_id, added, later.id, later.valid_from)
    for old in rivals:
        if old.valid_from <= told.at:
            await kept_store.supersede(conn, user_id, old.id, added, told.at)
    return 1


def _speaks_of(old: Kept, end: Fact) -> bool:
    """Whether an end names what it ends, or names nothing in particular."""
    words = {word for word in re.findall(r"\w+", end.text.partition(":")[2].casefold()) if len(word) > 3}
    return not words or bool(words & set(re.findall(r"\w+", old.text.casefold())))
