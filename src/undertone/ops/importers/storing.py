"""A checked log into memory: chunk by chunk, each in one transaction, so that it may be stopped and run again.

    result = await store_log(resources, log, attests={"memory"}, on_progress=bar.advance)

Messages keep their dates and are searchable at once; the usual jobs close their conversations, sum them up and read
what they tell. Imported words are nobody's word for it: the input rails read each one, and what tries to plant
instructions is quarantined. People who said no to being remembered are left out.
"""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from undertone import guardrails, memory, people
from undertone.db import transaction
from undertone.engine import care
from undertone.errors import BadInput
from undertone.ops.importers.chat_log import IDLE, Log, Row, Stream, conversation_id, message_id
from undertone.resources import Resources

CHUNK = 64
"""Messages of one transaction."""


@dataclass(slots=True)
class Imported:
    """What became of a log's rows."""

    rows: int = 0
    stored: int = 0
    already: int = 0
    """Rows that an earlier run stored."""
    quarantined: int = 0
    refused: int = 0
    """Rows of people who do not want to be remembered, or were erased meanwhile."""
    people: set[str] = field(default_factory=set[str])
    conversations: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class _Talk:
    """The conversation that rows are being added to."""

    id: UUID
    name: str | None
    opened_at: datetime
    last_at: datetime

    def takes(self, row: Row) -> bool:
        if row.conversation is not None or self.name is not None:
            return row.conversation == self.name
        return row.at - self.last_at < IDLE


def check_attests(attests: Collection[str]) -> None:
    """Raises BadInput unless the platform says that these people agreed to be remembered."""
    if unknown := set(attests) - {"memory"}:
        raise BadInput(f"--attest takes memory here, not {', '.join(sorted(unknown))}.")
    if "memory" not in attests:
        raise BadInput(
            "An import keeps what people said. Say with --attest memory that they agreed to be remembered; those who "
            "told Undertone otherwise are left out in any case."
        )


async def store_log(
    resources: Resources, log: Log, *, attests: Collection[str], on_progress: Callable[[int], object] = lambda _: None
) -> Imported:
    """Store every row that is not stored yet. `on_progress` is told how many rows were dealt with since it was last.

    Stopped at any moment, a second run goes on where it ended. Raises BadInput without the attestation.
    """
    check_attests(attests)
    began = time.perf_counter()
    done = Imported()
    who = people.Principal(kind="key", scopes=frozenset(), attests=frozenset(attests))
    for stream in log.streams():
        async with transaction(resources.db) as conn:
            person = await people.standing(conn, who, stream.user)
        done.people.add(stream.user)
        if "memory" not in person.consents or "chat" in person.refused:
            done.rows += len(stream.places)
            done.refused += len(stream.places)
            on_progress(len(stream.places))
            continue
        await _store_stream(resources, log, stream, person.user_id, done, on_progress)
    done.seconds = time.perf_counter() - began
    return done


async def _store_stream(
    resources: Resources, log: Log, stream: Stream, user_id: UUID, done: Imported, on_progress: Callable[[int], object]
) -> None:
    talks: dict[str | None, _Talk] = {}
    before = done.stored
    for start in range(0, len(stream.places), CHUNK):
        rows = log.rows(stream.places[start : start + CHUNK])
        placed = [(row, message_id(user_id, row)) for row in rows]
        homes = [_home(talks, user_id, row, id) for row, id in placed]
        await _store_chunk(resources, stream, user_id, list(zip(placed, homes, strict=True)), done)
        done.rows += len(rows)
        on_progress(len(rows))
    if done.stored > before:
        async with transaction(resources.db) as conn:
            if await people.hold_user(conn, user_id):
                await care.after_reply(conn, user_id=user_id, persona_id=stream.persona, remembers=True)


def _home(talks: dict[str | None, _Talk], user_id: UUID, row: Row, id: UUID) -> _Talk:
    """The conversation a row belongs to; the log's own where it names one."""
    talk = talks.get(row.conversation)
    if talk is None or not talk.takes(row):
        talk = _Talk(conversation_id(user_id, row, id), row.conversation, row.at, row.at)
        talks[row.conversation] = talk
    talk.last_at = row.at
    return talk


async def _store_chunk(
    resources: Resources,
    stream: Stream,
    user_id: UUID,
    placed: Sequence[tuple[tuple[Row, UUID], _Talk]],
    done: Imported,
) -> None:
    async with resources.db.connection() as conn:
        known = await memory.imported(conn, user_id, [id for (_, id), _ in placed])
    fresh = {id: (row, talk) for (row, id), talk in placed if id not in known}  # the same row twice is one message
    done.already += len(placed) - len(fresh)
    if not fresh:
        return
    texts = [row.text for row, _ in fresh.values()]
    vectors = await resources.embed.embed(texts)
    recalled = vectors
    if resources.recall_embed is not resources.embed:
        recalled = await resources.recall_embed.embed(texts)
    async with transaction(resources.db) as conn:
        if not await people.hold_user(conn, user_id):
            done.refused += len(fresh)
            return
        mine = set(await memory.mark_imported(conn, user_id, list(fresh)))
        seen: set[UUID] = set()
        for (id, (row, talk)), vector, recall_vector in zip(fresh.items(), vectors, recalled, strict=True):
            if id not in mine:
                done.already += 1
                continue
            if talk.id not in seen:
                seen.add(talk.id)
                done.conversations += await memory.reopen(
                    conn, user_id, talk.id, stream.persona, opened_at=talk.opened_at
                )
            verdict = guardrails.check_input(row.text, vector)
            await memory.append(
                conn,
                user_id=user_id,
                conversation_id=talk.id,
                persona_id=stream.persona,
                role=row.role,
                text=row.text,
                now=row.at,
                message_id=id,
                vector=recall_vector,
                quarantined=verdict.quarantine,
            )
            done.stored += 1
            done.quarantined += verdict.quarantine
