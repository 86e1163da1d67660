"""`undertone personas ...`, `import card`, `export card`: who speaks, from the terminal.

Over the same functions as the API; files go in and out whole. Knows no HTTP.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from undertone import cards, db
from undertone.cli.database import database
from undertone.config import Settings
from undertone.db import Connection
from undertone.engine import persona_cards, persona_store, preview
from undertone.engine import personas as people_of_ours
from undertone.errors import BadInput

app = typer.Typer(help="Who speaks: list, show, set, roll back, preview.", no_args_is_help=True)

T = TypeVar("T")
Named = Annotated[str, typer.Argument(help="The persona's id.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object as the last line.")]
AUTHOR = "command line"


@app.command("list")
def list_personas(as_json: AsJson = False) -> None:
    """Every persona that may be served."""
    found = _run(people_of_ours.list_all)
    if as_json:
        typer.echo(
            json.dumps({"personas": [{"id": p.persona_id, "version": p.version, "name": p.name} for p in found]})
        )
        return
    table = Table("id", "version", "name", "tagline", box=None)
    for persona in found:
        table.add_row(persona.persona_id, str(persona.version), escape(persona.name), escape(persona.tagline))
    Console().print(table)


@app.command("show")
def show(persona: Named, version: Annotated[int | None, typer.Option(help="An older one.")] = None) -> None:
    """One persona as JSON, as `set` takes it, and its versions on stderr."""
    found = _run(lambda conn: people_of_ours.look(conn, persona, version))
    for row in _run(lambda conn: persona_store.versions(conn, persona)):
        mark = "*" if row.active else " "
        typer.echo(f"{mark} {row.version:4}  {row.created_at:%Y-%m-%d %H:%M}  {row.author}  {row.note}", err=True)
    typer.echo(json.dumps(found.card(), ensure_ascii=False, indent=2))


@app.command("set")
def set_persona(
    persona: Named,
    file: Annotated[Path, typer.Argument(help="JSON, as `show` prints it.", exists=True, dir_okay=False)],
    note: Annotated[str, typer.Option(help="What changed.")] = "",
    as_json: AsJson = False,
) -> None:
    """Store a new version and make it the active one."""
    data = cards.strict_json.parse(file.read_bytes(), str(file))
    version = _run(lambda conn: people_of_ours.put(conn, persona, data, author=AUTHOR, note=note))
    _say(as_json, {"id": persona, "version": version}, f"{persona} is at version {version}.")


@app.command("rollback")
def rollback(persona: Named, version: Annotated[int, typer.Argument()], as_json: AsJson = False) -> None:
    """Make an older version the active one again."""
    _run(lambda conn: people_of_ours.rollback(conn, persona, version))
    _say(as_json, {"id": persona, "version": version}, f"{persona} is back at version {version}.")


@app.command("preview")
def preview_persona(
    persona: Named,
    message: Annotated[str, typer.Argument(help="What somebody might say.")],
    strategy: Annotated[str, typer.Option(help="How to reply.")] = "gentle",
    window: Annotated[int, typer.Option(help="Tokens the request may hold.", min=4000, max=2_000_000)] = 16_000,
    as_json: AsJson = False,
) -> None:
    """The exact request a model would get. No model is called."""
    found = _run(lambda conn: people_of_ours.look(conn, persona))
    settings = Settings()
    shown = preview.preview(found, message, model=settings.model, window=window, strategy=strategy)
    if as_json:
        typer.echo(json.dumps(shown))
        return
    for each in shown["request"]["messages"]:
        typer.echo(f"--- {each['role']}\n{each['content']}\n")
    rest = {key: value for key, value in shown["request"].items() if key != "messages"}
    typer.echo(json.dumps(rest | {key: shown[key] for key in ("lorebook", "left_out")}))


def import_card(
    file: Annotated[Path, typer.Argument(help="A character card: JSON, PNG or CHARX.", exists=True, dir_okay=False)],
    persona: Annotated[str, typer.Option("--as", help="The id it gets.")],
    real_person: Annotated[str, typer.Option(help="Whom it is modelled on; needs their consent.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make a persona of a character card, or a new version of one."""
    card = cards.read(file.read_bytes())
    version, notes = _run(
        lambda conn: persona_cards.bring_in(conn, persona, card, author=AUTHOR, real_person=real_person)
    )
    for note in notes:
        typer.echo(f"note: {note}", err=True)
    _say(as_json, {"id": persona, "version": version, "notes": notes}, f"{persona} is at version {version}.")


def export_card(
    persona: Named,
    out: Annotated[Path, typer.Argument(help="Where to; the ending chooses: .json, .png or .charx.", dir_okay=False)],
    as_json: AsJson = False,
) -> None:
    """Write a persona as a character card."""
    ending = out.suffix.lower().removeprefix(".")
    container: cards.Container | None = next((known for known in cards.CONTAINERS if known == ending), None)
    if container is None:
        raise BadInput("The file's name must end in .json, .png or .charx.")
    wanted = container
    made = _run(lambda conn: persona_cards.give_out(conn, persona, wanted))
    out.write_bytes(made)
    _say(as_json, {"id": persona, "bytes": len(made)}, f"Wrote {out}.")


def _say(as_json: bool, data: dict[str, Any], words: str) -> None:
    typer.echo(json.dumps(data) if as_json else words)


def _run(ask: Callable[[Connection], Awaitable[T]]) -> T:
    with database(Settings(), lambda _: None) as dsn:
        return asyncio.run(_asked(dsn, ask))


async def _asked(dsn: str, ask: Callable[[Connection], Awaitable[T]]) -> T:
    pool = await db.open_pool(dsn, max_size=2)
    try:
        async with db.transaction(pool) as conn:
            await people_of_ours.load_samples(conn)
            return await ask(conn)
    finally:
        await pool.close()
