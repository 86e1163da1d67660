"""What a person changes in what is held about them: correct, pin, forget, merge, take back; and how a fact came to be.

    done = await edit(conn, user_id, memory_id, text="My sister is called Anna", vector=vector, now=now)
    await undo(conn, user_id, now=now)

Each change keeps the rows as they were, in the same transaction, and tells the event log without a word of theirs.
Knows no page; forgetting for good also has to reach what other rooms keep, see `engine/forgetting.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from uuid_utils.compat import uuid7

from undertone import events
from undertone.errors import Conflict, NotFound, Unprocessable
from undertone.memory import changes_store, held_store, kept_store, terms
from undertone.memory.changes_store import Change
from undertone.memory.inspection_store import Held, get_held, line_of
from undertone.memory.vectors import to_halfvec
from undertone.resources import Connection
from undertone.types import Vector

UNDO_FOR = timedelta(hours=24)
"""How long a change can be taken back, and how long a forgotten memory is hidden before it is deleted."""

MadeBy = Literal["person", "operator"]


@dataclass(frozen=True, slots=True)
class Done:
    """A change that was made: by its id it can be taken back. None when nothing had to change."""

    change: UUID | None
    ids: tuple[UUID, ...]
    """Every memory and message it touched, the one it is about first."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment in the history of a fact."""

    at: datetime
    what: str
    """kept, edited, pinned, unpinned, merged, forgotten, replaced, or ended."""
    memory: UUID
    text: str | None = None
    """What it said from then on."""
    was: tuple[str, ...] = ()
    """What it said before, or what was merged into it."""
    made_by: str = "person"
    undone_at: datetime | None = None


async def keep(
    conn: Connection, user_id: UUID, persona_id: str, text: str, *, kind: str = "fact", now: datetime
) -> UUID:
    """Keep something because the person asked for it; what is kept in these words already is not kept twice."""
    known = await kept_store.of_subject(conn, user_id, persona_id, "", text)
    if same := [kept for kept in known if kept.kind == kind]:
        return same[0].id
    memory_id = await kept_store.add(
        conn,
        user_id=user_id,
        persona_id=persona_id,
        kind=kind,
        text=text,
        subject="",
        confidence=1.0,
        source=None,
        at=now,
        made_by="person",
    )
    await events.record(
        conn, events.MemoryChanged(user_id=user_id, change="add", memory_ids=[memory_id], made_by="person")
    )
    return memory_id


async def edit(
    conn: Connection,
    user_id: UUID,
    memory_id: UUID,
    *,
    text: str | None = None,
    vector: Vector | None = None,
    pinned: bool | None = None,
    sensitivity: str | None = None,
    now: datetime,
    made_by: MadeBy = "person",
) -> Done:
    """Correct a memory, pin it, or say how private it is; what is so already changes nothing.

    `vector` of shape (d,) goes with a new `text`. Raises NotFound, Unprocessable for what a message cannot be.
    """
    held = await _current(conn, user_id, memory_id)
    text = None if text == held.text else text
    pinned = None if pinned == held.pinned else pinned
    sensitivity = None if sensitivity == held.sensitivity else sensitivity
    if text is None and pinned is None and sensitivity is None:
        return Done(None, (memory_id,))
    if held.kind == "turn" and (pinned is not None or sensitivity is not None):
        raise Unprocessable("What was said word for word can be corrected or forgotten; pin what is kept from it.")
    touched = [memory_id]
    if held.kind == "turn":
        touched += [
            found for found in await changes_store.reach(conn, user_id, memory_id, sources=False) if found != memory_id
        ]
    before = await changes_store.snapshot(conn, user_id, touched)
    if held.kind == "turn" and text is not None:
        if vector is None:
            raise ValueError("a corrected message needs its vector")
        await held_store.rewrite(conn, user_id=user_id, message_id=memory_id, text=text, vector=vector)
        await changes_store.end_drawn_from(conn, user_id, memory_id, now=now)
    else:
        await changes_store.edit_memory(
            conn,
            user_id,
            memory_id,
            text=text,
            terms=terms.pack(terms.analyse(text)) if text is not None else None,
            embedding=to_halfvec(vector),
            pinned=pinned,
            sensitivity=sensitivity,
            made_by=made_by,
        )
    word = "edit" if text is not None or sensitivity is not None else "pin" if pinned else "unpin"
    return await _record(conn, user_id, word, touched, before, now, made_by)


