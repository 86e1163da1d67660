"""`undertone keys create`: what a platform's servers authenticate with."""

import asyncio
import json
from typing import Annotated

import typer
from rich.console import Console

from undertone import db
from undertone.cli.database import database
from undertone.config import Settings
from undertone.people import identity

app = typer.Typer(help="API keys.", no_args_is_help=True)
ATTESTED = "adult,chat,memory,typing"


@app.callback()
def keys() -> None:
    """API keys."""


@app.command("create")
def create(
    name: Annotated[str, typer.Option(help="What the key is for.")] = "platform",
    scopes: Annotated[str, typer.Option(help="By comma; all when left out.")] = "",
    attest: Annotated[str, typer.Option(help="What the platform vouches for, by comma.")] = ATTESTED,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object as the last line.")] = False,
) -> None:
    """Make an API key. It is shown once and stored as a hash."""
    console = Console(stderr=True)
    wanted = _words(scopes) or list(identity.SCOPES)
    attests = _words(attest)
    with database(Settings(), lambda _: None) as dsn:
        secret = asyncio.run(_create(dsn, name, wanted, attests))
    if attests:
        console.print(
            f"With this key your platform promises that it holds {', '.join(attests)} for the people it names: "
            "age assurance for `adult`, consent for the others. A person's own no always goes before it."
        )
    if as_json:
        typer.echo(json.dumps({"key": secret}))
    else:
        typer.echo(secret)


async def _create(dsn: str, name: str, scopes: list[str], attests: list[str]) -> str:
    pool = await db.open_pool(dsn, max_size=2)
    try:
        async with db.transaction(pool) as conn:
            return await identity.create_key(conn, name, scopes, attests)
    finally:
        await pool.close()


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
