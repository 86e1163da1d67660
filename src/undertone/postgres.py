"""The embedded PostgreSQL: start it for a data folder, share it, stop it. Used when no DATABASE_URL is set.

    server = start(Path("var"))
    ...                            # connect to server.dsn
    server.stop()

Every process that calls `start` shares one server; the last one to `stop` shuts it down. A process that dies without
`stop` leaves the server running and the next `start` adopts it. Whether a server lives is told by a file lock that it
inherits, never by the number in postmaster.pid: a stale file or a reused pid neither blocks nor misleads us.
Blocking (seconds on the first start): call it from a thread. Knows nothing of our tables.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from undertone.errors import NotReady
from undertone.observability import get_logger
from undertone.postgres_home import Home, OnStep, find_home, run_as

DATABASE = "undertone"
SUPERUSER = "undertone"
MAJOR = "18"
START_TIMEOUT_S = 300
"""Long, because a start after a crash replays the write-ahead log."""
STOP_TIMEOUT_S = 60
POLL_S = 0.02
LOG_LIMIT = 10_000_000
"""Bytes after which the server's log is set aside at the next start; one old log is kept."""

SETTINGS = """\
# Written by Undertone at every start. Put your own settings into custom.conf beside this file.
listen_addresses = ''
port = 5432
unix_socket_permissions = 0700
max_connections = 60
shared_buffers = 128MB
fsync = on
synchronous_commit = on
# Short queries on a small machine: parallel workers and the JIT cost more than they save, and need /dev/shm.
max_parallel_workers_per_gather = 0
max_parallel_maintenance_workers = 0
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_checkpoints = off
log_line_prefix = '%m [%p] '
include_if_exists = 'custom.conf'
"""

log = get_logger(__name__)


@dataclass(slots=True)
class Embedded:
    """Our share of a running server."""

    dsn: str
    home: Home
    share: int | None
    """File descriptor whose lock is our share; None once given up."""

    def stop(self) -> None:
        """Give up our share; the last one shuts the server down (about 0.2 s). Safe to call twice."""
        if self.share is None:
            return
        share, self.share = self.share, None
        try:
            with _one_at_a_time(self.home):
                if _try_lock(share):
                    _shut_down(self.home)
        finally:
            os.close(share)


def start(data_dir: Path, on_step: OnStep | None = None) -> Embedded:
    """Start the server of `data_dir`, or join the one that runs. About 4 s the first time, 0.3 s later.

    `on_step` hears a line for each slow step. Raises NotReady, saying what to do, when no server can run here.
    """
    step = on_step or _log_step
    home = find_home(data_dir, step)
    share = _open_lock(home, "users.lock")
    try:
        with _one_at_a_time(home):
            fcntl.flock(share, fcntl.LOCK_SH)
            _ensure_running(home, step)
            _ensure_database(home)
    except BaseException:
        os.close(share)
        raise
    return Embedded(dsn=dsn_of(home, DATABASE), home=home, share=share)


def dsn_of(home: Home, database: str) -> str:
    """The URL of one database of the cluster, over its private socket."""
    return f"postgresql://{SUPERUSER}@/{quote(database, safe='')}?host={quote(str(home.sockets), safe='')}&port=5432"