async def hide(
    conn: Connection,
    user_id: UUID,
    memory_id: UUID,
    *,
    sources: bool = False,
    now: datetime,
    made_by: MadeBy = "person",
) -> Done:
    """Hide a memory at once from recall, history, lists and what was sent; deleted when `UNDO_FOR` is over.

    A message takes its replies and what was drawn from it; a kept memory what was merged into it, and with `sources`
    the messages it comes from. Forgotten already: changes nothing. Raises NotFound.
    """
    held = await get_held(conn, user_id, memory_id)
    if held.state == "forgotten":
        return Done(None, (memory_id,))
    ids = await _reached(conn, user_id, memory_id, sources=sources)
    before = await changes_store.snapshot(conn, user_id, ids)
    await changes_store.hide(conn, user_id, ids, now=now)
    return await _record(conn, user_id, "forget", ids, before, now, made_by)


async def forget(
    conn: Connection, user_id: UUID, memory_id: UUID, *, sources: bool = False, made_by: MadeBy = "person"
) -> list[UUID]:
    """Delete at once what `hide` would hide; returns the ids of all that went, and of the
    conversations and summaries that quoted it. Raises NotFound."""
    ids = await _reached(conn, user_id, memory_id, sources=sources)
    summaries = await changes_store.delete(conn, user_id, ids)
    await events.record(conn, events.MemoryChanged(user_id=user_id, change="delete", memory_ids=ids, made_by=made_by))
    return [*ids, *summaries]


async def delete_forgotten(conn: Connection, *, now: datetime) -> dict[UUID, list[UUID]]:
    """Delete what was forgotten longer than `UNDO_FOR` ago; returns the ids that went, as `forget`
    does, by person. Run by a job."""
    found = await changes_store.due(conn, now - UNDO_FOR)
    gone: dict[UUID, list[UUID]] = {}
    for user_id, ids in found.items():
        gone[user_id] = ids + await changes_store.delete(conn, user_id, ids)
        await events.record(
            conn, events.MemoryChanged(user_id=user_id, change="delete", memory_ids=ids, made_by="clock")
        )
    return gone


async def merge(
    conn: Connection,
    user_id: UUID,
    into: UUID,
    others: Sequence[UUID],
    *,
    text: str | None = None,
    vector: Vector | None = None,
    now: datetime,
    made_by: MadeBy = "person",
) -> Done:
    """Make one kept memory of several: `into` stays, with all their sources, the others end and point to it.

    Raises NotFound, Unprocessable for messages, other personas' memories, or fewer than two.
    """
    others = [other for other in dict.fromkeys(others) if other != into]
    if not others:
        raise Unprocessable("Name at least two memories to merge.")
    kept = [await _current(conn, user_id, memory_id) for memory_id in (into, *others)]
    if any(held.kind == "turn" for held in kept):
        raise Unprocessable("What was said word for word cannot be merged; merge what is kept from it.")
    if len({held.persona_id for held in kept}) > 1:
        raise Unprocessable("These memories were told to different personas; merge those of one persona.")
    ids = [into, *others]
    before = await changes_store.snapshot(conn, user_id, ids)
    await changes_store.merge_into(conn, user_id, into, others, now=now)
    if text is not None and text != kept[0].text:
        packed, stored = terms.pack(terms.analyse(text)), to_halfvec(vector)
        await changes_store.edit_memory(
            conn,
            user_id,
            into,
            text=text,
            terms=packed,
            embedding=stored,
            pinned=None,
            sensitivity=None,
            made_by=made_by,
        )
    return await _record(conn, user_id, "merge", ids, before, now, made_by)


async def undo(
    conn: Connection,
    user_id: UUID,
    *,
    change_id: UUID | None = None,
    memory_id: UUID | None = None,
    now: datetime,
    made_by: MadeBy = "person",
) -> Change:
    """Take back the named change, or the last one (of a memory); a change taken back already stays so.

    Raises NotFound for an unknown change, Conflict when it is older than `UNDO_FOR`, when a later one of the same
    memory stands, or when there is nothing to take back.
    """
    every = [c for c in await changes_store.changes_of(conn, user_id) if c.change != "undo"]
    standing = [c for c in every if c.undone_at is None and c.at > now - UNDO_FOR]
    standing = [c for c in standing if memory_id is None or memory_id in c.memory_ids]
    if change_id is None:
        wanted = standing[0] if standing else None
        if wanted is None:
            raise Conflict("There is no change of the last 24 hours to take back.")
    else:
        wanted = next((c for c in every if c.id == change_id), None)
        if wanted is None:
            raise NotFound(f"There is no change {change_id} of this person; it may be gone with what was forgotten.")
        if wanted.undone_at is not None:
            return wanted
        if wanted.at <= now - UNDO_FOR:
            raise Conflict("This change is more than 24 hours old and can no longer be taken back.")
    later = [
        c for c in every if c.id > wanted.id and c.undone_at is None and set(c.memory_ids) & set(wanted.memory_ids)
    ]
    if later:
        raise Conflict("A later change of the same memory stands; take that back first.", change=str(later[0].id))
    now_there = await changes_store.snapshot(conn, user_id, wanted.memory_ids)
    await changes_store.put_back(conn, user_id, wanted.before)
    await changes_store.mark_undone(conn, user_id, wanted.id, now)
    await _record(conn, user_id, "undo", wanted.memory_ids, now_there, now, made_by)
    return wanted


