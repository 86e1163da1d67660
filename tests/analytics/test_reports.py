"""Reports against a recount in plain Python, late rows, outcomes, erasure, small groups, and cells that would run."""

import asyncio
import csv
import io
import random
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import numpy
import pytest
from psycopg.types.json import Jsonb
from pyarrow import parquet

from undertone import analytics
from undertone.analytics import Report, add_outcome, roll_up, run_report, set_zone, tables
from undertone.analytics.reports import REPORTS, SMALLEST_GROUP
from undertone.app import wire_privacy
from undertone.db import Connection, Pool, transaction
from undertone.errors import BadInput, Conflict, NotFound
from undertone.people import identity, privacy

FIRST, LAST = date(2026, 5, 1), date(2026, 5, 31)
LABELS = ("LONELY_SINGLE", "MARRIED_GUILTY", "CURIOUS_TOURIST")


@dataclass
class Told:
    """One finished turn, as it is put into the log and counted again."""

    person: UUID
    at: datetime
    data: dict[str, Any]


def turn(person: UUID, at: datetime, **more: Any) -> Told:
    data = {
        "turn_id": str(uuid4()), "conversation_id": str(uuid4()), "state": "done", "strategy": "companion",
        "user_type": "undecided", "mood": "neutral", "valence": 0.0, "engagement": "steady", "memories": 0,
        "model": "grok", "prompt_tokens": 100, "cached_tokens": 50, "completion_tokens": 10, "cost_usd": 0.01,
        "ttft_ms": 200.0,
    }  # fmt: skip
    return Told(person, at, data | more)


async def log(conn: Connection, told: list[Told], kind: str = "TurnFinished") -> None:
    async with conn.cursor() as cursor:
        await cursor.executemany(
            "insert into events (id, user_id, kind, version, at, data) values (%s, %s, %s, 1, %s, %s)",
            [(uuid4(), t.person, kind, t.at, Jsonb(t.data)) for t in told],
        )


async def people(conn: Connection, number: int) -> list[UUID]:
    return [(await identity.find_or_create_user(conn, f"p{n}")).user_id for n in range(number)]


async def rows(conn: Connection, name: str, first: date = FIRST, last: date = LAST) -> list[dict[str, Any]]:
    report = await run_report(conn, name, first, last)
    return [dict(zip(report.columns, row, strict=True)) for row in report.rows]


async def month(conn: Connection, number: int = 60) -> list[Told]:
    """A month of talk, drawn by lot: the same each time."""
    lot = random.Random(7)
    told: list[Told] = []
    for person in await people(conn, number):
        label, after = lot.choice(LABELS), lot.randint(0, 6)
        begins = datetime(2026, 5, lot.randint(1, 20), lot.randint(0, 23), tzinfo=UTC)
        for n in range(lot.randint(1, 25)):
            told += [
                turn(
                    person, begins + timedelta(hours=n * lot.choice([1, 9, 30]), seconds=n),
                    user_type=label if n >= after else "undecided", valence=round(lot.uniform(-1, 1), 3),
                    conversation_id=f"{person}-{n // 4}", state=lot.choice(["done", "done", "stopped", "failed"]),
                    mood=lot.choice(["low", "neutral", "bright"]), memories=lot.choice([0, 0, 3]),
                    cost_usd=lot.choice([0.02, None]), ttft_ms=lot.choice([150.0, 900.0, None]),
                )
            ]  # fmt: skip
    await log(conn, told)
    return told


async def test_reports_agree_with_a_recount(conn: Connection) -> None:
    zone = "Europe/Berlin"
    await set_zone(conn, zone)
    told = await month(conn)
    async with conn.transaction():
        assert await roll_up(conn)
    by_day: dict[date, list[Told]] = defaultdict(list)
    for t in told:
        by_day[t.at.astimezone(ZoneInfo(zone)).date()].append(t)
    shown = {row["day"]: row for row in await rows(conn, "turns", last=date(2026, 7, 31))}
    assert shown.keys() == by_day.keys()
    for day, there in by_day.items():
        states = Counter(t.data["state"] for t in there)
        assert (shown[day]["turns"], shown[day]["failed"]) == (len(there), states["failed"])
    for row in await rows(conn, "active"):
        for days, column in ((1, "day_people"), (7, "week_people"), (30, "month_people")):
            span = {row["day"] - timedelta(days=n) for n in range(days)}
            assert row[column] == len({t.person for day in span & by_day.keys() for t in by_day[day]})
    for row in await rows(conn, "memory"):
        recalled = [t for t in by_day[row["day"]] if t.data["memories"]]
        assert row["with_memories"] == len(recalled)
    for row in await rows(conn, "cost"):
        there = by_day[row["day"]]
        assert float(row["chat_usd"]) == pytest.approx(sum(t.data["cost_usd"] or 0 for t in there))
        assert float(row["cache_hit_rate"]) == 0.5
    for row in await rows(conn, "mood"):
        same = [t.data["valence"] for t in by_day[row["day"]] if t.data["mood"] == row["mood"]]
        assert row["turns"] == len(same)
        assert float(row["valence"]) == pytest.approx(sum(same) / len(same), abs=1e-4)


