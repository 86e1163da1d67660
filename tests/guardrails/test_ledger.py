"""The referral ledger: it counts, it refuses changes, and it shows the ones forced on it."""

import asyncio
from datetime import date

import pytest
from psycopg import errors

from undertone.guardrails import ledger
from undertone.resources import Connection, Pool

DAY = date(2026, 5, 4)


async def test_counts_by_year_and_kind(conn: Connection) -> None:
    for kind, day in (("suicidal", DAY), ("suicidal", DAY), ("abuse", DAY), ("abuse", date(2025, 12, 31))):
        await ledger.record_referral(conn, day, kind=kind, country="us")
    assert await ledger.yearly_counts(conn, 2026) == {"abuse": 1, "suicidal": 2, "total": 3}
    assert (await ledger.verify(conn)).count == 4


async def test_an_empty_ledger_is_whole(conn: Connection) -> None:
    assert await ledger.verify(conn) == ledger.Proof(0, ledger.FIRST.hex())


@pytest.mark.parametrize(
    "change", ["update referral_ledger set kind = 'x'", "delete from referral_ledger", "truncate referral_ledger"]
)
async def test_the_database_refuses_changes(conn: Connection, change: str) -> None:
    await ledger.record_referral(conn, DAY, kind="suicidal")
    with pytest.raises(errors.RaiseException, match="append-only"):
        await conn.execute(change)  # pyright: ignore[reportArgumentType, reportCallIssue]


@pytest.mark.parametrize(
    "change",
    ["update referral_ledger set kind = 'eating' where number = 2", "delete from referral_ledger where number = 2"],
)
async def test_a_forced_change_is_found(conn: Connection, change: str) -> None:
    for _ in range(3):
        await ledger.record_referral(conn, DAY, kind="suicidal", country="DE")
    await conn.execute("alter table referral_ledger disable trigger referral_ledger_keeps")
    await conn.execute(change)  # pyright: ignore[reportArgumentType, reportCallIssue]
    with pytest.raises(ledger.LedgerError, match="Line 2"):
        await ledger.verify(conn)


async def test_writers_at_once_make_one_chain(db: Pool) -> None:
    async def write() -> None:
        async with db.connection() as conn:
            await ledger.record_referral(conn, DAY, kind="danger", country="FR")

    await asyncio.gather(*(write() for _ in range(8)))
    async with db.connection() as conn:
        assert (await ledger.verify(conn)).count == 8