async def moments(conn: Connection, user_id: UUID, memory_id: UUID) -> list[Moment]:
    """How a memory came to be what it is, the oldest moment first: what it replaced, and each change of it since.

    Raises NotFound.
    """
    held = await get_held(conn, user_id, memory_id)
    line = [held] if held.kind == "turn" else await line_of(conn, user_id, memory_id)
    by_id = {one.id: one for one in line}
    changes = [c for c in await changes_store.changes_of(conn, user_id, [*by_id]) if c.change != "undo"][::-1]
    merged = {id for c in changes if c.change == "merge" and c.undone_at is None for id in c.memory_ids[1:]}
    found: list[Moment] = []
    for one in line:
        own = [c for c in changes if str(one.id) in c.before and c.memory_ids[:1] == [one.id]]
        texts = [_text_before(c, one.id) for c in own if c.undone_at is None] + [one.text]
        first = next((c.before[str(one.id)]["made_by"] for c in own if "made_by" in c.before[str(one.id)]), one.made_by)
        found.append(Moment(one.created_at, "kept", one.id, texts[0], made_by=first))
        found += _moments(one, own, by_id)
        if one.valid_to is not None and one.id not in merged:
            following = by_id.get(one.superseded_by) if one.superseded_by else None
            what = "replaced" if following else "ended"
            found.append(Moment(one.valid_to, what, one.id, following and following.text, (one.text,), "program"))
    return sorted(found, key=lambda moment: moment.at)


def _moments(one: Held, own: Sequence[Change], by_id: dict[UUID, Held]) -> list[Moment]:
    """The changes of one memory, with what it said after each."""
    words = {"edit": "edited", "pin": "pinned", "unpin": "unpinned", "merge": "merged", "forget": "forgotten"}
    found: list[Moment] = []
    for place, change in enumerate(own):
        was = _text_before(change, one.id)
        following = [_text_before(c, one.id) for c in own[place + 1 :] if c.undone_at is None]
        text = following[0] if following else one.text
        others = (
            tuple(row["text"] for id, row in change.before.items() if id != str(one.id))
            if change.change == "merge"
            else ()
        )
        changed = (was,) if change.change == "edit" and was != text and change.undone_at is None else ()
        shown = text if change.undone_at is None and change.change in ("edit", "merge") else None
        found.append(
            Moment(change.at, words[change.change], one.id, shown, others or changed, change.made_by, change.undone_at)
        )
    return found


def _text_before(change: Change, memory_id: UUID) -> str:
    return str(change.before[str(memory_id)]["text"])


async def _current(conn: Connection, user_id: UUID, memory_id: UUID) -> Held:
    """A memory that can be changed. Raises NotFound."""
    held = await get_held(conn, user_id, memory_id)
    if held.state == "forgotten":
        raise NotFound(f"The memory {memory_id} was forgotten; take that back first.")
    return held


async def _reached(conn: Connection, user_id: UUID, memory_id: UUID, *, sources: bool) -> list[UUID]:
    """All that goes with a memory, itself first. Raises NotFound."""
    ids = await changes_store.reach(conn, user_id, memory_id, sources=sources)
    if memory_id not in ids:
        raise NotFound(f"There is no memory {memory_id} of this person.")
    return [memory_id, *(found for found in ids if found != memory_id)]


async def _record(
    conn: Connection,
    user_id: UUID,
    change: str,
    ids: Sequence[UUID],
    before: dict[str, dict[str, Any]],
    now: datetime,
    made_by: MadeBy,
) -> Done:
    change_id = uuid7()
    await changes_store.add_change(
        conn,
        user_id=user_id,
        change_id=change_id,
        change=change,
        made_by=made_by,
        memory_ids=ids,
        before=before,
        at=now,
    )
    await events.record(
        conn, events.MemoryChanged(user_id=user_id, change=change, memory_ids=list(ids), made_by=made_by)
    )
    return Done(change_id, tuple(ids))
