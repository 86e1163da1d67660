"""`undertone context USER --window N`: what one request would hold, as a table with token shares and cost."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from undertone import db, memory
from undertone.cli.database import database
from undertone.config import Settings
from undertone.engine import context as assembly
from undertone.engine import personas
from undertone.engine.strategies import CATALOGUE, DEFAULT
from undertone.errors import NotFound
from undertone.guardrails.care import Duties
from undertone.llm import catalogue
from undertone.people import identity
from undertone.types import Usage


def context(
    user: Annotated[str, typer.Argument(help="The person, as your platform names them.")],
    window: Annotated[int, typer.Option(help="Tokens the request may hold.", min=4000, max=2_000_000)] = 16_000,
    persona: Annotated[str, typer.Option(help="Whom they talk to.")] = "mira",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object as the last line.")] = False,
) -> None:
    """Print the plan of this person's next request."""
    settings = Settings()
    with database(settings, lambda _: None) as dsn:
        plan, ms = asyncio.run(_plan(dsn, user, persona, window))
    model = catalogue.find(settings.model)
    price = catalogue.cost(model, Usage(prompt_tokens=plan.prompt_tokens)) if model else None
    if as_json:
        result: dict[str, Any] = {"window": window, "tokens": plan.prompt_tokens, "cost_usd": price, "ms": round(ms, 1)}
        typer.echo(json.dumps(result | {"parts": plan.shares(), "left_out": list(plan.left_out)}))
        return
    table = Table("part", "items", "tokens", "budget", "share", title=f"{window:,} tokens for {user}")
    for part in plan.shares():
        table.add_row(
            part["part"], str(part["items"]), f"{part['tokens']:,}", f"{part['budget']:,}", f"{part['share']:.1%}"
        )
    console = Console()
    console.print(table)
    console.print(f"{plan.prompt_tokens:,} tokens" + (f", ${price:.4f} uncached" if price is not None else ""))
    for line in plan.left_out:
        console.print(f"left out: {line}", style="dim")


async def _plan(dsn: str, user: str, persona_id: str, window: int) -> tuple[assembly.Plan, float]:
    pool = await db.open_pool(dsn, max_size=2)
    began = datetime.now(UTC)
    try:
        async with db.transaction(pool) as conn:
            person = await identity.find_user(conn, user)
            persona = await personas.get(conn, persona_id)
            found = await memory.list_conversations(conn, person.user_id, persona_id=persona_id, limit=1)
            if not found:
                raise NotFound(f"{user} has not talked to {persona_id} yet.")
            limit = max(100, assembly.budgets(window)["history"] // 25)
            history = await memory.history(conn, person.user_id, found[0].id, limit=limit)
            known = await memory.background(conn, person.user_id, persona_id, found[0].id)
    finally:
        await pool.close()
    plan = assembly.assemble(
        assembly.Ingredients(
            persona=persona,
            strategy=CATALOGUE[DEFAULT],
            duties=Duties(),
            text="",
            now=datetime.now(UTC),
            history=history,
            whole=len(history) < limit,
            card=known.card,
            summaries=known.summaries,
        ),
        window,
    )
    return plan, (datetime.now(UTC) - began).total_seconds() * 1000
