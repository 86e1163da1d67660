"""The demo month: the same for a seed, counted by every report, marked, and gone without a trace."""

from datetime import UTC, datetime, timedelta

import pytest

from house import open_house
from undertone.analytics import person_days, run_report
from undertone.app import wire_privacy
from undertone.db import Pool
from undertone.errors import Conflict
from undertone.guardrails.reports import notices
from undertone.llm.embedder import MiniLM
from undertone.ops import demo, demo_talks
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
        cursor = await conn.execute("select state from incidents order by opened_at")
        states = [state for (state,) in await cursor.fetchall()]
        assert states == list(demo.INCIDENTS)[: len(states)]
        assert "closed" in states
        people = await run_report(conn, "types", datetime(2026, 4, 1, tzinfo=UTC).date(), NOW.date())
        shown = {row[0] for row in people.rows}
        assert shown == {label for label, share in demo.TYPES.items() if round(40 * share) >= 11}, "groups of ten"
        told = await notices(conn, NOW - timedelta(days=40), NOW)
        assert (told.at_start, told.when_asked) == (1.0, 1.0)
        assert told.asked > 0
        kept = await identity.find_or_create_user(conn, "anna")
    with pytest.raises(Conflict, match="--remove"):
        await demo.fill(db, seed=1, people=40, now=NOW, say=hush)
    assert await demo.clear(db, say=hush) == 40
    async with db.connection() as conn:
        tables = [
            "events",
            "outcomes",
            "user_metrics",
            "user_totals",
            "daily_totals",
            "consents",
            "sessions",
            "visit_hours",
            "incidents",
        ]
        for table in tables:
            cursor = await conn.execute(f"select count(*) from {table}")  # pyright: ignore[reportArgumentType, reportCallIssue]
            assert await cursor.fetchone() == (0,), table
        assert (await identity.find_user(conn, "anna")).user_id == kept.user_id
    assert await demo.fill(db, seed=1, people=40, now=NOW, say=hush) == made
    async with db.connection() as conn:
        report = await run_report(conn, "visits", datetime(2026, 4, 1, tzinfo=UTC).date(), NOW.date())
        assert sum(row[1] + row[5] for row in report.rows) == made.visits


async def test_a_few_people_talk_through_the_engine_and_their_days_lie_apart(dsn: str, embedder: MiniLM) -> None:
    async with open_house(dsn, embedder) as house:
        now = demo.today()
        made = await demo.fill(house.db, seed=1, people=5, now=now, say=hush, engine=house.engine)
        said = sum(len(talk["says"]) for person in demo_talks.script().values() for talk in person["talks"])
        assert made.turns == said
        anna = house.person("demo-anna")
        conversations = await anna.get("/v1/conversations")
        days = [(now - datetime.fromisoformat(c["opened_at"])).days for c in conversations]
        planned = [talk["ago"] for talk in reversed(demo_talks.script()["anna"]["talks"])]
        assert all(abs(lived - wanted) <= 1 for lived, wanted in zip(days, planned, strict=True))
        roles = [role for role, _ in await anna.messages(conversations[0]["id"])]
        assert roles == ["user", "assistant"] * 2
        assert (await anna.get("/v1/users/demo-anna"))["profile"]["messages"] == 8
        async with house.db.connection() as conn:
            days_told = await person_days(
                conn, (await identity.find_user(conn, "demo-anna")).user_id, now.date() - timedelta(days=31), now.date()
            )
            assert len(days_told.rows) == 3
            cursor = await conn.execute("select count(*) from referral_ledger")
            assert await cursor.fetchone() == (0,)
        assert await demo.clear(house.db, say=hush) == 5 + len(demo_talks.script())
