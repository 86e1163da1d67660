"""The pool, the transaction, the migrations: all that Undertone asks of PostgreSQL itself.

    pool = await open_pool(dsn)
    async with transaction(pool) as conn: ...      # writes: all or nothing
    async with pool.connection() as conn: ...      # reads: connections are in autocommit

`migrate(dsn)` brings a database up to date; it is blocking and safe to run from several replicas at once.
Knows no table but its own two (`migrations`, `fixed_settings`); a room's SQL is in its store.py.
"""

import hashlib
import os
import re
import select
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import LiteralString, cast

import psycopg
from psycopg import AsyncConnection, conninfo, sql
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from undertone.errors import Conflict, NotReady
from undertone.observability import get_logger

Connection = AsyncConnection[TupleRow]
Pool = AsyncConnectionPool[Connection]

MIGRATION_LOCK = 7_236_170_114
"""Key of the advisory lock that replicas queue on while they migrate."""
CHECKOUT_TIMEOUT_S = 10.0
SESSION_OPTIONS = (
    "-c search_path=public -c timezone=UTC -c statement_timeout=30s"
    " -c lock_timeout=10s -c idle_in_transaction_session_timeout=60s"
)

log = get_logger(__name__)


async def open_pool(dsn: str, min_size: int = 1, max_size: int = 10, through_pooler: bool = False) -> Pool:
    """Open a pool of autocommit connections to `dsn`; close it with `await pool.close()`.

    `through_pooler` is for pgbouncer in transaction mode: no prepared statements (pgbouncer before 1.21 breaks them)
    and no session settings (set them on the database role there). Raises NotReady when the server does not answer.
    """
    settings: dict[str, object] = {"autocommit": True, "prepare_threshold": None if through_pooler else 5}
    if not through_pooler:
        settings["options"] = f"{SESSION_OPTIONS} {conninfo.conninfo_to_dict(dsn).get('options', '')}".strip()
    try:
        async with await AsyncConnection.connect(dsn, connect_timeout=10):
            pass
    except psycopg.OperationalError as error:
        raise NotReady(_no_answer(error)) from error
    pool = AsyncConnectionPool(
        dsn,
        connection_class=AsyncConnection[TupleRow],
        kwargs=settings,
        min_size=min_size,
        max_size=max_size,
        timeout=CHECKOUT_TIMEOUT_S,
        check=_still_open,
        open=False,
    )
    await pool.open(wait=True)
    return pool


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncGenerator[Connection]:
    """A connection inside a transaction: committed at the end, rolled back by an exception.

    Raises NotReady when no connection is free within CHECKOUT_TIMEOUT_S.
    """
    try:
        conn = await pool.getconn()
    except PoolTimeout as error:
        raise NotReady("The database is too busy or does not answer. Try again in a moment.", retry_after=5) from error
    try:
        async with conn.transaction():
            yield conn
    finally:
        await pool.putconn(conn)


async def clock(conn: Connection) -> datetime:
    """The database's clock, which all replicas share."""
    row = await (await conn.execute("select clock_timestamp()")).fetchone()
    assert row is not None
    return row[0]


async def ping(pool: Pool, timeout_s: float = 2.0) -> None:
    """Ask the database for a sign of life. Raises NotReady when none comes."""
    try:
        async with pool.connection(timeout=timeout_s) as conn:
            await conn.execute("select 1")
    except psycopg.Error as error:
        raise NotReady("The database does not answer.") from error


def versions(dsn: str) -> tuple[str, str]:
    """PostgreSQL's version and pgvector's, "none" where it is not installed."""
    with psycopg.connect(dsn) as conn:
        server = conn.execute("select current_setting('server_version')").fetchone()
        vector = conn.execute("select extversion from pg_extension where extname = 'vector'").fetchone()
    return (str(server[0]) if server else "unknown", str(vector[0]) if vector else "none")


@contextmanager
def scratch_database(dsn: str) -> Generator[str]:
    """The address of a new, migrated database on the same server, dropped at the end.

    Raises NotReady where this account may not create one.
    """
    dbname = f"undertone_scratch_{os.getpid()}"
    name = sql.Identifier(dbname)
    try:
        with psycopg.connect(dsn, autocommit=True) as admin:
            admin.execute(sql.SQL("create database {}").format(name))
    except psycopg.errors.InsufficientPrivilege as error:
        raise NotReady("This account may not create a database, which measuring needs. Grant it CREATEDB.") from error
    scratch = conninfo.make_conninfo(dsn, dbname=dbname)
    try:
        migrate(scratch)
        yield scratch
    finally:
        with psycopg.connect(dsn, autocommit=True) as admin:
            admin.execute(sql.SQL("drop database {} with (force)").format(name))