def running_postmaster(home: Home) -> int | None:
    """The process id of this cluster's server, or None. A process that merely got its old number is not it."""
    try:
        pid = int((home.data / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None
    program, *arguments = _command_line(pid)
    return pid if program.endswith("postgres") and str(home.data) in arguments else None


def _ensure_running(home: Home, step: OnStep) -> None:
    """Return when the server answers: the one that lives, or one started here."""
    alive = _open_lock(home, "server.lock")
    try:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not _try_lock(alive):
            # Some process of the cluster lives: a server to join, or what is left of a killed one, gone in a moment.
            if _answers(home):
                return
            if time.monotonic() > deadline:
                raise NotReady(_failure(home, "A PostgreSQL server holds the data folder and does not answer."))
            time.sleep(POLL_S)
        if not home.data.exists():
            step("Creating the database (once)")
            _create_cluster(home)
        _check_version(home)
        step("Starting PostgreSQL")
        _launch(home, alive)
    finally:
        os.close(alive)


def _create_cluster(home: Home) -> None:
    """initdb beside the final place, then one rename: an interrupted first start leaves nothing half made."""
    unfinished = home.root / "data.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    made = run_as(
        home.account,
        [
            home.binaries / "initdb",
            f"--pgdata={unfinished}",
            f"--username={SUPERUSER}",
            "--auth=trust",  # the socket's folder is private (0700) and there is no TCP
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
        ],
    )
    if made.returncode != 0:
        raise NotReady(f"The database could not be created in {home.root}: {made.stderr.strip()[-600:]}")
    unfinished.rename(home.data)


def _check_version(home: Home) -> None:
    major = (home.data / "PG_VERSION").read_text(encoding="utf-8").strip()
    if major != MAJOR:
        raise NotReady(
            f"{home.data} was made by PostgreSQL {major} and this release brings {MAJOR}. Dump it with the release "
            f"that made it, move the folder away, start and restore; or set DATABASE_URL to a PostgreSQL server."
        )


def _launch(home: Home, alive: int) -> None:
    """Run pg_ctl start. The server inherits `alive`, so its lock is held exactly as long as a process of it lives."""
    # We hold the lock, so nobody living wrote these; PostgreSQL itself would believe a reused or unreaped pid in them.
    (home.data / "postmaster.pid").unlink(missing_ok=True)
    for left_over in home.sockets.glob(".s.PGSQL.*"):
        left_over.unlink()
    quoted = str(home.sockets).replace("'", "''")
    (home.data / "postgresql.conf").write_text(f"{SETTINGS}unix_socket_directories = '{quoted}'\n", encoding="utf-8")
    if home.log.exists() and home.log.stat().st_size > LOG_LIMIT:
        home.log.rename(home.log.with_suffix(".log.1"))
    patience = ["-w", "-t", str(START_TIMEOUT_S)]
    files = ["-D", home.data, "-l", home.log]
    started = run_as(home.account, [home.binaries / "pg_ctl", "start", "-s", *patience, *files], pass_fds=(alive,))
    if started.returncode != 0:
        raise NotReady(_failure(home, "The embedded PostgreSQL did not start."))


def _shut_down(home: Home) -> None:
    """Fast shutdown (open transactions roll back), verified to be our server, waited for."""
    pid = running_postmaster(home)
    if pid is None:
        return
    os.kill(pid, signal.SIGINT)
    alive = _open_lock(home, "server.lock")
    try:
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while not _try_lock(alive):
            if time.monotonic() > deadline:
                log.warning("postgres.slow_stop", pid=pid, log=str(home.log))
                return
            time.sleep(POLL_S)
    finally:
        os.close(alive)


def _ensure_database(home: Home) -> None:
    with psycopg.connect(dsn_of(home, "postgres"), autocommit=True) as conn:
        known = conn.execute("select 1 from pg_database where datname = %s", (DATABASE,)).fetchone()
        if known is None:
            conn.execute(f"create database {DATABASE}")


def _answers(home: Home) -> bool:
    """Does a server answer on the socket, and is it the one of this data folder?"""
    try:
        with psycopg.connect(dsn_of(home, "postgres"), connect_timeout=5) as conn:
            row = conn.execute("select current_setting('data_directory')").fetchone()
    except psycopg.OperationalError:
        return False
    return row is not None and row[0] == str(home.data)


def _command_line(pid: int) -> list[str]:
    """Program and arguments of a live process; [""] for one that is gone, a zombie, or not ours to see."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace").split("\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        if Path("/proc/self").exists():
            return [""]
    shown = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S603, S607
    program, _, folder = shown.stdout.strip().partition(" -D ")
    return [program, folder]


@contextmanager
def _one_at_a_time(home: Home) -> Generator[None]:
    """Starts and stops of one cluster queue here, whichever process they come from."""
    lock = _open_lock(home, "start.lock")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _open_lock(home: Home, name: str) -> int:
    descriptor = os.open(home.root / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if home.account:
        os.fchown(descriptor, home.account.uid, home.account.gid)
    return descriptor


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _failure(home: Home, sentence: str) -> str:
    tail = home.log.read_text(encoding="utf-8", errors="replace")[-600:].strip() if home.log.exists() else "(no log)"
    return f"{sentence} Mend what its log {home.log} says, or set DATABASE_URL. It ends: {tail}"


def _log_step(text: str) -> None:
    log.info("postgres.step", step=text)
