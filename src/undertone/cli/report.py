"""`undertone report NAME`: one report as a table, JSON, CSV or Parquet.

`report ca-sb243 --year 2026`, `disclosure` and `incidents` come from the ledger and the log (report_safety.py). `report
person --user NAME` has one person's days; `report rebuild` makes the roll-ups anew.
"""

import asyncio
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from undertone import analytics, db
from undertone.analytics import tables
from undertone.analytics.reports import PERSON_QUESTION
from undertone.cli import report_safety
from undertone.cli.database import database
from undertone.config import Settings
from undertone.errors import BadInput
from undertone.people.identity import find_user

WIDEST = 1000
"""Columns of text beyond which no table is drawn."""


class Form(StrEnum):
    """How a report is written."""

    table = "table"
    json = "json"
    csv = "csv"
    parquet = "parquet"


def report(
    name: Annotated[str, typer.Argument(help="A report's name, `person`, `list`, or `rebuild`.")] = "list",
    year: Annotated[int | None, typer.Option(help="The year of `ca-sb243`.")] = None,
    user: Annotated[str, typer.Option(help="Whose days `person` shows, as the platform names them.")] = "",
    first: Annotated[str, typer.Option("--from", help="The first day, as 2026-05-01.")] = "",
    last: Annotated[str, typer.Option("--to", help="The last day; today when left out.")] = "",
    form: Annotated[Form, typer.Option("--format", help="How it is written.")] = Form.table,
    out: Annotated[Path | None, typer.Option(help="A file; stdout when left out.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Print a report, after bringing the roll-ups up to date."""
    console = Console()
    if name == "list":
        listed = Table.grid(Column(style="bold", no_wrap=True), padding=(0, 2))
        for known, definition in analytics.REPORTS.items():
            listed.add_row(known, definition.question)
        for known, question in report_safety.NAMES.items():
            listed.add_row(known, question)
        listed.add_row("person", f"{PERSON_QUESTION} Needs --user.")
        console.print(listed)
        return
    if (name == "person") != bool(user):
        raise BadInput("`report person` needs --user NAME, and no other report takes it.")
    until = _day(last) or datetime.now(UTC).date()
    since = _day(first) or until - timedelta(days=30)
    form = Form.json if as_json else form
    if name in report_safety.NAMES:
        if form in (Form.csv, Form.parquet) or out is not None:
            raise BadInput(f"`report {name}` is printed as text or with --json. By day there is `report notices`.")
        report_safety.write(name, year, since, until, as_json=form is Form.json, console=console)
        return
    if year is not None:
        raise BadInput("--year goes with `report ca-sb243`.")
    if form is Form.parquet and out is None:
        raise BadInput("Parquet is written to a file: add --out FILE.")
    settings = Settings()
    with database(settings, lambda _: None) as dsn, Console(stderr=True).status("Counting ..."):
        found, days = asyncio.run(_ask(dsn, name, user, since, until, settings.time_zone))
    if found is None:
        console.print(f"Made {days} days anew.")
    else:
        _write(found, form, out, console)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise BadInput(f"{text!r} is no day: write it as 2026-05-01.") from None


async def _ask(
    dsn: str, name: str, user: str, first: date, last: date, zone: str
) -> tuple[analytics.Report | None, int]:
    pool = await db.open_pool(dsn, max_size=2)
    try:
        async with db.transaction(pool) as conn:
            await analytics.set_zone(conn, zone)
            days = await analytics.roll_up(conn, rebuild=name == "rebuild")
            await analytics.roll_up_visits(conn, datetime.now(UTC), rebuild=name == "rebuild")
            if name == "rebuild":
                return None, len(days)
            if user:
                person = await find_user(conn, user)
                return await analytics.person_days(conn, person.user_id, first, last), len(days)
            return await analytics.run_report(conn, name, first, last), len(days)
    finally:
        await pool.close()


def print_table(found: analytics.Report, console: Console) -> None:
    """A table; where the terminal is too narrow for it, a block of lines a row, so that no number is cut short."""
    rows = [["" if value is None else str(value) for value in row] for row in found.rows]
    shown = Table(*(Column(name, no_wrap=True) for name in found.columns), title=found.question)
    for row in rows:
        shown.add_row(*row)
    needed = console.measure(shown, options=console.options.update(max_width=WIDEST)).maximum
    if needed <= console.width:
        console.print(shown)
    elif not console.is_terminal:
        Console(width=needed).print(shown)
    else:
        console.print(found.question, style="italic", highlight=False)
        for row in rows:
            block = Table.grid(Column(style="dim", no_wrap=True), padding=(0, 2))
            for name, value in zip(found.columns, row, strict=True):
                block.add_row(name, value)
            console.print("", block)


def _write(found: analytics.Report, form: Form, out: Path | None, console: Console) -> None:
    if form is Form.parquet:
        assert out is not None
        tables.write_parquet(found, out)
    elif form is Form.table and out is None:
        print_table(found, console)
    else:
        text = tables.as_json(found) if form is Form.json else tables.as_csv(found)
        if out is None:
            typer.echo(text.rstrip("\n"))
        else:
            out.write_text(text, "utf-8", newline="")
    if out is not None:
        Console(stderr=True).print(f"Wrote {out}.")