async def _still_open(conn: Connection) -> None:
    """Notice a connection the server closed while it lay idle, without a round trip: only a dead one has news."""
    news = select.poll()
    news.register(conn.fileno(), select.POLLIN)
    if news.poll(0):
        await AsyncConnectionPool.check_connection(conn)


def migrate(dsn: str, on_step: Callable[[str], None] | None = None, recall_dimension: int = 384) -> list[str]:
    """Apply every migration the database lacks, each in its own transaction; return their names.

    `{{recall_dimension}}` in a file becomes `recall_dimension`, the width of recall's vectors, fixed by the first run.
    Raises NotReady (no server, no pgvector, a migration that fails) or Conflict (an applied file was edited, or another
    dimension was fixed before).
    """
    applied_now: list[str] = []
    try:
        with psycopg.connect(dsn, autocommit=True, connect_timeout=10) as conn:
            conn.execute("select pg_advisory_lock(%s)", (MIGRATION_LOCK,))
            _create_books(conn)
            _fix_setting(conn, "recall_dimension", str(recall_dimension))
            known = dict(conn.execute("select name, sha256 from migrations").fetchall())
            for migration in _migrations():
                if migration.name in known:
                    migration.refuse_if_edited(known[migration.name])
                    continue
                if on_step and migration.ours:
                    on_step(f"Migrating: {migration.name}")
                _apply(conn, migration, recall_dimension)
                applied_now.append(migration.name)
    except psycopg.OperationalError as error:
        raise NotReady(_no_answer(error)) from error
    return applied_now


@dataclass(frozen=True, slots=True)
class _Migration:
    name: str
    text: str
    ours: bool
    """False for procrastinate's own files, whose later edits are its business."""

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    def refuse_if_edited(self, applied_sha256: str) -> None:
        if self.ours and applied_sha256 != self.sha256:
            raise Conflict(
                f"Migration {self.name} was edited after it was applied to this database. "
                "Put the file back as it was and write a new migration for the change."
            )


def _migrations() -> Iterator[_Migration]:
    """procrastinate's files by their version, then ours by their number."""
    theirs = files("procrastinate") / "sql" / "migrations"
    for file in sorted(theirs.iterdir(), key=lambda f: f.name):
        if file.name.endswith(".sql"):
            yield _Migration(f"procrastinate/{file.name}", file.read_text(encoding="utf-8"), ours=False)
    for file in sorted(files("undertone.migrations").iterdir(), key=lambda f: f.name):
        if re.fullmatch(r"\d{4}_\w+\.sql", file.name):
            yield _Migration(file.name, file.read_text(encoding="utf-8"), ours=True)


def _create_books(conn: psycopg.Connection[TupleRow]) -> None:
    """pgvector, and the two tables that say what was done to this database."""
    try:
        conn.execute("create extension if not exists vector")
    except psycopg.errors.InsufficientPrivilege as error:
        raise NotReady(
            'This account may not create the extension "vector". Have an administrator run '
            "CREATE EXTENSION vector in this database once, then try again."
        ) from error
    except (psycopg.errors.FeatureNotSupported, psycopg.errors.UndefinedFile) as error:
        raise NotReady(
            "This PostgreSQL has no pgvector. Install pgvector 0.7 or later on the server "
            "(a package such as postgresql-18-pgvector), or unset DATABASE_URL to use the embedded one."
        ) from error
    conn.execute(
        """
        create table if not exists migrations (
            name text primary key,
            sha256 text not null,
            applied_at timestamptz not null default now()
        )
        """
    )
    conn.execute("create table if not exists fixed_settings (name text primary key, value text not null)")


def _fix_setting(conn: psycopg.Connection[TupleRow], name: str, value: str) -> None:
    """Write `value` the first time, and refuse another one ever after."""
    conn.execute("insert into fixed_settings (name, value) values (%s, %s) on conflict do nothing", (name, value))
    row = conn.execute("select value from fixed_settings where name = %s", (name,)).fetchone()
    if row is not None and row[0] != value:
        raise Conflict(
            f"This database was made with {name} {row[0]} and is now asked for {value}. Use the setting it was made "
            "with, or start with a new database."
        )


def _apply(conn: psycopg.Connection[TupleRow], migration: _Migration, recall_dimension: int) -> None:
    text = migration.text.replace("{{recall_dimension}}", str(recall_dimension))
    try:
        with conn.transaction():
            conn.execute(cast(LiteralString, text))
            conn.execute("insert into migrations (name, sha256) values (%s, %s)", (migration.name, migration.sha256))
    except psycopg.Error as error:
        raise NotReady(f"Migration {migration.name} failed and nothing of it was kept: {error}") from error


def _no_answer(error: psycopg.OperationalError) -> str:
    return f"PostgreSQL does not answer. Check DATABASE_URL and that the server runs. It said: {error}"
