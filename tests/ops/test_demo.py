"""The demo month: the same for a seed, counted by every report, marked, and gone without a trace."""

from datetime import UTC, datetime

import pytest

from undertone.analytics import run_report
from undertone.app import wire_privacy
from undertone.db import Pool
from undertone.errors import Conflict
from undertone.ops import demo
from undertone.people import identity

NOW = datetime(2026, 5, 31, 12, tzinfo=UTC)


def hush(_done: int, _of: int) -> None:
    pass


async def test_a_month_is_made_counted_and_removed(db: Pool) -> None:
    wire_privacy()
    made = await demo.fill(db, seed=1, people=40, now=NOW, say=hush)
    async with db.connection() as conn:
        report = await run_report(conn, "turns", datetime(2026, 4, 1, tzinfo=UTC).date(), NOW.date())
        cursor = await conn.execute("select count(*) from events where kind = 'TurnFinished'")
        assert await cursor.fetchone() == (sum(row[1] for row in report.rows),)
        assert len(report.rows) > 20
        chosen = await run_report(conn, "strategies", datetime(2026, 4, 1, tzinfo=UTC).date(), NOW.date())
        assert sum(row[3] for row in chosen.rows) > 0, "no outcome stands beside its strategy"
        kept = await identity.find_or_create_user(conn, "anna")
    with pytest.raises(Conflict, match="--remove"):
        await demo.fill(db, seed=1, people=40, now=NOW, say=hush)
    assert await demo.clear(db, say=hush) == 40
    async with db.connection() as conn:
        for table in ("events", "outcomes", "user_metrics", "user_totals", "daily_totals", "consents"):
            cursor = await conn.execute(f"select count(*) from {table}")  # pyright: ignore[reportArgumentType, reportCallIssue]
            assert await cursor.fetchone() == (0,), table
        assert (await identity.find_user(conn, "anna")).user_id == kept.user_id
    assert await demo.fill(db, seed=1, people=40, now=NOW, say=hush) == made
