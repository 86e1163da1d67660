"""The tiers of kept memories in PostgreSQL. `tiers` says what moves and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row

from undertone.resources import Connection


@dataclass(frozen=True, slots=True)
class Aged:
    """A hot memory that was neither told nor used for long."""

    user_id: UUID
    id: UUID
    kind: str
    confidence: float
    use_count: int
    age_days: float
    idle_days: float


@dataclass(frozen=True, slots=True)
class Quiet:
    """A memory that is not volunteered: cold, or of the special kind."""

    id: UUID
    kind: str
    text: str
    created_at: datetime
    sources: list[UUID]


async def aged(conn: Connection, now: datetime, days: float, after: tuple[UUID, UUID] | None, limit: int) -> list[Aged]:
    """One page of hot, unpinned memories of everybody that are so old and so long unused, by person and id."""
    async with conn.cursor(row_factory=class_row(Aged)) as cursor:
        await cursor.execute(
            """
            select user_id, id, kind, confidence, use_count,
                extract(epoch from %(now)s - created_at)::float / 86400 as age_days,
                extract(epoch from %(now)s - coalesce(last_used_at, created_at))::float / 86400 as idle_days
            from memories where tier = 'hot' and not pinned and valid_to is null and forgotten_at is null
                and greatest(created_at, last_used_at) < %(now)s - make_interval(days => %(days)s)
                and (%(user)s::uuid is null or (user_id, id) > (%(user)s, %(id)s::uuid))
            order by user_id, id limit %(limit)s
            """,
            {
                "now": now,
                "days": int(days),
                "user": after and after[0],
                "id": after and after[1],
                "limit": limit,
            },
        )
        return await cursor.fetchall()


async def set_cold(conn: Connection, keys: Sequence[tuple[UUID, UUID]]) -> None:
    await conn.execute(
        "update memories m set tier = 'cold' from unnest(%s::uuid[], %s::uuid[]) as k (user_id, id)"
        " where m.user_id = k.user_id and m.id = k.id",
        ([user for user, _ in keys], [id for _, id in keys]),
    )


async def quiet(conn: Connection, user_id: UUID, persona_id: str, stems: Sequence[bytes]) -> list[Quiet]:
    """Current memories that are not volunteered and may hold one of these hashed stems."""
    async with conn.cursor(row_factory=class_row(Quiet)) as cursor:
        await cursor.execute(
            """
            select id, kind, text, created_at, source_message_ids as sources from memories
            where user_id = %s and persona_id = %s and (tier = 'cold' or sensitivity = 'special') and not pinned
                and valid_to is null and forgotten_at is null and kind <> 'summary'
                and exists (select from unnest(%s::bytea[]) as stem where position(stem in terms) > 0)
            """,
            (user_id, persona_id, list(stems)),
        )
        return await cursor.fetchall()


async def set_used(conn: Connection, user_id: UUID, ids: Sequence[UUID], now: datetime) -> None:
    """These were brought back: used once more, and hot."""
    await conn.execute(
        "update memories set use_count = use_count + 1, last_used_at = %s, tier = 'hot'"
        " where user_id = %s and id = any(%s)",
        (now, user_id, list(ids)),
    )