async def test_types_say_at_which_turn_they_were_known(conn: Connection) -> None:
    told = await month(conn)
    async with conn.transaction():
        await roll_up(conn)
    talks: dict[UUID, list[Told]] = defaultdict(list)
    for t in sorted(told, key=lambda t: t.at):
        talks[t.person].append(t)
    after = {
        person: next((n for n, t in enumerate(talk, 1) if t.data["user_type"] != "undecided"), None)
        for person, talk in talks.items()
    }
    cursor = await conn.execute("select user_id, typed_after from user_totals")
    assert dict(await cursor.fetchall()) == after
    cohorts = {r["week"]: r for r in await rows(conn, "retention") if r["weeks_later"] == 0}
    assert all(row["people"] >= SMALLEST_GROUP and row["share"] == 1 for row in cohorts.values())
    assert cohorts


async def test_a_late_row_lands_in_its_day(db: Pool) -> None:
    async with db.connection() as conn, db.connection() as slow, db.connection() as other:
        anna, ben = await people(conn, 2)
        await log(conn, [turn(anna, datetime(2026, 5, 20, 12, tzinfo=UTC))])
        async with slow.transaction():
            await log(slow, [turn(ben, datetime(2026, 5, 3, 12, tzinfo=UTC))])  # written first, committed last
            await log(conn, [turn(anna, datetime(2026, 5, 21, 12, tzinfo=UTC))])
            async with transaction(db) as work:
                assert await roll_up(work) == [date(2026, 5, 20), date(2026, 5, 21)]
        async with transaction(db) as work:
            assert date(2026, 5, 3) in await roll_up(work)
        assert [(r["day"].day, r["turns"]) for r in await rows(other, "turns")] == [(3, 1), (20, 1), (21, 1)]
        assert {r["day"].day: r["month_people"] for r in await rows(other, "active")}[21] == 2
        async with transaction(db) as work:
            assert await roll_up(work) == []


async def test_two_workers_at_once_count_once(db: Pool) -> None:
    async with db.connection() as conn:
        await month(conn, 20)

    async def run() -> int:
        async with transaction(db) as conn:
            return len(await roll_up(conn))

    await asyncio.gather(*(run() for _ in range(4)))
    async with db.connection() as conn:
        once = {name: await rows(conn, name) for name in REPORTS}
        async with conn.transaction():
            await roll_up(conn, rebuild=True)
        assert {name: await rows(conn, name) for name in REPORTS} == once


async def test_a_restored_database_is_counted_anew(conn: Connection) -> None:
    told = await month(conn, 5)
    await conn.execute("update rollup_state set seen = '900000000000'")
    async with conn.transaction():
        await roll_up(conn)
    assert sum(r["turns"] for r in await rows(conn, "turns", last=date(2026, 7, 31))) == len(told)


async def test_ttft_percentiles_come_within_a_bucket(conn: Connection) -> None:
    (anna,) = await people(conn, 1)
    values = [10.0 * n for n in range(1, 201)]
    at = datetime(2026, 5, 2, tzinfo=UTC)
    await log(conn, [turn(anna, at + timedelta(seconds=n), ttft_ms=v) for n, v in enumerate(values)])
    async with conn.transaction():
        await roll_up(conn)
    (row,) = await rows(conn, "ttft")
    assert float(row["mean_ms"]) == pytest.approx(1005)
    assert float(row["p50_ms"]) == pytest.approx(1000, rel=0.05)
    assert float(row["p95_ms"]) == pytest.approx(1900, rel=0.05)
    assert row["turns"] == 200


async def test_disclosure_counts_turns_begun_without_a_notice(conn: Connection) -> None:
    anna, ben = await people(conn, 2)
    at = datetime(2026, 5, 2, 23, tzinfo=UTC)
    await log(conn, [turn(anna, at)], "TurnStarted")
    await log(conn, [Told(anna, at, {"reason": "start"})], "NoticeShown")
    await log(conn, [turn(anna, at + timedelta(hours=2)), turn(anna, at + timedelta(hours=4))], "TurnStarted")
    await log(conn, [turn(ben, at)], "TurnStarted")
    async with conn.transaction():
        await roll_up(conn)
    assert [(r["day"].day, r["turns"], r["untold"]) for r in await rows(conn, "notices")] == [(2, 2, 1), (3, 2, 1)]


