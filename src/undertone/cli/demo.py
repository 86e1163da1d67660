"""`undertone demo`: a believable month of made-up people for the reports; `--remove` takes all of it out again."""

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
from undertone.ops import demo as maker


def demo(
    people: Annotated[int, typer.Option(help="How many people.", min=1, max=2000)] = 120,
    seed: Annotated[int, typer.Option(help="The same seed makes the same month.")] = 1,
    remove: Annotated[bool, typer.Option("--remove", help="Erase every demo person and their numbers.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object as the last line.")] = False,
) -> None:
    """Fill a month with made-up people, whose names begin with `demo-`, or remove them."""
    application.wire_privacy()
    with database(Settings(), lambda _: None) as dsn, Progress(console=Console(stderr=True)) as progress:
        line = progress.add_task("Erasing" if remove else "Making people", total=None)
        done = asyncio.run(_run(dsn, people, seed, remove, lambda n, of: progress.update(line, completed=n, total=of)))
    if as_json:
        typer.echo(json.dumps(done))
    else:
        typer.echo(", ".join(f"{n} {what}" for what, n in done.items()))


async def _run(dsn: str, people: int, seed: int, remove: bool, say: maker.Say) -> dict[str, Any]:
    pool = await db.open_pool(dsn, max_size=2)
    try:
        if remove:
            return {"removed": await maker.clear(pool, say=say)}
        return asdict(await maker.fill(pool, seed=seed, people=people, now=maker.today(), say=say))
    finally:
        await pool.close()
