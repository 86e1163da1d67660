"""Background jobs in the same PostgreSQL, on procrastinate.

    @job("embed_reply", retry=5)
    async def embed_reply(resources, *, user_id: str, message_id: str) -> None: ...

    await defer(conn, "embed_reply", lock=str(user_id), user_id=user_id, message_id=message_id)   # in your transaction
    await work(resources, dsn)                                                                     # until cancelled

A job runs at least once: it comes back when its worker is killed, so it must be harmless to run twice. Jobs with the
same `lock` run one at a time, in order. Arguments are ids and numbers, never a person's text. A `timetable` job runs by
the clock, once for all workers. Knows no job of any room: rooms register theirs.
"""

import asyncio
import logging
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from procrastinate import App, JobContext, PsycopgConnector, RetryStrategy
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Job as QueuedJob
from procrastinate.jobs import Status

from undertone.observability import JOB_SECONDS, JOBS, get_logger, span
from undertone.resources import Connection, Resources

JobFunction = Callable[..., Awaitable[None]]
F = TypeVar("F", bound=JobFunction)

POLL_S = 0.5
"""A new job starts at once (NOTIFY). Retries, and the next job of a lock, start at the next poll."""
HEARTBEAT_S = 3.0
STALLED_AFTER_S = 12.0
"""A worker that has been silent this long is dead: its jobs are handed out again. No job may block the loop so long."""
RESCUE_TIMETABLE = "* * * * * */5"
"""Every five seconds (the last of six fields is seconds), by one worker of all."""
MAX_RESCUES = 5
"""A job that outlived this many workers has probably killed them, and is left as failed."""
GRACE_S = 20.0
"""How long a worker that was told to stop lets running jobs finish before it hands them back."""
KEEP_FAILED_DAYS = 30
RESTART_PAUSE_S = 1.0
STUCK_S = 600.0
"""A job that waits or runs longer needs a person to look."""
CATCH_UP_S = 24 * 3600
"""A timetable's moment that passed while no worker ran is caught up on when it is not older than this."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RegisteredJob:
    """What `@job` was told about one job."""

    name: str
    function: JobFunction
    queue: str
    retry: int
    timetable: str | None


@dataclass(frozen=True, slots=True)
class QueueHealth:
    """Jobs by state (todo, doing, failed, ...), and the age in seconds of the oldest one that should be running."""

    by_state: Mapping[str, int]
    oldest_waiting_s: float | None
    stuck: Mapping[str, int] = field(default_factory=dict[str, int])
    """By name: jobs that should have run STUCK_S ago and wait, or that have been running for so long."""


registered: dict[str, RegisteredJob] = {}
"""Every job of this process, by name."""


def job(name: str, *, queue: str = "default", retry: int = 5, timetable: str | None = None) -> Callable[[F], F]:
    """Register `async def function(resources, **arguments)` under `name`, which must stay the same between releases.

    A run that raises is tried `retry` more times, after 2, 4, 8, ... seconds. `timetable` is a cron line in UTC (an
    optional sixth field is seconds); such a job takes no arguments.
    """

    def register(function: F) -> F:
        if name in registered and registered[name].function is not function:
            raise ValueError(f"There are two jobs called {name!r}; give one another name.")
        registered[name] = RegisteredJob(name, function, queue, retry, timetable)
        return function

    return register


async def defer(
    conn: Connection,
    name: str,
    *,
    lock: str | None = None,
    once: str | None = None,
    at: datetime | None = None,
    **arguments: Any,
) -> int | None:
    """Queue a job on the caller's connection: it exists when the caller's transaction commits. Returns its number.

    `lock`: jobs with the same one (a person's id) never run side by side. `once`: while a job with the same key is
    waiting no second one is queued, and None is returned. `at`: not before this moment. UUIDs are passed as text.
    """
    try:
        queue = registered[name].queue
    except KeyError:
        raise LookupError(f"No job is called {name!r}. Import the module that registers it with @job.") from None
    task = _DEFERRER.configure_task(name, queue=queue, lock=lock, queueing_lock=once, schedule_at=at, connection=conn)
    plain = {key: str(value) if isinstance(value, UUID) else value for key, value in arguments.items()}
    if once is None:
        return await task.defer_async(**plain)
    try:
        async with conn.transaction():  # a savepoint inside the caller's transaction: being refused must not end that
            return await task.defer_async(**plain)
    except AlreadyEnqueued:
        return None


async def work(resources: Resources, dsn: str, concurrency: int = 4) -> None:
    """Run jobs, up to `concurrency` at once, until cancelled. Survives a lost database: it connects again.

    `dsn` must lead to PostgreSQL itself (a pooler in transaction mode cannot LISTEN). When cancelled, running jobs get
    GRACE_S to finish; those that do not are queued again.
    """
    while True:
        app = _app(resources, dsn, concurrency)
        try:
            async with app.open_async():
                await app.run_worker_async(
                    concurrency=concurrency,
                    delete_jobs="successful",
                    fetch_job_polling_interval=POLL_S,
                    install_signal_handlers=False,
                    shutdown_graceful_timeout=GRACE_S,
                    update_heartbeat_interval=HEARTBEAT_S,
                    stalled_worker_timeout=STALLED_AFTER_S,
                )
        except (ConnectorException, psycopg.OperationalError) as error:
            log.warning("worker.lost_database", error=type(error).__name__)
        # procrastinate takes a cancellation as its own signal to stop and returns: it was meant for us.
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise asyncio.CancelledError
        await asyncio.sleep(RESTART_PAUSE_S)


async def export_waiting(conn: Connection, user_id: UUID) -> list[dict[str, Any]]:
    """The jobs that wait under this person's lock."""
    cursor = await conn.execute(
        "select task_name, status::text from procrastinate_jobs where lock = %s order by id", (str(user_id),)
    )
    return [{"job": name, "status": status} for name, status in await cursor.fetchall()]


async def erase_waiting(conn: Connection, user_id: UUID) -> int:
    """Delete this person's jobs, done, failed or waiting; one that runs right now finds nobody and ends."""
    cursor = await conn.execute("delete from procrastinate_jobs where lock = %s and status <> 'doing'", (str(user_id),))
    return cursor.rowcount


async def queue_health(conn: Connection) -> QueueHealth:
    """Count the jobs by state and find how long the oldest has waited past its time."""
    counts = await conn.execute("select status::text, count(*) from procrastinate_jobs group by status")
    by_state = {str(state): int(number) for state, number in await counts.fetchall()}
    oldest = await conn.execute(
        """
        select extract(epoch from now() - min(greatest(e.at, coalesce(j.scheduled_at, e.at))))::float
        from procrastinate_jobs j
        join procrastinate_events e on e.job_id = j.id and e.type = 'deferred'
        where j.status = 'todo' and (j.scheduled_at is null or j.scheduled_at <= now())
        """
    )
    row = await oldest.fetchone()
    stuck = await conn.execute(
        """
        select j.task_name, count(*) from procrastinate_jobs j
        where j.status in ('todo', 'doing') and (j.scheduled_at is null or j.scheduled_at < now())
            and (select max(greatest(e.at, coalesce(j.scheduled_at, e.at))) from procrastinate_events e
                where e.job_id = j.id and e.type in ('deferred', 'started', 'deferred_for_retry'))
                < now() - make_interval(secs => %s)
        group by 1 order by 1
        """,
        (STUCK_S,),
    )
    return QueueHealth(by_state, row[0] if row else None, dict(await stuck.fetchall()))


def _app(resources: Resources, dsn: str, concurrency: int) -> App:
    """A procrastinate app that knows every registered job, bound to `resources`, and the two housekeeping ones."""
    connector = PsycopgConnector(conninfo=dsn, min_size=1, max_size=concurrency + 2, timeout=10.0)
    app = App(connector=connector, periodic_defaults={"max_delay": CATCH_UP_S})
    for entry in registered.values():
        strategy = RetryStrategy(max_attempts=entry.retry, exponential_wait=2) if entry.retry else False
        task = app.task(name=entry.name, queue=entry.queue, retry=strategy)(_bound(entry, resources))
        if entry.timetable:
            app.periodic(cron=entry.timetable, queueing_lock=entry.name)(task)
    rescue = app.task(name="rescue", queue="housekeeping", pass_context=True, priority=100)(_rescue)
    app.periodic(cron=RESCUE_TIMETABLE, queueing_lock="rescue")(rescue)
    tidy = app.task(name="tidy", queue="housekeeping", pass_context=True)(_tidy)
    app.periodic(cron="17 4 * * *", queueing_lock="tidy")(tidy)
    return app


def _bound(entry: RegisteredJob, resources: Resources) -> JobFunction:
    """The job as the worker calls it: with our resources, timed, counted, and its failures logged without words."""

    async def run(**arguments: Any) -> None:
        if entry.timetable:
            arguments.pop("timestamp", None)  # the moment it was due, which procrastinate adds
        began = time.perf_counter()
        outcome = "failed"
        try:
            with span(f"job {entry.name}"):
                await entry.function(resources, **arguments)
            outcome = "done"
        except Exception as error:
            log.warning("job.failed", job=entry.name, error=type(error).__name__, at=_place(error))
            raise
        finally:
            JOBS.labels(entry.name, outcome).inc()
            JOB_SECONDS.labels(entry.name).observe(time.perf_counter() - began)

    return run


async def _rescue(context: JobContext, timestamp: int) -> None:
    """Hand the jobs of silent workers out again. Takes no lock: a killed worker may have held it."""
    manager = context.app.job_manager
    for stalled in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_AFTER_S):
        log.warning("job.rescued", job=stalled.task_name, id=stalled.id, attempts=stalled.attempts)
        with suppress(ConnectorException):  # it ended after all, or another run of it waits: the next sweep will see
            await _hand_out_again(context.app, stalled)


async def _hand_out_again(app: App, stalled: QueuedJob) -> None:
    entry = registered.get(stalled.task_name)
    if stalled.attempts >= MAX_RESCUES + (entry.retry if entry else 0):
        await app.job_manager.finish_job(stalled, status=Status.FAILED, delete_job=False)
    else:
        await app.job_manager.retry_job(stalled)


async def _tidy(context: JobContext, timestamp: int) -> None:
    """Forget jobs that failed long ago: their arguments name people."""
    await context.app.job_manager.delete_old_jobs(
        nb_hours=KEEP_FAILED_DAYS * 24, include_failed=True, include_cancelled=True, include_aborted=True
    )


def _place(error: BaseException) -> str:
    """Where it was raised. Its message stays out of the log: a database quotes the row it refuses."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""


def _is_not_an_outcome(record: logging.LogRecord) -> bool:
    return getattr(record, "action", None) != "job_error"


# procrastinate would log a failed job with its exception's message; `_bound` has logged it without.
logging.getLogger("procrastinate.worker").addFilter(_is_not_an_outcome)

_DEFERRER = App(connector=PsycopgConnector())
"""Never opened: it only words the query that queues a job on the caller's connection."""