async def test_revenue_intervals_are_those_of_a_bootstrap_by_person(conn: Connection) -> None:
    lot = random.Random(3)
    everyone = await people(conn, 200)
    at = datetime(2026, 5, 10, tzinfo=UTC)
    labels = [LABELS[n % 2] for n in range(195)] + [LABELS[2]] * 5
    await log(conn, [turn(p, at, user_type=label) for p, label in zip(everyone, labels, strict=True)])
    paid = [float(lot.choice([0, 0, 5, 20, 120])) for _ in everyone]
    for n, (person, value) in enumerate(zip(everyone, paid, strict=True)):
        if value:
            await add_outcome(conn, person, "purchase", at=at, value=Decimal(value), currency="EUR", key=str(n))
        if n % 20 == 0:
            await add_outcome(conn, person, "regret", at=at, key=f"r{n}")
    async with conn.transaction():
        await roll_up(conn)
    found = {r["user_type"]: r for r in await rows(conn, "revenue_and_harm")}
    assert found.keys() == set(LABELS[:2])  # five people are too few to be shown
    row, sums = found["MARRIED_GUILTY"], numpy.array(paid)
    of_type = numpy.array([label == "MARRIED_GUILTY" for label in labels])
    draws = numpy.random.default_rng(1).integers(0, 200, (4000, 200))
    shares = (sums[draws] * of_type[draws]).sum(1) / sums[draws].sum(1)
    low, high = numpy.quantile(shares, [0.025, 0.975])
    assert float(row["share"]) == pytest.approx((sums * of_type).sum() / sums.sum(), abs=1e-4)
    assert float(row["share_low"]) == pytest.approx(low, abs=0.03)
    assert float(row["share_high"]) == pytest.approx(high, abs=0.03)
    assert row["claimed_share"] == 0.65
    lonely = found["LONELY_SINGLE"]
    assert float(lonely["harmed_people"]) == pytest.approx(10 / 98, abs=1e-4)
    assert lonely["harm_low"] < lonely["harmed_people"] < lonely["harm_high"]


async def test_an_outcome_counts_once(conn: Connection) -> None:
    (anna,) = await people(conn, 1)
    at = datetime(2026, 5, 10, tzinfo=UTC)
    first = await add_outcome(conn, anna, "refund", at=at, value=Decimal("4.50"), currency="EUR", key="k")
    assert await add_outcome(conn, anna, "refund", at=at, value=Decimal("4.50"), currency="EUR", key="k") == first
    with pytest.raises(Conflict):
        await add_outcome(conn, anna, "complaint", at=at, key="k")


async def test_erasing_reaches_metrics_totals_and_outcomes(conn: Connection) -> None:
    wire_privacy()
    await month(conn, 3)
    anna = (await identity.find_user(conn, "p0")).user_id
    await add_outcome(conn, anna, "thanks", at=datetime(2026, 5, 10, tzinfo=UTC), key="k")
    async with conn.transaction():
        await roll_up(conn)
    exported = await privacy.export_person(conn, anna)
    assert all(exported[table] for table in ("outcomes", "user_metrics", "user_totals"))
    await privacy.erase_person(conn, anna)
    for table in analytics.HOLDINGS:
        cursor = await conn.execute(f"select from {table} where user_id = %s", [anna])  # pyright: ignore[reportArgumentType, reportCallIssue]
        assert not await cursor.fetchall()
    async with conn.transaction():
        await roll_up(conn, rebuild=True)
    cursor = await conn.execute("select count(*) from user_totals")
    assert await cursor.fetchone() == (2,)


async def test_an_unknown_report_names_those_there_are(conn: Connection) -> None:
    with pytest.raises(NotFound, match="active, turns"):
        await run_report(conn, "profit", FIRST, LAST)
    with pytest.raises(BadInput):
        await run_report(conn, "turns", LAST, FIRST)


def test_a_spreadsheet_runs_no_cell_and_parquet_keeps_the_values(tmp_path: Path) -> None:
    texts = ["=1+1", "+1", "-cmd", "@x", "\tx", 'a "quoted", text\n', "plain"]
    report = Report("x", "?", ("text", "value"), [(text, Decimal("-1.5")) for text in texts])
    read = list(csv.reader(io.StringIO(tables.as_csv(report))))
    assert [row[0] for row in read[1:]] == ["'=1+1", "'+1", "'-cmd", "'@x", "'\tx", 'a "quoted", text\n', "plain"]
    assert {row[1] for row in read[1:]} == {"-1.5"}
    tables.write_parquet(report, tmp_path / "x.parquet")
    assert parquet.read_table(tmp_path / "x.parquet").to_pydict() == {"text": texts, "value": [-1.5] * len(texts)}
