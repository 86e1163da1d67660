"""The rows behind operators' cookies and one-time links. Knows hashes, never secrets."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from psycopg.rows import class_row

from undertone.resources import Connection


@dataclass(frozen=True, slots=True)
class SignIn:
    """A live sign-in and what it opens: what its key opens now, or its own scopes where there is no key."""

    key_id: str | None
    scopes: list[str]
    expires_at: datetime


async def add(
    conn: Connection,
    digest: bytes,
    kind: Literal["cookie", "link"],
    key_id: str | None,
    scopes: Collection[str],
    expires_at: datetime,
) -> None:
    """Keep one; those that have ended go at the same time."""
    await conn.execute(
        """
        with swept as (delete from operator_sign_ins where expires_at < now())
        insert into operator_sign_ins (hash, kind, key_id, scopes, expires_at) values (%s, %s, %s, %s, %s)
        """,
        [digest, kind, key_id, sorted(scopes), expires_at],
    )


async def use_link(conn: Connection, digest: bytes) -> list[str] | None:
    """Use a link up: its scopes, or None when it is unknown, old or gone."""
    cursor = await conn.execute(
        "delete from operator_sign_ins where hash = %s and kind = 'link' and expires_at > now() returning scopes",
        [digest],
    )
    row = await cursor.fetchone()
    return row[0] if row else None


async def find(conn: Connection, digest: bytes) -> SignIn | None:
    """A live cookie whose key, if it has one, was not revoked."""
    async with conn.cursor(row_factory=class_row(SignIn)) as cursor:
        await cursor.execute(
            """
            select s.key_id, coalesce(k.scopes, s.scopes) as scopes, s.expires_at
            from operator_sign_ins s left join api_keys k on k.id = s.key_id
            where s.hash = %s and s.kind = 'cookie' and s.expires_at > now() and k.revoked_at is null
            """,
            [digest],
        )
        return await cursor.fetchone()


async def remove(conn: Connection, digest: bytes) -> None:
    """End one."""
    await conn.execute("delete from operator_sign_ins where hash = %s", [digest])
