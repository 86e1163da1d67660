"""The SQL of personas' versions, their card files, and the consents of the people they are modelled on.

A version is never changed once stored: turns name the one they ran with. Knows nothing of what a persona says.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row

from undertone.engine.store import PersonaRow
from undertone.resources import Connection


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One version in a persona's history."""

    version: int
    active: bool
    author: str
    note: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """One consent of the person a persona is modelled on."""

    id: int
    real_person: str
    covers: list[str]
    statement: str
    recorded_by: str
    granted_at: datetime
    withdrawn_at: datetime | None


async def one_version(conn: Connection, persona_id: str, version: int) -> PersonaRow | None:
    async with conn.cursor(row_factory=class_row(PersonaRow)) as cursor:
        await cursor.execute(
            "select persona_id, version, card from personas where persona_id = %s and version = %s",
            [persona_id, version],
        )
        return await cursor.fetchone()


async def versions(conn: Connection, persona_id: str) -> list[VersionRow]:
    """Newest first."""
    async with conn.cursor(row_factory=class_row(VersionRow)) as cursor:
        await cursor.execute(
            "select version, active, author, note, created_at from personas where persona_id = %s"
            " order by version desc",
            [persona_id],
        )
        return await cursor.fetchall()


async def hold(conn: Connection, persona_id: str) -> int:
    """Let nobody else change this persona until the transaction ends; returns the active version, 0 for none."""
    await conn.execute("select pg_advisory_xact_lock(hashtextextended('persona ' || %s, 0))", [persona_id])
    cursor = await conn.execute("select version from personas where persona_id = %s and active", [persona_id])
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def add_version(conn: Connection, persona_id: str, card: Mapping[str, Any], *, author: str, note: str) -> int:
    """Store the next version and make it the active one. Call `hold` before."""
    await conn.execute("update personas set active = false where persona_id = %s and active", [persona_id])
    cursor = await conn.execute(
        "insert into personas (persona_id, version, active, card, author, note)"
        " select %s, coalesce(max(version), 0) + 1, true, %s, %s, %s from personas where persona_id = %s"
        " returning version",
        [persona_id, json.dumps(card), author, note, persona_id],
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def activate(conn: Connection, persona_id: str, version: int) -> None:
    """Make a stored version the active one. Call `hold` before."""
    await conn.execute("update personas set active = false where persona_id = %s and active", [persona_id])
    await conn.execute(
        "update personas set active = true where persona_id = %s and version = %s", [persona_id, version]
    )


async def keep_file(conn: Connection, persona_id: str, version: int, source: bytes) -> None:
    await conn.execute(
        "insert into persona_files (persona_id, version, source) values (%s, %s, %s)", [persona_id, version, source]
    )


async def file_for(conn: Connection, persona_id: str, version: int) -> bytes | None:
    """The newest card file at or before a version: an edited persona still descends from the card it came as."""
    cursor = await conn.execute(
        "select source from persona_files where persona_id = %s and version <= %s order by version desc limit 1",
        [persona_id, version],
    )
    row = await cursor.fetchone()
    return bytes(row[0]) if row else None


async def add_consent(
    conn: Connection, persona_id: str, real_person: str, covers: Sequence[str], *, statement: str, recorded_by: str
) -> None:
    await conn.execute(
        "insert into persona_consents (persona_id, real_person, covers, statement, recorded_by)"
        " values (%s, %s, %s, %s, %s)",
        [persona_id, real_person, list(covers), statement, recorded_by],
    )


async def withdraw_consents(conn: Connection, persona_id: str, real_person: str) -> int:
    """End all that stands; returns how many."""
    cursor = await conn.execute(
        "update persona_consents set withdrawn_at = now()"
        " where persona_id = %s and real_person = %s and withdrawn_at is null",
        [persona_id, real_person],
    )
    return cursor.rowcount


async def consents(conn: Connection, persona_id: str) -> list[ConsentRow]:
    """All there ever were, newest first."""
    async with conn.cursor(row_factory=class_row(ConsentRow)) as cursor:
        await cursor.execute(
            "select id, real_person, covers, statement, recorded_by, granted_at, withdrawn_at from persona_consents"
            " where persona_id = %s order by id desc",
            [persona_id],
        )
        return await cursor.fetchall()


async def covered(conn: Connection) -> set[tuple[str, str, str]]:
    """(persona, real person, what) of every consent that stands."""
    cursor = await conn.execute(
        "select persona_id, real_person, unnest(covers) from persona_consents where withdrawn_at is null"
    )
    return {(str(row[0]), str(row[1]), str(row[2])) for row in await cursor.fetchall()}
