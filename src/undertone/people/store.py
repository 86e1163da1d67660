"""The people room's rows: users, api keys, tokens, consents, age assertions.

Each function takes a connection first, runs one statement and hands back a frozen dataclass; the caller owns the
transaction. Knows hashes, never secrets, and decides nothing: what a row means is said in identity, consent and age.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString
from uuid import UUID

from psycopg.rows import TupleRow, dict_row
from psycopg.sql import SQL, Identifier

from undertone.resources import Connection


@dataclass(frozen=True, slots=True)
class User:
    """One person as the platform names them."""

    user_id: UUID
    external_id: str
    country: str | None
    """ISO 3166-1 alpha-2, upper case; None when unknown."""
    language: str | None
    """BCP 47 tag; None when unknown."""
    created_at: datetime


@dataclass(frozen=True, slots=True)
class UserState:
    """A user with what is on record about their consents and age."""

    user: User
    answers: Mapping[str, bool]
    """The newest explicit answer by purpose."""
    proven_adult: bool
    """A valid positive age assertion stands, and no negative one outweighs it."""
    refuted_adult: bool
    """A negative age assertion was ever received."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key without its secret."""

    id: str
    name: str
    scopes: tuple[str, ...]
    attests: tuple[str, ...]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Token:
    """A live end-user token, or a link just redeemed."""

    user_id: UUID
    external_id: str
    key_id: str | None
    attests: tuple[str, ...]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class AgeAssertion:
    """What an age-assurance provider signed about one person."""

    adult: bool
    method: str
    strength: int
    """2 where a document or an account proves it, 1 where it is an estimate."""
    issuer: str
    asserted_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """One yes or no a person gave."""

    purpose: str
    version: str
    granted: bool
    source: str
    at: datetime


# --- users ---------------------------------------------------------------------------------------------------------


async def load_or_create(conn: Connection, external_id: str, new_id: UUID) -> UserState:
    """The user with that external id and their standing, in one round trip; `new_id` is used when they are new."""
    query = """
        with made as (
            insert into users (user_id, external_id)
            select %(new_id)s, %(external_id)s
            where not exists (select from users where external_id = %(external_id)s)
            on conflict (external_id) do nothing
            returning user_id, external_id, country, language, created_at
        )
        select user_id, external_id, country, language, created_at, answers, proven_adult, refuted_adult
        from standings where external_id = %(external_id)s
        union all
        select user_id, external_id, country, language, created_at, '{}', false, false from made
    """
    values = {"new_id": new_id, "external_id": external_id}
    row = await (await conn.execute(query, values)).fetchone()
    if row is None:
        # Another transaction made them after our snapshot was taken; a second look sees the row.
        row = await (await conn.execute(query, values)).fetchone()
    assert row is not None
    return UserState(User(*row[:5]), *row[5:])


async def load_state(conn: Connection, user_id: UUID) -> UserState | None:
    """A known user and their standing, in one round trip."""
    row = await (
        await conn.execute(
            """
            select user_id, external_id, country, language, created_at, answers, proven_adult, refuted_adult
            from standings where user_id = %s
            """,
            (user_id,),
        )
    ).fetchone()
    return UserState(User(*row[:5]), *row[5:]) if row else None


async def find_user(conn: Connection, external_id: str) -> User | None:
    row = await (
        await conn.execute(
            "select user_id, external_id, country, language, created_at from users where external_id = %s",
            (external_id,),
        )
    ).fetchone()
    return User(*row) if row else None


async def describe_user(conn: Connection, user_id: UUID, country: str | None, language: str | None) -> None:
    await conn.execute("update users set country = %s, language = %s where user_id = %s", (country, language, user_id))


# --- keys and tokens -----------------------------------------------------------------------------------------------


async def add_key(
    conn: Connection, key_id: str, name: str, digest: bytes, scopes: Collection[str], attests: Collection[str]
) -> None:
    await conn.execute(
        "insert into api_keys (id, name, hash, scopes, attests) values (%s, %s, %s, %s, %s)",
        (key_id, name, digest, sorted(scopes), sorted(attests)),
    )


async def use_key(conn: Connection, digest: bytes) -> ApiKey | None:
    """The live key with that hash; notes its use at most once an hour, so that reading stays reading."""
    row = await (
        await conn.execute(
            """
            with found as (
                select id, name, scopes, attests, created_at, last_used_at, revoked_at
                from api_keys where hash = %s and revoked_at is null
            ), noted as (
                update api_keys set last_used_at = now() from found
                where api_keys.id = found.id
                and (found.last_used_at is null or found.last_used_at < now() - interval '1 hour')
            )
            select id, name, scopes, attests, created_at, last_used_at, revoked_at from found
            """,
            (digest,),
        )
    ).fetchone()
    return _api_key(row) if row else None


async def list_keys(conn: Connection) -> list[ApiKey]:
    """Every key, oldest first, the revoked ones too."""
    cursor = await conn.execute(
        """
        select id, name, scopes, attests, created_at, last_used_at, revoked_at
        from api_keys order by created_at, id
        """
    )
    return [_api_key(row) for row in await cursor.fetchall()]


async def revoke_key(conn: Connection, key_id: str) -> bool:
    """False when there is no such key. Revoking twice keeps the first time."""
    cursor = await conn.execute("update api_keys set revoked_at = coalesce(revoked_at, now()) where id = %s", (key_id,))
    return cursor.rowcount == 1


