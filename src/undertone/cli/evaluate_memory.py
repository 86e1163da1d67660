"""`undertone evaluate memory FILE|DIR`: recall of the evidence on chats in LoCoMo's JSON, with shipped defaults.

Works in a scratch database beside the configured one and drops it; no person's data is touched.
"""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from undertone import db
from undertone.cli.database import database
from undertone.config import Settings
from undertone.errors import BadInput
from undertone.llm.embedder import default_embedder
from undertone.memory import locomo


def evaluate_memory(
    path: Annotated[Path, typer.Argument(metavar="FILE|DIR", help="LoCoMo JSON, or a folder of such files.")],
    format: Annotated[str, typer.Option(help="The files' format; locomo is the one there is.")] = "locomo",
    conversations: Annotated[str, typer.Option(help="Which ones, counted from 1: 6-10 or 1,3.")] = "",
    k: Annotated[str, typer.Option(help="How many turns count, several by comma.")] = "5,10,20,50",
    baselines: Annotated[bool, typer.Option("--baselines", help="Also rank by one leg alone: vector, BM25.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Store chats through the public write path and measure which share of each question's evidence is recalled."""
    console = Console(stderr=True)
    if format != "locomo":
        raise BadInput(f"The format {format!r} is not known; use --format locomo.")
    ks = _numbers(k)
    chats = locomo.read_chats(path)
    if conversations:
        chats = list(locomo.choose(chats, conversations))
    settings = Settings()
    with database(settings, console.print, migrate=False) as dsn, db.scratch_database(dsn) as scratch:
        result = asyncio.run(_measure(scratch, settings.data_dir / "models", chats, ks, baselines))
    if as_json:
        typer.echo(json.dumps(result))
    else:
        _print(Console(), result)


async def _measure(
    dsn: str, models: Path, chats: Sequence[locomo.Chat], ks: Sequence[int], baselines: bool
) -> dict[str, Any]:
    embedder = default_embedder(models)
    pool = await db.open_pool(dsn)
    try:
        return await locomo.measure(pool, embedder, chats, ks=ks, baselines=baselines)
    finally:
        await pool.close()
        embedder.close()


def _numbers(text: str) -> list[int]:
    try:
        numbers = sorted({int(part) for part in text.split(",")})
    except ValueError:
        numbers = []
    if not numbers or not 1 <= numbers[0] <= numbers[-1] <= 1_000:
        raise BadInput(f"--k takes numbers from 1 to 1000 by comma, such as 5,10,20; it was {text!r}.")
    return numbers


def _print(console: Console, result: dict[str, Any]) -> None:
    console.print(f"{result['questions']} questions about {result['messages']} messages")
    for k, value in result["recall"].items():
        console.print(f"  recall@{k} {value:.3f}   nDCG@{k} {result['ndcg'][k]:.3f}")
    for name, figures in result.get("baselines", {}).items():
        both = [f"recall@{k} {value:.3f}, nDCG@{k} {figures['ndcg'][k]:.3f}" for k, value in figures["recall"].items()]
        console.print(f"  {name} alone: " + "; ".join(both))
    for name, value in result["by_category"].items():
        console.print(f"  category {name}: recall@10 {value:.3f}")
    console.print(f"  recall took {result['latency_ms']['p50']} ms (p50), {result['latency_ms']['p95']} ms (p95)")
