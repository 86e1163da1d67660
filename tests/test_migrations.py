"""Migrations: applied once, in order, safely by two at a time, and never over an edited file."""

import threading
from collections.abc import Callable
from importlib.resources import files

import psycopg
import pytest

from undertone.db import migrate
from undertone.errors import Conflict, NotReady
from undertone.migrations.schema import schema_text

NewDatabase = Callable[..., str]


def test_schema_sql_is_the_sum_of_the_migrations(dsn: str) -> None:
    written = files("undertone.migrations").joinpath("schema.sql").read_text(encoding="utf-8")
    assert written == schema_text(dsn), "run runs/schema.sh and commit schema.sql with the migration"


def test_a_second_run_applies_nothing(dsn: str) -> None:
    assert migrate(dsn) == []


def test_steps_are_told_and_names_returned_in_order(new_database: NewDatabase) -> None:
    steps: list[str] = []
    applied = migrate(new_database(), steps.append)
    ours = [name for name in applied if not name.startswith("procrastinate/")]
    assert ours == sorted(ours)
    assert ours[0] == "0001_people.sql"
    assert steps == [f"Migrating: {name}" for name in ours]


def test_two_replicas_race_and_each_migration_is_applied_once(new_database: NewDatabase) -> None:
    dsn = new_database()
    results: list[list[str]] = []
    threads = [threading.Thread(target=lambda: results.append(migrate(dsn))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winner, loser = sorted(results, key=len, reverse=True)
    assert loser == []
    with psycopg.connect(dsn) as conn:
        assert conn.execute("select count(*) from migrations").fetchone() == (len(winner),)


def test_an_edited_migration_is_refused(dsn: str) -> None:
    with psycopg.connect(dsn) as conn:
        conn.execute("update migrations set sha256 = 'another' where name = '0001_people.sql'")
    with pytest.raises(Conflict, match=r"0001_people\.sql was edited after it was applied"):
        migrate(dsn)


def test_the_recall_dimension_is_fixed_by_the_first_run(new_database: NewDatabase) -> None:
    dsn = new_database()
    migrate(dsn, recall_dimension=768)
    assert migrate(dsn, recall_dimension=768) == []
    with pytest.raises(Conflict, match="recall_dimension 768 and is now asked for 384"):
        migrate(dsn)


def test_a_migration_that_fails_leaves_nothing_and_says_which(new_database: NewDatabase) -> None:
    dsn = new_database()
    with psycopg.connect(dsn) as conn:
        conn.execute("create table users (in_the_way int)")
    with pytest.raises(NotReady, match=r"0001_people\.sql failed and nothing of it was kept"):
        migrate(dsn)
    with psycopg.connect(dsn) as conn:
        kept = conn.execute("select 1 from migrations where name = '0001_people.sql'").fetchone()
        assert kept is None
        assert conn.execute("select to_regclass('api_keys')").fetchone() == (None,)


def test_an_account_that_may_not_create_pgvector_is_told_what_to_do(new_database: NewDatabase) -> None:
    dsn = new_database()
    with psycopg.connect(dsn) as conn:
        conn.execute("create role tenant login")
        conn.execute("alter schema public owner to tenant")
    with pytest.raises(NotReady, match="CREATE EXTENSION vector"):
        migrate(dsn.replace("//undertone@", "//tenant@"))
    with psycopg.connect(dsn) as conn:
        conn.execute("alter schema public owner to undertone")
        conn.execute("drop role tenant")
