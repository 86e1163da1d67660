"""The rules of the house, each one a test: sizes, directions, SQL, words, documents, and what importing costs.

What a rule is for stands in CONTRIBUTING.md. A rule that is wrong is changed there and here, in one change.
"""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

import pytest
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from undertone import events, observability
from undertone.app import create_app, wire_privacy
from undertone.config import Settings
from undertone.db import Connection
from undertone.people import privacy
from undertone.server.auth import scope_of

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "undertone"
WRITTEN = {".py", ".js", ".css", ".html", ".sh", ".md"}
"""What people write and read line by line; schema.sql and the models are made by programs."""

SQL_FILES = re.compile(r"(\w+_)?store\.py|reports\.py|(db|events|jobs|postgres)\.py|migrations/\w+\.py")
"""A room's stores; and the four files, beside the migrations, that are about PostgreSQL itself."""
SQL = re.compile(
    r"^\s*(select|with|insert into|update|delete from|create|alter|drop|truncate|lock table|listen|notify)\s+[\w(*{]"
    r"|\bselect\s.+\sfrom\s|\binsert into\s|\bdelete from\s",
    re.DOTALL,
)
"""Our SQL is in lower case; sentences for people begin with a capital."""

HEAVY = ("torch", "sklearn", "scipy", "ray", "transformers", "matplotlib")


def python_files(*folders: str) -> list[Path]:
    return sorted(file for folder in folders for file in (ROOT / folder).rglob("*.py"))


def written_files() -> list[Path]:
    folders = ("src", "tests", "benchmarks", "examples", "runs", "docs")
    return sorted(f for folder in folders for f in (ROOT / folder).rglob("*") if f.suffix in WRITTEN)


def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"), str(file))


def name_of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def document(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


def test_files_stay_short() -> None:
    lengths = {name_of(f): len(f.read_text("utf-8").splitlines()) for f in written_files() if f.suffix != ".md"}
    assert {name: length for name, length in lengths.items() if length > 400} == {}
    assert sorted(lengths.values())[int(len(lengths) * 0.9)] <= 300


def test_functions_stay_short() -> None:
    long = [
        f"{name_of(file)}:{node.lineno} {node.name}"
        for file in python_files("src", "tests", "benchmarks", "examples", "runs")
        for node in ast.walk(tree(file))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno >= 80
    ]
    assert long == []


def test_modules_say_what_they_are() -> None:
    silent = [name_of(f) for f in python_files("src", "tests", "benchmarks", "examples", "runs") if _silent(f)]
    assert silent == []


def _silent(file: Path) -> bool:
    module = tree(file)
    return bool(module.body) and not ast.get_docstring(module)


def test_sql_stands_in_stores() -> None:
    elsewhere = [
        f"{name_of(file)}:{node.lineno}"
        for file in python_files("src")
        if not SQL_FILES.fullmatch(file.name) and not SQL_FILES.fullmatch(f"{file.parent.name}/{file.name}")
        for node in _texts(tree(file))
        if SQL.search(node.value)
    ]
    assert elsewhere == []


def _texts(module: ast.Module) -> Iterator["_Text"]:
    """Every text that a program uses: docstrings and other texts that stand for themselves are left out."""
    prose = {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Expr)}
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield _Text(node.value, node.lineno)


class _Text:
    def __init__(self, value: str, lineno: int) -> None:
        self.value = value
        self.lineno = lineno


def test_a_broad_except_only_tidies_up_and_raises_again() -> None:
    swallowed = [
        f"{name_of(file)}:{node.lineno}"
        for file in python_files("src")
        for node in ast.walk(tree(file))
        if isinstance(node, ast.ExceptHandler) and _broad(node) and not _raises_again(node)
    ]
    assert swallowed == []


def _broad(handler: ast.ExceptHandler) -> bool:
    caught = ast.unparse(handler.type) if handler.type else "BaseException"
    return re.search(r"\b(Base)?Exception\b", caught) is not None


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def test_imports_point_down() -> None:
    """The contracts of pyproject.toml, as `make lint` runs them."""
    run = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout[-3000:]


def test_the_app_imports_no_training_library() -> None:
    asked = f"import sys, undertone.app; print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_every_setting_is_documented_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| `?(.*?)`? \|", document("operations.md"), re.MULTILINE))
    prefix = str(Settings.model_config.get("env_prefix", ""))
    settings = {
        "DATABASE_URL" if name == "database_url" else f"{prefix}{name.upper()}": field
        for name, field in Settings.model_fields.items()
    }
    assert rows.keys() == settings.keys()
    for name, field in settings.items():
        value = field.default
        secret = hasattr(value, "get_secret_value")
        shown = str(value).lower() if isinstance(value, bool) else str(value)
        assert rows[name] == ("unset" if value is None or secret else shown), name


def test_every_event_is_documented_with_its_fields_and_recorded_somewhere() -> None:
    assert {kind.__name__ for kind in events.KINDS} == {kind.__name__ for kind in events.Event.__subclasses__()}
    page = document("operations.md")
    code = "\n".join(file.read_text("utf-8") for file in python_files("src"))
    for kind in events.KINDS:
        row = re.search(rf"^\| `{kind.__name__}` \|.*", page, re.MULTILINE)
        assert row, f"docs/operations.md says nothing of the event {kind.__name__}"
        undocumented = {f"`{name}`" for name in kind.__annotations__ if f"`{name}`" not in row.group()}
        assert not undocumented, kind.__name__
        assert f"events.{kind.__name__}(" in code, f"nothing records {kind.__name__}"


