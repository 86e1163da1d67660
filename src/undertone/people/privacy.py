"""Everything held about a person, given out or deleted, whichever room holds it.

    register("messages", export=..., erase=...)          # each room's tables, while the app is wired
    await export_person(conn, user_id)
    await erase_person(conn, user_id)

A house test compares `registered_tables()` with the tables that have a `user_id`. Tables are erased in no particular
order, the person's own row last: a foreign key between two of them must cascade or be deferred. Knows no other room.
"""

import dataclasses
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from uuid import UUID

from undertone.errors import NotFound
from undertone.people import store
from undertone.resources import Connection

Export = Callable[[Connection, UUID], Awaitable[list[dict[str, Any]]]]
Erase = Callable[[Connection, UUID], Awaitable[int]]

_holdings: dict[str, tuple[Export, Erase]] = {}


def register(table: str, export: Export, erase: Erase) -> None:
    """Say how a table's rows about a person are read (JSON-ready, secrets and hashes left out) and deleted.

    Registering the same again changes nothing; other functions for a known table are a mistake in the wiring.
    """
    known = _holdings.setdefault(table, (export, erase))
    if known != (export, erase):
        raise ValueError(f"{table} is registered twice, with different functions")


def registered_tables() -> frozenset[str]:
    """The tables that export and erase reach."""
    return frozenset(_holdings)


async def export_person(conn: Connection, user_id: UUID) -> dict[str, list[dict[str, Any]]]:
    """Every row held about the person, by table. Raises NotFound."""
    exported = {table: await export(conn, user_id) for table, (export, _) in sorted(_holdings.items())}
    if not exported["users"]:
        raise NotFound("Nothing is held about this person.")
    return exported


async def erase_person(conn: Connection, user_id: UUID) -> dict[str, int]:
    """Delete every row about the person in one transaction; rows deleted by table. Raises NotFound.

    The person's row is held first, so that nothing that refers to it can be written meanwhile, and goes last. Tables go
    in the order they were registered: turns before what a turn writes, so that a reply that ends just now does not wait
    for us while we wait for it.
    """
    async with conn.transaction():
        if not await store.lock_user(conn, user_id):
            raise NotFound("Nothing is held about this person.")
        others = [(table, erase) for table, (_, erase) in _holdings.items() if table != "users"]
        erased = {table: await erase(conn, user_id) for table, erase in others}
        erased["users"] = await store.erase_rows(conn, user_id, table="users")
    return erased


async def _export_consents(conn: Connection, user_id: UUID) -> list[dict[str, Any]]:
    return [dataclasses.asdict(answer) for answer in await store.list_answers(conn, user_id)]


register("users", store.export_user, partial(store.erase_rows, table="users"))
register("tokens", store.export_tokens, partial(store.erase_rows, table="tokens"))
register("consents", _export_consents, partial(store.erase_rows, table="consents"))
register("age_assertions", store.export_assertions, partial(store.erase_rows, table="age_assertions"))
