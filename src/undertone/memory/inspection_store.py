"""What is held about a person, as the inspector shows it: kept memories and their own words in one list, page by page.

    found = await find_held(conn, user_id, Search(words="sister"), limit=50)

SQL only. Knows no page and changes nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from psycopg.rows import class_row

from undertone.errors import NotFound
from undertone.memory import terms
from undertone.resources import Connection

State = Literal["current", "past", "forgotten"]
KEPT = ("fact", "preference", "person", "event", "summary")
"""The kinds that are kept beside the words themselves."""


@dataclass(frozen=True, slots=True)
class Held:
    """One memory with everything that is known of it; a message of the person has the kind "turn"."""

    id: UUID
    kind: str
    text: str
    persona_id: str
    pinned: bool
    confidence: float | None
    """How sure it is, in [0, 1]; None for a turn, which is what was said."""
    sensitivity: str
    made_by: str
    tier: str
    source_message_ids: list[UUID]
    created_at: datetime
    valid_from: datetime
    valid_to: datetime | None
    superseded_by: UUID | None
    forgotten_at: datetime | None
    last_used_at: datetime | None
    use_count: int
    rank: int
    """0 pinned, 1 kept, 2 said: what comes first."""
    state: State


@dataclass(frozen=True, slots=True)
class After:
    """The last memory of a page; the next one goes on behind it."""

    rank: int
    created_at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class Search:
    """Which memories are wanted; None or empty means any."""

    words: str = ""
    """Found in a text that contains these very characters, or all of these words in any form."""
    kinds: tuple[str, ...] = ()
    state: Literal["current", "past", "forgotten", "all"] = "current"
    persona_id: str | None = None
    pinned: bool | None = None
    sensitivity: str | None = None
    tier: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message stands."""

    id: UUID
    conversation_id: UUID
    persona_id: str
    turn_id: UUID | None
    role: str
    text: str
    created_at: datetime


async def find_held(
    conn: Connection, user_id: UUID, search: Search, *, limit: int, after: After | None = None, id: UUID | None = None
) -> list[Held]:
    """One page: pinned memories, kept ones, what was said, each the newest first; or the one with this `id`."""
    stems = [hashed.tobytes() for hashed in terms.hash_stems(dict.fromkeys(terms.analyse(search.words)))]
    pattern = "%" + search.words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    async with conn.cursor(row_factory=class_row(Held)) as cursor:
        await cursor.execute(
            """
            with held as (
                select id, kind, text, persona_id, pinned, confidence, sensitivity, made_by, tier, source_message_ids,
                    created_at, valid_from, valid_to, superseded_by, forgotten_at, last_used_at, use_count, terms,
                    case when pinned then 0 else 1 end as rank
                from memories where user_id = %(user)s and (%(id)s::uuid is null or id = %(id)s)
                union all
                select id, 'turn', text, persona_id, false, null, 'normal', 'person', 'hot', array[id],
                    created_at, created_at, null, null, forgotten_at, last_used_at, use_count, terms, 2
                from messages where user_id = %(user)s and (%(id)s::uuid is null or id = %(id)s)
                    and role = 'user' and not quarantined and (active or forgotten_at is not null)
            ), stated as (
                select *, case when forgotten_at is not null then 'forgotten' when valid_to <= now() then 'past'
                    else 'current' end as state
                from held
            )
            select id, kind, text, persona_id, pinned, confidence, sensitivity, made_by, tier, source_message_ids,
                created_at, valid_from, valid_to, superseded_by, forgotten_at, last_used_at, use_count, rank, state
            from stated
            where (%(state)s = 'all' or state = %(state)s)
                and (%(kinds)s::text[] = '{}' or kind = any(%(kinds)s))
                and (%(persona)s::text is null or persona_id = %(persona)s)
                and (%(pinned)s::boolean is null or pinned = %(pinned)s)
                and (%(sensitivity)s::text is null or sensitivity = %(sensitivity)s)
                and (%(tier)s::text is null or tier = %(tier)s)
                and (text ilike %(pattern)s or (%(stems)s::bytea[] <> '{}'
                    and (select bool_and(position(stem in terms) > 0) from unnest(%(stems)s::bytea[]) as stem)))
                and (%(after_rank)s::int is null or rank > %(after_rank)s
                    or (rank = %(after_rank)s and (created_at, id) < (%(after_at)s, %(after_id)s::uuid)))
            order by rank, created_at desc, id desc limit %(limit)s
            """,
            {
                "user": user_id,
                "id": id,
                "state": search.state,
                "kinds": list(search.kinds),
                "persona": search.persona_id,
                "pinned": search.pinned,
                "sensitivity": search.sensitivity,
                "tier": search.tier,
                "pattern": pattern,
                "stems": stems,
                "after_rank": after.rank if after else None,
                "after_at": after.created_at if after else None,
                "after_id": after.id if after else None,
                "limit": limit,
            },
        )
        return await cursor.fetchall()


