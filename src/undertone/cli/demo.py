"""`undertone demo`: a believable month of made-up people for reports and pages; `--remove` takes it out again."""

import asyncio
import json
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from undertone import app as application
from undertone import db
from undertone.cli.database import database
from undertone.config import Settings
from undertone.engine import personas
from undertone.ops import demo as maker


def demo(
    people: Annotated[int, typer.Option(help="How many people.", min=1, max=2000)] = 120,
    seed: Annotated[int, typer.Option(help="The same seed makes the same month.")] = 1,
    remove: Annotated[bool, typer.Option("--remove", help="Erase every demo person and their numbers.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object as the last line.")] = False,
) -> None:
    """Fill a month with made-up people, whose names begin with `demo-`, or remove them."""
    application.wire_privacy()
    settings = Settings(model="offline", messages_per_minute=1000)
    with database(settings, lambda _: None) as dsn, _progress() as progress:
        line = progress.add_task("Erasing" if remove else "Making people", total=None)
        settings = settings.model_copy(update={"database_url": dsn, "offline_delay_ms": 0.0})
        done = asyncio.run(
            _run(settings, people, seed, remove, lambda n, of: progress.update(line, completed=n, total=of))
        )
    if as_json:
        typer.echo(json.dumps(done))
    else:
        typer.echo(", ".join(f"{n} {what}" for what, n in done.items()))


def _progress() -> Progress:
    """A bar for whoever looks; nothing in a log."""
    console = Console(stderr=True)
    return Progress(console=console, transient=True, disable=not console.is_terminal)


async def _run(settings: Settings, people: int, seed: int, remove: bool, say: maker.Say) -> dict[str, Any]:
    async with application.open_resources(settings) as resources:
        if remove:
            return {"removed": await maker.clear(resources.db, say=say)}
        await maker.refuse_second(resources.db)
        async with db.transaction(resources.db) as conn:
            await personas.load_samples(conn)
        engine = application.build_engine(settings, resources)
        keeping = asyncio.create_task(engine.live.keep())
        try:
            made = await maker.fill(resources.db, seed=seed, people=people, now=maker.today(), say=say, engine=engine)
        finally:
            await engine.live.close()
            keeping.cancel()
        return asdict(made)
