"""`undertone import log FILE.jsonl`: a platform starts with its past.

Safe to stop and to run again: what is stored is not stored twice. Bad rows are named by file and line and left out, or
with `--strict` nothing is stored while there is one.
"""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from undertone import app as application
from undertone.cli.database import database
from undertone.config import Settings
from undertone.db import transaction
from undertone.engine import personas
from undertone.errors import BadInput
from undertone.ops.importers import Imported, Log, check_attests, read_log, store_log

SHOWN = 20
"""Faults printed one by one."""

app = typer.Typer(help="Bring data in.", no_args_is_help=True)


@app.callback()
def imports() -> None:
    """Bring data in."""


@app.command("log")
def import_log(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help='JSONL: {"user","persona","role","text","at","conversation"?,"id"?}.')
    ],
    attest: Annotated[str, typer.Option(help="Say `memory`: these people agreed to be remembered.")] = "",
    user: Annotated[str | None, typer.Option(help="The person, where a row names none.")] = None,
    persona: Annotated[str | None, typer.Option(help="The persona, where a row names none.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Store nothing while a row is bad.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object as the last line.")] = False,
) -> None:
    """Store a chat log with its dates, searchable and summed up like everything that is said here."""
    attests = {part.strip() for part in attest.split(",") if part.strip()}
    check_attests(attests)
    console = Console(stderr=True)
    settings = Settings()
    with database(settings, console.print) as dsn:
        log, done = asyncio.run(
            _import(settings.model_copy(update={"database_url": dsn}), file, user, persona, attests, strict, console)
        )
    result = _as_json(log, done)
    if as_json:
        typer.echo(json.dumps(result))
    else:
        _print(Console(), log, done, result)


async def _import(
    settings: Settings,
    file: Path,
    user: str | None,
    persona: str | None,
    attests: set[str],
    strict: bool,
    console: Console,
) -> tuple[Log, Imported]:
    application.wire_privacy()
    async with application.open_resources(settings) as resources:
        async with transaction(resources.db) as conn:
            await personas.load_samples(conn)
            names = {found.persona_id for found in await personas.list_all(conn)}
        log = read_log(file, personas=names, now=datetime.now(UTC), user=user, persona=persona)
        for fault in log.faults[:SHOWN]:
            console.print(f"{escape(str(file))}, line {fault.line}: {escape(fault.why)}", style="yellow")
        if len(log.faults) > SHOWN:
            console.print(f"... and {len(log.faults) - SHOWN} more rows like these", style="yellow")
        if strict and log.faults:
            raise BadInput(f"{file} has {len(log.faults)} bad rows, so nothing was stored. Correct them and try again.")
        columns = (TextColumn("Importing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
            task = bar.add_task("rows", total=len(log.places))
            done = await store_log(resources, log, attests=attests, on_progress=lambda n: bar.advance(task, n))
    return log, done


def _as_json(log: Log, done: Imported) -> dict[str, Any]:
    return {
        "rows": done.rows + len(log.faults),
        "stored": done.stored,
        "already": done.already,
        "quarantined": done.quarantined,
        "refused": done.refused,
        "bad": len(log.faults),
        "people": len(done.people),
        "conversations": done.conversations,
        "seconds": round(done.seconds, 2),
        "messages_per_second": round(done.stored / done.seconds, 1) if done.seconds else 0.0,
        "faults": [{"line": fault.line, "why": fault.why} for fault in log.faults[:1_000]],
    }


def _print(console: Console, log: Log, done: Imported, result: dict[str, Any]) -> None:
    people = "1 person" if len(done.people) == 1 else f"{len(done.people):,} people"
    console.print(
        f"[bold]{done.stored:,} messages stored[/bold], {done.conversations:,} new conversations of {people},"
        f" {result['messages_per_second']:,} a second."
    )
    for number, words in (
        (done.already, "were here already"),
        (done.quarantined, "are quarantined: they try to plant instructions, and are never recalled"),
        (done.refused, "are of people who do not want to be remembered"),
        (len(log.faults), "rows are bad and were left out"),
    ):
        if number:
            console.print(f"{number:,} {words}.")
    if done.stored:
        console.print("Jobs now sum the conversations up and read what they tell.", style="dim")