async def kept(conn: Connection, user_id: UUID, *, containing: str = "", limit: int = 50) -> list[Held]:
    """What is kept of the person and true now, pinned first, then newest."""
    return await find_held(conn, user_id, Search(containing, KEPT), limit=limit)


async def said(conn: Connection, user_id: UUID, *, containing: str = "", limit: int = 50) -> list[Held]:
    """What the person said and recall may bring back, newest first."""
    return await find_held(conn, user_id, Search(containing, ("turn",)), limit=limit)


async def get_held(conn: Connection, user_id: UUID, memory_id: UUID) -> Held:
    """One memory, forgotten ones that can still be undone included. Raises NotFound."""
    found = await find_held(conn, user_id, Search(state="all"), limit=1, id=memory_id)
    if not found:
        raise NotFound(f"There is no memory {memory_id} of this person.")
    return found[0]


async def places(conn: Connection, user_id: UUID, message_ids: list[UUID]) -> dict[UUID, Place]:
    """Where these messages stand, by id; left branches and forgotten ones stand nowhere."""
    async with conn.cursor(row_factory=class_row(Place)) as cursor:
        await cursor.execute(
            "select id, conversation_id, persona_id, turn_id, role, text, created_at from messages"
            " where user_id = %s and id = any(%s) and active",
            (user_id, message_ids),
        )
        return {place.id: place for place in await cursor.fetchall()}


async def personas_of(conn: Connection, user_id: UUID) -> list[str]:
    """The personas this person has talked with."""
    cursor = await conn.execute("select persona_id from recall_streams where user_id = %s order by 1", (user_id,))
    return [row[0] for row in await cursor.fetchall()]


async def line_of(conn: Connection, user_id: UUID, memory_id: UUID) -> list[Held]:
    """A memory with what it replaced and what replaced it, as far as that goes, the oldest first; no forgotten ones."""
    async with conn.cursor(row_factory=class_row(Held)) as cursor:
        await cursor.execute(
            """
            with recursive older as (
                select id, superseded_by from memories where user_id = %(user)s and id = %(id)s
                union select m.id, m.superseded_by from memories m join older o on m.superseded_by = o.id
                where m.user_id = %(user)s
            ), newer as (
                select id, superseded_by from memories where user_id = %(user)s and id = %(id)s
                union select m.id, m.superseded_by from memories m join newer n on m.id = n.superseded_by
                where m.user_id = %(user)s
            )
            select id, kind, text, persona_id, pinned, confidence, sensitivity, made_by, tier, source_message_ids,
                created_at, valid_from, valid_to, superseded_by, forgotten_at, last_used_at, use_count, 1 as rank,
                case when valid_to <= now() then 'past' else 'current' end as state
            from memories where user_id = %(user)s and (id = %(id)s or forgotten_at is null)
                and id in (select id from older union select id from newer)
            order by valid_from, id
            """,
            {"user": user_id, "id": memory_id},
        )
        return await cursor.fetchall()
