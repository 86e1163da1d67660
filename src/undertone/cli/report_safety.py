"""`undertone report ca-sb243|disclosure|incidents`, and `undertone ledger verify`: what operators must tell and prove.

No identifiers: counts by month and kind, small ones hidden; the protocol's words, version and hash; shares of
conversations with their notices; incidents by id.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from undertone import db
from undertone.cli.database import database
from undertone.config import Settings
from undertone.errors import BadInput
from undertone.guardrails import incidents, ledger, reports
from undertone.resources import Connection

NAMES = {
    "ca-sb243": "How often were people referred to crisis help in a year? As California's SB 243 asks. Takes --year.",
    "disclosure": "Which share of conversations had the AI notice at the start, throughout, and when asked?",
    "incidents": "What happened that an operator should look at, and do all counts agree?",
}

T = TypeVar("T")

app = typer.Typer(help="The referral ledger.", no_args_is_help=True)


def write(name: str, year: int | None, first: date, last: date, *, as_json: bool, console: Console) -> None:
    """Print one of NAMES."""
    if (name == "ca-sb243") != (year is not None):
        raise BadInput("`report ca-sb243` needs --year, as in --year 2026, and no other report takes it.")
    if year is not None and not 2020 <= year <= 2100:
        raise BadInput(f"--year {year} is no year of ours: write four digits, as 2026.")
    since, until = (datetime.combine(day, time.min, UTC) for day in (first, last + timedelta(days=1)))
    found = _asked(lambda conn: _found(conn, name, year, since, until))
    if as_json:
        typer.echo(json.dumps(found, default=str))
        return
    _print(name, found, console)


async def _found(conn: Connection, name: str, year: int | None, since: datetime, until: datetime) -> dict[str, Any]:
    check = asdict(await reports.reconcile(conn))
    if year is not None:
        return {"report": name, **asdict(await reports.yearly(conn, year)), "counts": check}
    if name == "disclosure":
        return {"report": name, "from": since, "to": until, **asdict(await reports.notices(conn, since, until))}
    listed = await incidents.list_all(conn, since=since, limit=incidents.MOST)
    rows = [
        {k: v for k, v in asdict(one).items() if k not in ("user", "conversation_id", "persona_id", "note", "seen_by")}
        for one in listed
        if one.opened_at < until
    ]
    return {"report": name, "incidents": rows, "counts": check}


def _print(name: str, found: dict[str, Any], console: Console) -> None:
    if name == "disclosure":
        console.print_json(data=found, default=str)
        return
    if name == "ca-sb243":
        table = Table("month", "referrals", title=f"Referrals to crisis help in {found['year']}: {found['total']}")
        for month, count in found["by_month"].items():
            table.add_row(month, _shown(count))
        console.print(table)
        table = Table("kind", "referrals")
        for kind, count in found["by_kind"].items():
            table.add_row(kind, _shown(count))
        console.print(table)
        console.print(f"Protocol {found['protocol_version']}, SHA-256 {found['protocol_sha256']}", highlight=False)
        console.print(f"Ledger: {found['ledger_lines']} lines, seal {found['ledger_seal']}", highlight=False)
    else:
        table = Table("opened", "kind", "level", "country", "referrals", "state")
        for one in found["incidents"]:
            table.add_row(
                f"{one['opened_at']:%Y-%m-%d %H:%M}",
                one["kind"],
                one["level"],
                one["country"],
                str(one["referrals"]),
                one["state"],
            )
        console.print(table)
    counts = found["counts"]
    word = "agree" if counts["agree"] else "[red]do not agree[/]"
    console.print(f"Ledger {counts['ledger']}, on incidents {counts['incidents']}: the counts {word}.")


def _shown(count: int | None) -> str:
    return f"fewer than {reports.FEWEST}, or hidden beside one" if count is None else str(count)


@app.callback()
def the_ledger() -> None:
    """The referral ledger."""


@app.command("verify")
def verify(
    expect: Annotated[
        str, typer.Option(help="COUNT:SEAL of an earlier proof, kept elsewhere: also shows a cut-off end.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object as the last line.")] = False,
) -> None:
    """Read the whole chain; fails when a line was changed or removed."""
    count, _, seal = expect.partition(":")
    if expect and not (count.isdigit() and len(seal) == 64):
        raise BadInput("--expect takes COUNT:SEAL as this command printed it, the seal in 64 hexadecimal digits.")
    proof, earlier = _asked(lambda conn: _proven(conn, int(count) if expect else None))
    if expect and earlier != seal:
        raise ledger.LedgerError(
            f"The ledger no longer holds the {count} lines of that proof: its end was cut off, or it was written anew."
        )
    if as_json:
        typer.echo(json.dumps({"whole": True, "count": proof.count, "seal": proof.seal}))
    else:
        Console().print(f"Whole: {proof.count} lines. Keep this elsewhere: {proof.count}:{proof.seal}", highlight=False)


async def _proven(conn: Connection, at: int | None) -> tuple[ledger.Proof, str | None]:
    return await ledger.verify(conn), None if at is None else await ledger.seal_at(conn, at)


def _asked(ask: Callable[[Connection], Awaitable[T]]) -> T:
    async def with_pool(dsn: str) -> T:
        pool = await db.open_pool(dsn, max_size=2)
        try:
            async with db.transaction(pool) as conn:
                return await ask(conn)
        finally:
            await pool.close()

    with database(Settings(), lambda _: None) as dsn:
        return asyncio.run(with_pool(dsn))
