"""Forgetting for good, through every room: the memory with its index, what turns tell of it, what was sent of it.

    await forgetting.forget(conn, user_id, memory_id, sources=True)

Hiding is `memory.hide`; it needs nothing here, since all that is shown looks up its words first.
"""

from datetime import datetime
from uuid import UUID

from undertone import memory
from undertone.engine import sent_store
from undertone.resources import Connection


async def forget(conn: Connection, user_id: UUID, memory_id: UUID, *, sources: bool = False) -> list[UUID]:
    """Delete a memory or a message and all that quotes it, in the caller's transaction. Raises NotFound."""
    ids = await memory.forget(conn, user_id, memory_id, sources=sources)
    await sent_store.forget_in_turns(conn, user_id, ids)
    return ids


async def delete_forgotten(conn: Connection, *, now: datetime) -> int:
    """Delete what was hidden longer ago than it can be taken back; returns how many rows that was."""
    found = await memory.delete_forgotten(conn, now=now)
    for user_id, ids in found.items():
        await sent_store.forget_in_turns(conn, user_id, ids)
    return sum(map(len, found.values()))
