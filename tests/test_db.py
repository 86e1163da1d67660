"""The pool and the transaction."""

import psycopg
import pytest

from undertone.db import Pool, open_pool, transaction
from undertone.errors import NotReady


async def test_a_transaction_keeps_all_or_nothing(db: Pool) -> None:
    async with transaction(db) as conn:
        await conn.execute("create table kept (n int)")
        await conn.execute("insert into kept values (1)")
    with pytest.raises(psycopg.errors.DivisionByZero):
        await _insert_and_fail(db)
    async with db.connection() as conn:
        assert await (await conn.execute("select n from kept")).fetchall() == [(1,)]


async def _insert_and_fail(db: Pool) -> None:
    async with transaction(db) as conn:
        await conn.execute("insert into kept values (2)")
        await conn.execute("select 1 / 0")


async def test_the_session_is_set_up(db: Pool) -> None:
    async with db.connection() as conn:
        row = await (
            await conn.execute(
                "select current_setting('statement_timeout'), current_setting('timezone'),"
                " current_setting('search_path')"
            )
        ).fetchone()
    assert row == ("30s", "UTC", "public")


async def test_through_a_pooler_nothing_is_prepared_or_set(dsn: str) -> None:
    pool = await open_pool(dsn, through_pooler=True)
    async with pool.connection() as conn:
        for _ in range(10):
            await conn.execute("select %s::int", (1,))
        prepared = await (await conn.execute("select count(*) from pg_prepared_statements")).fetchone()
        timeout = await (await conn.execute("show statement_timeout")).fetchone()
    await pool.close()
    assert (prepared, timeout) == ((0,), ("0",))


async def test_a_connection_the_server_closed_is_replaced_unseen(dsn: str) -> None:
    pool = await open_pool(dsn, max_size=1)
    async with pool.connection() as conn:
        victim = conn.info.backend_pid
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as other:
        await other.execute("select pg_terminate_backend(%s, 5000)", (victim,))
    async with transaction(pool) as conn:
        assert conn.info.backend_pid != victim
    await pool.close()


async def test_no_server_is_a_clear_error() -> None:
    with pytest.raises(NotReady, match="does not answer"):
        await open_pool("postgresql://nobody@127.0.0.1:1/nothing")
