"""What every test may ask for: a fresh database (`db`, `conn`, `dsn`), the embedder, shared data, a house, a browser.

One embedded PostgreSQL a run; each test gets a clone of one migrated template, but the house is one for all who talk in
it: they are strangers to each other. The network is shut.
"""

import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.async_api import Browser, async_playwright
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from house import House, open_house
from scripted_model import Scripted
from undertone.db import Connection, Pool, migrate, open_pool
from undertone.llm.embedder import MiniLM, default_embedder
from undertone.postgres import Embedded, dsn_of, start

REPOSITORY = Path(__file__).resolve().parent.parent
TEMPLATE = "template_undertone"
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")


@pytest.fixture(scope="session")
def server() -> Iterator[Embedded]:
    """The run's PostgreSQL, in a folder any account may enter (ours may be root's) and without fsync."""
    folder = Path(tempfile.mkdtemp(prefix="undertone-tests-"))
    folder.chmod(0o755)
    embedded = start(folder)
    try:
        with psycopg.connect(dsn_of(embedded.home, "postgres"), autocommit=True) as admin:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                admin.execute(f"alter system set {setting} = off")
            admin.execute("select pg_reload_conf()")
        yield embedded
    finally:
        embedded.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def new_database(server: Embedded) -> Iterator[Callable[..., str]]:
    """Make an empty database, or a clone of a named one, and answer its DSN. Dropped at the end of the run."""
    numbers = count(1)
    made: list[str] = []
    with psycopg.connect(dsn_of(server.home, "postgres"), autocommit=True) as admin:

        def make(template: str = "template1", name: str = "") -> str:
            name = name or f"test_{next(numbers)}"
            admin.execute(
                sql.SQL("create database {} template {} strategy file_copy").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
            made.append(name)
            return dsn_of(server.home, name)

        yield make
        for name in made:
            admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def migrated_template(new_database: Callable[..., str]) -> str:
    migrate(new_database(name=TEMPLATE))
    return TEMPLATE


@pytest.fixture
def dsn(server: Embedded, new_database: Callable[..., str], migrated_template: str) -> Iterator[str]:
    """A database of this test's own, migrated and empty."""
    fresh = new_database(migrated_template)
    yield fresh
    with psycopg.connect(dsn_of(server.home, "postgres"), autocommit=True) as admin:
        name = conninfo_to_dict(fresh)["dbname"]
        admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(str(name))))


@pytest.fixture
async def db(dsn: str) -> AsyncIterator[Pool]:
    """A pool on this test's database."""
    pool = await open_pool(dsn)
    yield pool
    await pool.close()


@pytest.fixture
async def conn(db: Pool) -> AsyncIterator[Connection]:
    """One connection (autocommit) on this test's database."""
    async with db.connection() as connection:
        yield connection


@pytest.fixture(scope="session")
def embedder() -> Iterator[MiniLM]:
    """The built-in embedder, converted once into var/models."""
    built_in = default_embedder(REPOSITORY / "var" / "models")
    yield built_in
    built_in.close()


@pytest.fixture(scope="session")
async def house(new_database: Callable[..., str], migrated_template: str, embedder: MiniLM) -> AsyncIterator[House]:
    """The whole app in process with a scripted model. Every test brings people of its own."""
    async with open_house(new_database(migrated_template), embedder, Scripted()) as running:
        yield running


@pytest.fixture
def model(house: House) -> Scripted:
    """The house's model, without scripts or memories of other tests."""
    scripted = house.engine.resources.chat
    assert isinstance(scripted, Scripted)
    scripted.forget()
    return scripted


@pytest.fixture(scope="module")
async def chromium() -> AsyncIterator[Browser]:
    """A real Chromium, as `make test` installs it where there is none (`runs/browser.sh`)."""
    path = os.environ.get("UNDERTONE_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("needs a Chromium: install one, or name it in UNDERTONE_CHROMIUM")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The measuring data beside the repository, or a skip that says where it was looked for."""
    folder = Path(os.environ.get("UNDERTONE_SHARED_DATA") or REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"needs the measuring data: {folder} is absent (UNDERTONE_SHARED_DATA may name another folder)")
    return folder


@pytest.fixture(scope="session", autouse=True)
def network_shut() -> Iterator[None]:
    """No test may phone out: a name or an address that is not this machine's fails the test at once."""
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def check(host: Any) -> None:
        text = host.decode() if isinstance(host, bytes) else str(host)
        if host is not None and text not in {"localhost", "::1", ""} and not text.startswith("127."):
            pytest.fail(f"a test tried to reach {text}: tests may only talk to this machine")

    def checked_connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            check(address[0])
        connect(self, address)

    def checked_connect_ex(self: socket.socket, address: Any) -> int:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            check(address[0])
        return connect_ex(self, address)

    def checked_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        check(host)
        return getaddrinfo(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", checked_connect)
        patch.setattr(socket.socket, "connect_ex", checked_connect_ex)
        patch.setattr(socket, "getaddrinfo", checked_getaddrinfo)
        yield