async def add_token(
    conn: Connection,
    user_id: UUID,
    digest: bytes,
    kind: Literal["person", "link"],
    expires_at: datetime,
    key_id: str | None,
    attests: Collection[str],
) -> None:
    """Store a token's hash; the person's expired ones go at the same time."""
    await conn.execute(
        """
        with swept as (delete from tokens where user_id = %(user_id)s and expires_at < now())
        insert into tokens (user_id, hash, kind, expires_at, key_id, attests)
        values (%(user_id)s, %(digest)s, %(kind)s, %(expires_at)s, %(key_id)s, %(attests)s)
        """,
        {
            "user_id": user_id,
            "digest": digest,
            "kind": kind,
            "expires_at": expires_at,
            "key_id": key_id,
            "attests": sorted(attests),
        },
    )


async def find_token(conn: Connection, user_id: UUID, digest: bytes) -> Token | None:
    """A live end-user token whose issuing key, if any, was not revoked."""
    row = await (
        await conn.execute(
            """
            select t.user_id, u.external_id, t.key_id, t.attests, t.expires_at
            from tokens t join users u using (user_id) left join api_keys k on k.id = t.key_id
            where t.user_id = %s and t.hash = %s and t.kind = 'person'
            and t.expires_at > now() and k.revoked_at is null
            """,
            (user_id, digest),
        )
    ).fetchone()
    return _token(row) if row else None


async def use_link(conn: Connection, user_id: UUID, digest: bytes) -> Token | None:
    """Mark a link as used and return it; None when it is unknown, expired or was used before."""
    row = await (
        await conn.execute(
            """
            update tokens t set used_at = now() from users u
            where u.user_id = t.user_id and t.user_id = %s and t.hash = %s and t.kind = 'link'
            and t.used_at is null and t.expires_at > now()
            returning t.user_id, u.external_id, t.key_id, t.attests, t.expires_at
            """,
            (user_id, digest),
        )
    ).fetchone()
    return _token(row) if row else None


async def delete_token(conn: Connection, user_id: UUID, digest: bytes) -> None:
    await conn.execute("delete from tokens where user_id = %s and hash = %s", (user_id, digest))


def _api_key(row: TupleRow) -> ApiKey:
    key_id, name, scopes, attests, *times = row
    return ApiKey(key_id, name, tuple(scopes), tuple(attests), *times)


def _token(row: TupleRow) -> Token:
    user_id, external_id, key_id, attests, expires_at = row
    return Token(user_id, external_id, key_id, tuple(attests), expires_at)


# --- consents and age ----------------------------------------------------------------------------------------------


async def add_answer(conn: Connection, user_id: UUID, purpose: str, version: str, granted: bool, source: str) -> Answer:
    row = await (
        await conn.execute(
            """
            insert into consents (user_id, purpose, version, granted, source) values (%s, %s, %s, %s, %s)
            returning purpose, version, granted, source, at
            """,
            (user_id, purpose, version, granted, source),
        )
    ).fetchone()
    assert row is not None
    return Answer(*row)


async def list_answers(conn: Connection, user_id: UUID) -> list[Answer]:
    """Every answer the person ever gave, oldest first."""
    cursor = await conn.execute(
        "select purpose, version, granted, source, at from consents where user_id = %s order by n", (user_id,)
    )
    return [Answer(*row) for row in await cursor.fetchall()]


async def add_assertion(conn: Connection, user_id: UUID, digest: bytes, assertion: AgeAssertion) -> None:
    """Store what a provider signed; the same assertion sent again changes nothing."""
    await conn.execute(
        """
        insert into age_assertions (user_id, digest, adult, method, strength, issuer, asserted_at, expires_at)
        values (%s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing
        """,
        (
            user_id,
            digest,
            assertion.adult,
            assertion.method,
            assertion.strength,
            assertion.issuer,
            assertion.asserted_at,
            assertion.expires_at,
        ),
    )


# --- export and erase ----------------------------------------------------------------------------------------------


async def export_user(conn: Connection, user_id: UUID) -> list[dict[str, Any]]:
    return await _dicts(
        conn,
        "select user_id, external_id, country, language, created_at from users where user_id = %s",
        user_id,
    )


async def export_tokens(conn: Connection, user_id: UUID) -> list[dict[str, Any]]:
    return await _dicts(
        conn,
        "select kind, key_id, attests, created_at, expires_at, used_at from tokens where user_id = %s order by 4",
        user_id,
    )


async def export_assertions(conn: Connection, user_id: UUID) -> list[dict[str, Any]]:
    return await _dicts(
        conn,
        """
        select adult, method, issuer, asserted_at, expires_at, received_at
        from age_assertions where user_id = %s order by asserted_at
        """,
        user_id,
    )


async def erase_rows(
    conn: Connection, user_id: UUID, *, table: Literal["tokens", "consents", "age_assertions", "users"]
) -> int:
    query = SQL("delete from {} where user_id = %s").format(Identifier(table))
    return (await conn.execute(query, (user_id,))).rowcount


async def lock_user(conn: Connection, user_id: UUID) -> bool:
    """Hold the person's row until the transaction ends; False when there is none."""
    cursor = await conn.execute("select from users where user_id = %s for update", (user_id,))
    return cursor.rowcount == 1


async def hold_user(conn: Connection, user_id: UUID) -> bool:
    """Keep the person from being erased until the transaction ends, side by side with others; False when erased."""
    cursor = await conn.execute("select from users where user_id = %s for key share", (user_id,))
    return cursor.rowcount == 1


async def _dicts(conn: Connection, query: LiteralString, user_id: UUID) -> list[dict[str, Any]]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query, (user_id,))
        return await cursor.fetchall()
