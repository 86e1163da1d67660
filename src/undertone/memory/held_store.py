"""What the room holds about a person: the background of a conversation, words by id, export and erasure.

    known = await background(conn, user_id, persona_id, conversation_id)

SQL beside `store` and of the same kind; knows no ranking and no prompt.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from psycopg import sql
from psycopg.rows import dict_row

from undertone.errors import NotFound
from undertone.memory import changes_store, index, summaries_store, terms
from undertone.memory.store import Conversation
from undertone.memory.summaries_store import Summary
from undertone.memory.vectors import to_halfvec
from undertone.resources import Connection
from undertone.types import Message, Vector


@dataclass(frozen=True, slots=True)
class Background:
    """What stands above a conversation's history; fixed while the conversation lasts."""

    card: tuple[str, ...] = ()
    """What is kept of the person, a line each."""
    summaries: tuple[str, ...] = ()
    """The time before in short: life so far, months, then single conversations, oldest first."""
    card_ids: tuple[UUID, ...] = ()
    """The memory each line of the card is."""
    summary_ids: tuple[UUID, ...] = ()
    """The id of each summary; a single conversation's is that conversation's."""
    summary_levels: tuple[str, ...] = ()
    """The level of each summary: life, month or conversation."""
    so_far: Summary | None = None
    """The beginning of this conversation in short, once it has grown long: for what no longer stands in its history."""


async def background(
    conn: Connection, user_id: UUID, persona_id: str, conversation_id: UUID, *, across_personas: bool = False
) -> Background:
    """What was known when this conversation began: the same rows all through it unless something is forgotten.

    `across_personas` takes what was told to the person's other personas too: only where the person said yes to that.
    """
    whose = {"user": user_id, "persona": persona_id, "conversation": conversation_id, "across": across_personas}
    cursor = await conn.execute(
        """
        select m.id, m.text from memories m join conversations c on c.user_id = m.user_id and c.id = %(conversation)s
        where m.user_id = %(user)s and (%(across)s or m.persona_id = %(persona)s) and m.kind <> 'summary'
          and m.forgotten_at is null and m.created_at < c.opened_at
          and (m.pinned or m.tier = 'hot' and m.sensitivity <> 'special')
          and (m.valid_to is null or m.valid_to > c.opened_at)
        order by m.pinned desc, m.created_at limit 80
        """,
        whose,
    )
    known = await cursor.fetchall()
    earlier = await summaries_store.earlier(conn, user_id, persona_id, conversation_id, across_personas=across_personas)
    return Background(
        card=tuple(text for _, text in known),
        card_ids=tuple(id for id, _ in known),
        summaries=tuple(summary.text for summary in earlier),
        summary_ids=tuple(summary.id for summary in earlier),
        summary_levels=tuple(summary.level for summary in earlier),
        so_far=await summaries_store.so_far(conn, user_id, conversation_id),
    )


async def texts(conn: Connection, user_id: UUID, ids: list[UUID]) -> dict[UUID, str]:
    """The words of messages and kept memories by id; those forgotten since are left out."""
    cursor = await conn.execute(
        """
        select id, text from messages where user_id = %(user)s and id = any(%(ids)s) and active
        union all select id, text from memories where user_id = %(user)s and id = any(%(ids)s) and forgotten_at is null
        """,
        {"user": user_id, "ids": ids},
    )
    return dict(await cursor.fetchall())


async def mark_used(conn: Connection, user_id: UUID, ids: list[UUID], *, now: datetime) -> None:
    """These messages and memories went into a request."""
    await conn.execute(
        "update messages set last_used_at = %s, use_count = use_count + 1 where user_id = %s and id = any(%s)",
        (now, user_id, ids),
    )
    await conn.execute(
        "update memories set last_used_at = %s, use_count = use_count + 1 where user_id = %s and id = any(%s)",
        (now, user_id, ids),
    )


async def close_idle(conn: Connection, *, now: datetime, idle: timedelta = timedelta(hours=6)) -> list[Conversation]:
    """Close conversations in which nothing was said for `idle`; returns them."""
    cursor = await conn.execute(
        """
        update conversations set closed_at = last_at where closed_at is null and last_at < %s
        returning user_id, id, persona_id, opened_at, last_at, closed_at, next_position - 1, title, summary,
            summarised_to
        """,
        (now - idle,),
    )
    return [Conversation(*row) async for row in cursor]


async def rewrite(conn: Connection, *, user_id: UUID, message_id: UUID, text: str, vector: Vector) -> None:
    """The person's correction of something they said: words, search terms and vector change. Raises NotFound."""
    cursor = await conn.execute(
        "update messages set text = %s, terms = %s, embedding = %s where user_id = %s and id = %s and role = 'user'"
        " returning persona_id, seq",
        (text, terms.pack(terms.analyse(text)), to_halfvec(vector), user_id, message_id),
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound(f"There is no memory {message_id} of this person.")
    await summaries_store.drop_quoting(conn, user_id, [message_id])
    await index.refresh(conn, user_id, row[0], [row[1]])


async def without_vector(conn: Connection, user_id: UUID, limit: int = 64) -> list[Message]:
    """Messages that still lack their vector, oldest first."""
    cursor = await conn.execute(
        """
        select user_id, id, conversation_id, persona_id, turn_id, parent_id, position, role, text, created_at,
            response_time_s, typing_stops, quarantined
        from messages where user_id = %s and embedding is null order by id limit %s
        """,
        (user_id, limit),
    )
    return [Message(*row) async for row in cursor]


async def _export(conn: Connection, user_id: UUID, *, table: str, columns: str) -> list[dict[str, Any]]:
    shown: list[sql.Composable] = [sql.Identifier(column) for column in columns.split()]
    if table == "messages":
        shown.append(sql.SQL("role = 'assistant' and not by_human as ai_generated"))
    query = sql.SQL("select {} from {} where user_id = %s").format(sql.SQL(", ").join(shown), sql.Identifier(table))
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query, [user_id])
        return await cursor.fetchall()


async def _erase(conn: Connection, user_id: UUID, *, table: str) -> int:
    query = sql.SQL("delete from {} where user_id = %s").format(sql.Identifier(table))
    return (await conn.execute(query, [user_id])).rowcount


Export = Callable[[Connection, UUID], Awaitable[list[dict[str, Any]]]]
Erase = Callable[[Connection, UUID], Awaitable[int]]

_COLUMNS = {
    "conversations": "id persona_id opened_at last_at closed_at title summary",
    "messages": "id conversation_id persona_id turn_id position role text created_at response_time_s typing_stops"
    " quarantined active forgotten_at model persona_version by_human",
    "memories": "id persona_id kind text source_message_ids confidence sensitivity pinned made_by valid_from valid_to"
    " superseded_by forgotten_at created_at last_used_at use_count tier",
    "imported_messages": "message_id",
    "recall_streams": "persona_id next_seq",
    "recall_blocks": "persona_id",
}
"""What an export shows of each table; vectors and indexes are made from the words and say nothing more."""

HOLDINGS: dict[str, tuple[Export, Erase]] = {
    "memory_changes": (changes_store.export_changes, changes_store.erase_changes),
    **summaries_store.HOLDINGS,
    **{
        table: (partial(_export, table=table, columns=columns), partial(_erase, table=table))
        for table, columns in _COLUMNS.items()
    },
}
