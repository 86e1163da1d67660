"""Jobs: queued with the caller's transaction, run once, one at a time per lock, and back after a kill -9."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import psycopg
import pytest
from croniter import croniter

from undertone import jobs
from undertone.db import Connection, Pool, transaction
from undertone.jobs import RegisteredJob, defer, job, queue_health, work
from undertone.observability import render_metrics
from undertone.resources import Resources

STUCK_WORKER = Path(__file__).parent / "programs" / "stuck_worker.py"
TOO_LONG_S = 30.0


@pytest.fixture(autouse=True)
def own_jobs(monkeypatch: pytest.MonkeyPatch) -> dict[str, RegisteredJob]:
    """Each test registers its own jobs, and polls quickly."""
    fresh: dict[str, RegisteredJob] = {}
    monkeypatch.setattr(jobs, "POLL_S", 0.05)
    monkeypatch.setattr(jobs, "registered", fresh)
    return fresh


@pytest.fixture
async def runs(db: Pool) -> None:
    async with db.connection() as conn:
        await conn.execute("create table runs (id bigserial primary key, note text, state text)")


@asynccontextmanager
async def working(db: Pool, dsn: str, concurrency: int = 4) -> AsyncGenerator[None]:
    nothing = cast(Any, None)
    resources = Resources(db=db, chat=nothing, embed=nothing, recall_embed=nothing)
    worker = asyncio.create_task(work(resources, dsn, concurrency))
    try:
        yield
    finally:
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(TOO_LONG_S):
        while not await condition():  # noqa: ASYNC110 (the condition is in the database)
            await asyncio.sleep(0.02)


async def rows(db: Pool, query: str) -> list[Any]:
    async with db.connection() as conn:
        return await (await conn.execute(query)).fetchall()  # pyright: ignore[reportCallIssue, reportArgumentType]


async def waiting(db: Pool, name: str) -> int:
    async with db.connection() as conn:
        cursor = await conn.execute("select count(*) from procrastinate_jobs where task_name = %s", (name,))
        row = await cursor.fetchone()
    assert row is not None
    return row[0]


async def nothing_to_do(resources: Resources, **arguments: Any) -> None:
    pass


async def test_a_job_runs_with_its_arguments_and_is_gone(db: Pool, dsn: str) -> None:
    ran: asyncio.Queue[tuple[Any, Any]] = asyncio.Queue()

    @job("greet")
    async def greet(resources: Resources, *, person: str, times: int) -> None:
        assert resources.db is db
        ran.put_nowait((person, times))

    person = uuid4()
    async with working(db, dsn):
        async with transaction(db) as conn:
            await defer(conn, "greet", person=person, times=3)
        async with asyncio.timeout(TOO_LONG_S):
            assert await ran.get() == (str(person), 3)

        async def forgotten() -> bool:
            return await waiting(db, "greet") == 0

        await until(forgotten)
    assert ran.empty()
    assert b'undertone_jobs_total{job="greet",outcome="done"} 1.0' in render_metrics()


async def test_a_rolled_back_transaction_takes_its_job_with_it(db: Pool) -> None:
    job("never")(nothing_to_do)
    with pytest.raises(psycopg.errors.DivisionByZero):
        await _defer_and_fail(db)
    assert await waiting(db, "never") == 0


async def _defer_and_fail(db: Pool) -> None:
    async with transaction(db) as conn:
        await defer(conn, "never")
        await conn.execute("select 1 / 0")


async def test_once_queues_one_and_leaves_the_transaction_alive(db: Pool) -> None:
    job("roll_up")(nothing_to_do)
    async with transaction(db) as conn:
        first = await defer(conn, "roll_up", once="day")
        second = await defer(conn, "roll_up", once="day")
        await conn.execute("create table still_here ()")
    assert first is not None
    assert second is None
    assert await waiting(db, "roll_up") == 1
    assert await rows(db, "select * from still_here") == []


async def test_jobs_of_one_lock_run_in_order_and_never_side_by_side(db: Pool, dsn: str) -> None:
    running: set[str] = set()
    finished: list[int] = []
    overlaps: list[str] = []

    @job("step")
    async def step(resources: Resources, *, person: str, number: int) -> None:
        if person in running:
            overlaps.append(person)
        running.add(person)
        async with resources.db.connection() as conn:
            await conn.execute("select pg_sleep(0.01)")
        running.discard(person)
        if person == "a":
            finished.append(number)

    async with transaction(db) as conn:
        for number in range(8):
            for person in "ab":
                await defer(conn, "step", lock=person, person=person, number=number)
    async with working(db, dsn):

        async def all_done() -> bool:
            return await waiting(db, "step") == 0

        await until(all_done)
    assert overlaps == []
    assert finished == list(range(8))


async def test_a_failed_job_is_tried_again_and_its_words_stay_out_of_the_log(
    db: Pool, dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tries: list[int] = []

    @job("shaky", retry=1)
    async def shaky(resources: Resources) -> None:
        tries.append(1)
        raise ValueError("my secret words")

    async with transaction(db) as conn:
        await defer(conn, "shaky")
    async with working(db, dsn):

        async def failed_for_good() -> bool:
            await rows(db, "update procrastinate_jobs set scheduled_at = null where status = 'todo' returning 1")
            return await rows(db, "select 1 from procrastinate_jobs where status = 'failed'") != []

        await until(failed_for_good)
    logged = capsys.readouterr().err
    assert len(tries) == 2
    assert logged.count("ValueError") == 2
    assert "secret" not in logged


async def test_a_timetable_job_runs_by_the_clock(db: Pool, dsn: str) -> None:
    ticked = asyncio.Event()

    @job("tick", timetable="* * * * * *")
    async def tick(resources: Resources) -> None:
        ticked.set()

    async with working(db, dsn), asyncio.timeout(TOO_LONG_S):
        await ticked.wait()


async def test_the_job_of_a_killed_worker_comes_back_and_ends_once(
    db: Pool, dsn: str, runs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    @job("write_down")
    async def write_down(resources: Resources, *, note: str) -> None:
        async with resources.db.connection() as conn:
            await conn.execute("insert into runs (note, state) values (%s, 'done')", (note,))

    async with transaction(db) as conn:
        for note in ("first", "second"):
            await defer(conn, "write_down", lock="one person", note=note)
    victim = await asyncio.create_subprocess_exec(sys.executable, str(STUCK_WORKER), dsn)

    async def started() -> bool:
        return await rows(db, "select note from runs") == [("first",)]

    await until(started)
    os.kill(victim.pid, signal.SIGKILL)
    await victim.wait()

    monkeypatch.setattr(jobs, "STALLED_AFTER_S", 1.0)
    monkeypatch.setattr(jobs, "HEARTBEAT_S", 0.2)
    monkeypatch.setattr(jobs, "RESCUE_TIMETABLE", "* * * * * *")
    async with working(db, dsn):

        async def all_done() -> bool:
            return await waiting(db, "write_down") == 0

        await until(all_done)
    assert await rows(db, "select note, state from runs order by id") == [
        ("first", "started"),
        ("first", "done"),
        ("second", "done"),
    ]


def test_the_rescue_sweep_comes_every_five_seconds() -> None:
    moments = croniter(jobs.RESCUE_TIMETABLE, datetime(2026, 1, 1, 0, 7, tzinfo=UTC))
    found = [moments.get_next(datetime) for _ in range(3)]
    assert [moment.second for moment in found] == [5, 10, 15]


async def test_a_job_that_outlives_too_many_workers_is_left_as_failed(
    db: Pool, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    job("poison", retry=0)(nothing_to_do)
    async with transaction(db) as conn:
        await defer(conn, "poison")
        await conn.execute(
            "update procrastinate_jobs set status = 'doing', attempts = %s where task_name = 'poison'",
            (jobs.MAX_RESCUES,),
        )
    monkeypatch.setattr(jobs, "RESCUE_TIMETABLE", "* * * * * *")
    async with working(db, dsn):

        async def given_up() -> bool:
            return await rows(db, "select 1 from procrastinate_jobs where status = 'failed'") != []

        await until(given_up)


async def test_a_worker_told_to_stop_hands_back_what_it_cannot_finish(
    db: Pool, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "GRACE_S", 0.1)
    begun = asyncio.Event()

    @job("endless")
    async def endless(resources: Resources) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with transaction(db) as conn:
        await defer(conn, "endless")
    async with working(db, dsn), asyncio.timeout(TOO_LONG_S):
        await begun.wait()
    assert await rows(db, "select status::text from procrastinate_jobs where task_name = 'endless'") == [("todo",)]


async def test_the_worker_survives_losing_its_connections(db: Pool, dsn: str) -> None:
    ran = asyncio.Event()

    @job("after")
    async def after(resources: Resources) -> None:
        ran.set()

    async with working(db, dsn):

        async def connected() -> bool:
            return await rows(db, "select 1 from procrastinate_workers") != []

        await until(connected)
        await rows(
            db,
            "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
            " and datname = current_database()",
        )
        async with transaction(db) as conn:
            await defer(conn, "after")
        async with asyncio.timeout(TOO_LONG_S):
            await ran.wait()


async def test_queue_health(db: Pool, conn: Connection) -> None:
    job("later")(nothing_to_do)
    assert await queue_health(conn) == jobs.QueueHealth({}, None)
    await defer(conn, "later", at=datetime.now(UTC) + timedelta(hours=1))
    assert (await queue_health(conn)).oldest_waiting_s is None
    number = await defer(conn, "later")
    await conn.execute("update procrastinate_events set at = at - interval '90 seconds' where job_id = %s", (number,))
    health = await queue_health(conn)
    assert health.by_state == {"todo": 2}
    assert health.oldest_waiting_s is not None
    assert 90 <= health.oldest_waiting_s < 120


async def test_a_stuck_job_is_named(db: Pool, conn: Connection) -> None:
    job("slow")(nothing_to_do)
    number = await defer(conn, "slow")
    assert (await queue_health(conn)).stuck == {}
    await conn.execute(
        "update procrastinate_events set at = at - make_interval(secs => %s) where job_id = %s",
        (jobs.STUCK_S + 60, number),
    )
    assert (await queue_health(conn)).stuck == {"slow": 1}


async def test_an_unknown_or_doubled_name_is_refused(conn: Connection) -> None:
    with pytest.raises(LookupError, match="No job is called 'typo'"):
        await defer(conn, "typo")
    job("same")(nothing_to_do)
    with pytest.raises(ValueError, match="two jobs called 'same'"):

        @job("same")
        async def other(resources: Resources) -> None: ...