def test_every_metric_is_documented_and_fed_somewhere() -> None:
    page = document("operations.md")
    metrics = {metric.name for metric in observability.REGISTRY.collect()}
    assert {name for name in metrics if f"`{name}" not in page} == set()
    declared = re.findall(r"^([A-Z_]+) = (?:counter|gauge|histogram)\(", _source("observability.py"), re.MULTILINE)
    assert len(declared) == len(metrics)
    code = "\n".join(f.read_text("utf-8") for f in python_files("src") if f.name != "observability.py")
    assert [name for name in declared if not re.search(rf"\b{name}\b", code.replace(f"import {name}", ""))] == []


def _source(name: str) -> str:
    return (SOURCE / name).read_text("utf-8")


def test_every_route_names_the_scope_it_needs() -> None:
    routes = list(_routes(create_app(Settings(database_url=None)).routes))
    others = {getattr(route, "path", repr(route)) for route in routes if not isinstance(route, APIRoute)}
    assert others == {"/openapi.json"}
    scopes = {route.path: scope_of(route) for route in routes if isinstance(route, APIRoute)}
    assert len(scopes) > 20
    assert [path for path, scope in scopes.items() if scope is None] == []
    public = {path for path, scope in scopes.items() if scope == "public"}
    open_to_all = {path for path in public if path.startswith("/v1/")}
    assert open_to_all == {"/v1/collect"}, "nothing else under /v1 is open to everybody"


def _routes(routes: list[BaseRoute]) -> Iterator[BaseRoute]:
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is None:
            yield route
        else:
            yield from _routes(included.routes)


async def test_erase_and_export_reach_every_table_about_a_person(conn: Connection) -> None:
    wire_privacy()
    cursor = await conn.execute(
        """
        select c.relname from pg_attribute a join pg_class c on c.oid = a.attrelid
        where a.attname = 'user_id' and not a.attisdropped and c.relkind in ('r', 'p') and not c.relispartition
            and c.relnamespace = 'public'::regnamespace
        """
    )
    tables = {name for (name,) in await cursor.fetchall()}
    assert len(tables) > 10
    assert tables - privacy.registered_tables() == set()
    # The queue names a person by its lock; the zebra is registered by a test of the register itself.
    assert privacy.registered_tables() - tables <= {"procrastinate_jobs", "zebra"}


def test_the_architecture_lists_every_source_file() -> None:
    listed = set(re.findall(r"^\| `([\w./]+)` \|", document("architecture.md"), re.MULTILINE))
    there = {
        f.relative_to(SOURCE).as_posix()
        for f in SOURCE.rglob("*")
        if f.suffix in {".py", ".sql", ".js", ".css", ".html", ".toml", ".json", ".npz", ".txt", ".svg"}
        and "prompts" not in f.parts
        and f.name != "__init__.py"
    }
    assert there - listed == set(), "without a line in docs/architecture.md"
    assert listed - there == set(), "in docs/architecture.md, and gone"


def test_every_dependency_has_its_reason_and_its_version() -> None:
    reasons = (ROOT / "docs" / "decisions" / "0002-dependencies.md").read_text("utf-8").lower()
    pins = (ROOT / "constraints.txt").read_text("utf-8").lower().replace("_", "-")
    assert "://" not in pins, "constraints.txt holds names and versions, no addresses"
    for requirement in requires("undertone") or []:
        name = re.split(r"[\[<>=! ;]", requirement, maxsplit=1)[0].lower().replace("_", "-")
        assert f"`{name}`" in reasons, f"no line of reason for {name}"
        assert re.search(rf"^{re.escape(name)}==", pins, re.MULTILINE), f"{name} has no version in constraints.txt"


def test_documents_link_to_what_is_there() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    broken = [
        f"{name_of(page)}: {link}"
        for page in pages
        for link in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", page.read_text("utf-8"))
        if not (page.parent / link).exists()
    ]
    assert broken == []


def test_the_shipped_package_carries_its_data_files() -> None:
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["package-data"]
    kept = {Path(pattern).suffix for pattern in patterns["undertone"]}
    data = {f.suffix for f in SOURCE.rglob("*") if f.is_file() and "__pycache__" not in f.parts} - {".py", ""}
    assert data - kept == set()


def test_mocks_are_rare() -> None:
    tests, mocked = 0, 0
    for file in python_files("tests"):
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                tests += 1
                mocked += bool(re.search(r"monkeypatch\.setattr|\bmock\b|MagicMock|AsyncMock", ast.unparse(node)))
    assert mocked <= tests / 10


@pytest.mark.parametrize("word", ["Turn", "Conversation", "Session", "Signal", "Strategy", "Verdict", "Recall", "Task"])
def test_the_glossary_has_the_words_of_the_house(word: str) -> None:
    assert f"**{word}**" in document("glossary.md")
