"""`undertone profile show|rebuild USER`: how a person is read, and reading them anew."""

import asyncio
import json
from typing import Annotated, Any

import typer
from rich.console import Console

from undertone import app as application
from undertone import db, signals
from undertone.cli.database import database
from undertone.config import Settings
from undertone.engine import rebuild
from undertone.errors import NotFound
from undertone.people import Principal, identity, standing

app = typer.Typer(help="How a person is read.", no_args_is_help=True)
User = Annotated[str, typer.Argument(help="The person, as your platform names them.")]
OPERATOR = Principal(kind="key", scopes=frozenset(), attests=frozenset({"typing"}))
"""Whoever runs this command stands for the platform's promise; a person's own no still goes before it."""
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object as the last line.")]


@app.command("show")
def show(user: User, as_json: AsJson = False) -> None:
    """Print the profile, field by field."""
    _print(_run(user, again=False), as_json)


@app.command("rebuild")
def rebuild_one(user: User, as_json: AsJson = False) -> None:
    """Read all of the person's messages anew and replace the profile; their own correction stays."""
    _print(_run(user, again=True), as_json)


def _run(user: str, *, again: bool) -> dict[str, Any]:
    settings = Settings()
    with database(settings, lambda _: None) as dsn:
        return asyncio.run(_reach(settings.model_copy(update={"database_url": dsn}), user, again=again))


async def _reach(settings: Settings, user: str, *, again: bool) -> dict[str, Any]:
    async with application.open_resources(settings) as resources:
        async with db.transaction(resources.db) as conn:
            await identity.find_user(conn, user)
            person = await standing(conn, OPERATOR, user)
        readings = (
            await rebuild.rebuild_profile(application.build_engine(settings, resources), person) if again else None
        )
        async with resources.db.connection() as conn:
            profile = await signals.load_profile(conn, person.user_id)
    if profile is None:
        raise NotFound(f"Nothing was read of {user}: no consent to be read, or no message yet.")
    return {"user": user, **({"read": readings} if again else {}), **profile.fields()}


def _print(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(result))
    else:
        Console().print_json(data=result)
