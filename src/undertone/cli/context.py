"""`undertone context USER --window N`: what one request would hold, as a table with token shares and cost.

With `--message` also what would be recalled for those words. Reads only; no model is called and nothing is counted as a
use. What the next turn would really send differs in the strategy that it chooses.
"""

import asyncio
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from undertone import db, memory
from undertone.cli.database import database
from undertone.config import Settings
from undertone.engine import budgets, personas, reach, tokens_store
from undertone.engine import context as assembly
from undertone.engine.strategies import CATALOGUE, DEFAULT
from undertone.errors import NotFound
from undertone.guardrails.care import Duties
from undertone.llm import catalogue
from undertone.llm.embedder import default_embedder
from undertone.people import identity
from undertone.types import Memory, Usage, Vector

NAMES = {
    "persona": "persona and rules",
    "card": "profile card",
    "summaries": "summaries",
    "earlier": "earlier conversations",
    "history": "this conversation",
    "memories": "recalled memories",
    "notes": "strategy and time",
    "message": "the message",
}
"""Parts as a reader knows them."""


@dataclass(frozen=True, slots=True)
class _Drafted:
    plan: assembly.Plan
    room: budgets.Window
    model: str
    ms: float


def context(
    user: Annotated[str, typer.Argument(help="The person, as your platform names them.")],
    window: Annotated[int, typer.Option(help="Tokens the request may hold.", min=4000, max=2_000_000)] = 16_000,
    persona: Annotated[str, typer.Option(help="Whom they talk to.")] = "mira",
    message: Annotated[str, typer.Option(help="What they might say next; memories are recalled for it.")] = "",
    over_step: Annotated[bool, typer.Option(help="Grow past the size from which the model bills more.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object as the last line.")] = False,
) -> None:
    """Print the plan of this person's next request."""
    settings = Settings()
    over = over_step or settings.context_over_step
    vector = _vector(settings, message) if message else None
    with database(settings, lambda _: None) as dsn:
        drafted = asyncio.run(_draft(dsn, settings, user, persona, window, message, vector, over_step=over))
    result = _as_json(drafted, window)
    if as_json:
        typer.echo(json.dumps(result))
    else:
        _print(Console(), user, drafted, result)


def _vector(settings: Settings, message: str) -> Vector:
    embedder = default_embedder(settings.data_dir / "models", threads=settings.embedder_threads)
    try:
        return asyncio.run(embedder.embed([message]))[0]
    finally:
        embedder.close()


async def _draft(
    dsn: str,
    settings: Settings,
    user: str,
    persona_id: str,
    window: int,
    text: str,
    vector: Vector | None,
    *,
    over_step: bool,
) -> _Drafted:
    pool = await db.open_pool(dsn, max_size=2)
    now = datetime.now(UTC)
    try:
        async with db.transaction(pool) as conn:
            person = await identity.find_user(conn, user)
            persona = await personas.get(conn, persona_id)
            found = await memory.list_conversations(conn, person.user_id, persona_id=persona_id, limit=1)
            if not found:
                raise NotFound(f"{user} has not talked to {persona_id} yet.")
            talk = found[0]
            model = persona.model or settings.model
            room = budgets.fit(model, window, over_step=over_step)
            ratios = budgets.TokenRatio()
            ratios.adopt(await tokens_store.share(conn, {}))
            began = time.perf_counter()
            past = await reach.read(
                conn, person.user_id, persona_id, talk.id, position=talk.messages, window=room.tokens
            )
            known = await memory.background(conn, person.user_id, persona_id, talk.id)
            given = assembly.Ingredients(
                persona=persona,
                strategy=CATALOGUE[DEFAULT],
                duties=Duties(),
                text=text,
                now=now,
                history=past.history,
                whole=past.whole,
                pages=past.pages,
                memory_tokens=settings.memory_tokens,
                card=known.card,
                summaries=known.summaries,
                model=model,
                bytes_per_token=ratios.of(model),
                room=room.why,
            )
            framed = assembly.frame(given, room.tokens)
            recalled: list[Memory] = []
            if text:
                recalled = await memory.recall(
                    conn,
                    person.user_id,
                    persona_id,
                    text,
                    vector,
                    now=now,
                    budget_tokens=reach.recall_tokens(settings.memory_tokens, text),
                    exclude_conversation_after=(talk.id, framed.shown_from),
                    exclude_seqs=framed.pages_cover,
                )
    finally:
        await pool.close()
    plan = assembly.assemble(assembly.with_memories(given, recalled), room.tokens, framed)
    return _Drafted(plan, room, model, (time.perf_counter() - began) * 1000)


def _as_json(drafted: _Drafted, asked: int) -> dict[str, Any]:
    plan, known = drafted.plan, catalogue.find(drafted.model)
    prefix = plan.prefix_tokens
    fresh = catalogue.cost(known, Usage(prompt_tokens=plan.prompt_tokens))
    cached = catalogue.cost(known, Usage(prompt_tokens=plan.prompt_tokens, cached_tokens=prefix))
    return {
        "window": drafted.room.tokens,
        "asked": asked,
        "model": drafted.model,
        "tokens": plan.prompt_tokens,
        "prefix_tokens": prefix,
        "cost_usd": fresh,
        "cached_usd": cached,
        "ms": round(drafted.ms, 1),
        "parts": plan.shares(),
        "left_out": list(plan.left_out),
        "memories": [{"text": m.text, "why": m.why} for m in plan.memories],
    }


def _print(console: Console, user: str, drafted: _Drafted, result: dict[str, Any]) -> None:
    table = Table(box=box.SIMPLE_HEAD, show_footer=True, title_justify="left", title_style="bold")
    table.title = f"The next request of {user}: {result['window']:,} tokens at most"
    most = max(1, *(part["tokens"] for part in result["parts"]))
    table.add_column("part", footer="the whole prompt")
    table.add_column("holds", justify="right")
    table.add_column("tokens", justify="right", footer=f"{result['tokens']:,}")
    table.add_column("budget", justify="right", style="dim")
    table.add_column("share", justify="right", footer="100.0%")
    table.add_column("", width=20, no_wrap=True)
    for part in result["parts"]:
        table.add_row(
            NAMES.get(part["part"], part["part"]),
            f"{part['items']:,}",
            f"{part['tokens']:,}",
            f"{part['budget']:,}",
            f"{part['share']:.1%}",
            "█" * round(20 * part["tokens"] / most),
        )
    console.print(table)
    console.print(
        f"{result['prefix_tokens']:,} tokens stay as they are from turn to turn; laid out in {result['ms']} ms."
    )
    if result["cost_usd"] is not None:
        console.print(
            f"{drafted.model}: ${result['cost_usd']:.4f} for the prompt, ${result['cached_usd']:.4f} once its beginning"
            " is cached."
        )
    else:
        console.print(f"No price is known for the model {drafted.model}.", style="dim")
    for line in result["left_out"]:
        console.print(f"left out  {escape(line)}", style="yellow")
    for found in result["memories"]:
        console.print(f"recalled  {escape(found['text'][:90])}  [dim]{escape(found['why'])}[/dim]")
