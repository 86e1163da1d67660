"""`undertone export user` and `undertone erase`: everything held about a person, given out or deleted."""

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from undertone import app as application
from undertone import db
from undertone.cli.database import database
from undertone.config import Settings
from undertone.people import identity, privacy

export = typer.Typer(help="Take data out.", no_args_is_help=True)


@export.callback()
def exports() -> None:
    """Take data out."""


@export.command("user")
def export_user(
    user: Annotated[str, typer.Argument(help="The person, as your platform names them.")],
    out: Annotated[Path | None, typer.Option(help="A file; stdout when left out.")] = None,
) -> None:
    """Write everything held about a person as one JSON document."""
    text = json.dumps(_run(user, erase=False), ensure_ascii=False, indent=2, default=str)
    if out is None:
        typer.echo(text)
    else:
        out.write_text(text, "utf-8")
        Console(stderr=True).print(f"Wrote {out}.")


def erase(
    user: Annotated[str, typer.Argument(help="The person, as your platform names them.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object as the last line.")] = False,
) -> None:
    """Delete a person and everything held about them. It cannot be undone."""
    if not yes:
        typer.confirm(f"Delete everything held about {user}?", abort=True)
    erased = _run(user, erase=True)
    typer.echo(json.dumps(erased) if as_json else "\n".join(f"{n:6}  {table}" for table, n in erased.items() if n))


def _run(user: str, *, erase: bool) -> dict[str, Any]:
    application.wire_privacy()
    with database(Settings(), lambda _: None) as dsn:
        return asyncio.run(_reach(dsn, user, erase=erase))


async def _reach(dsn: str, user: str, *, erase: bool) -> dict[str, Any]:
    pool = await db.open_pool(dsn, max_size=2)
    try:
        async with db.transaction(pool) as conn:
            found = await identity.find_user(conn, user)
            reach = privacy.erase_person if erase else privacy.export_person
            return await reach(conn, found.user_id)
    finally:
        await pool.close()
