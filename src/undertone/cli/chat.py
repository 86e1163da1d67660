"""`undertone chat`: talk to a persona in the terminal, through the same engine as everybody else."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console

from undertone import app as application
from undertone.cli.database import database
from undertone.config import Settings
from undertone.db import transaction
from undertone.engine import Engine, Said, personas, turn
from undertone.engine.nouns import Begun
from undertone.errors import UndertoneError
from undertone.people import Principal

ME = Principal(
    kind="key", scopes=frozenset({"chat"}), attests=frozenset({"adult", "chat", "memory", "typing"}), key_id="terminal"
)


def chat(
    persona: Annotated[str, typer.Option(help="Whom to talk to.")] = "mira",
    user: Annotated[str, typer.Option(help="Who you are.")] = "local",
) -> None:
    """Talk in the terminal. By chatting here you agree to being read and remembered on this machine; Ctrl-D ends it."""
    console = Console()
    settings = Settings()
    with database(settings, lambda text: console.print(f"[dim]- {text}[/dim]")) as dsn:
        asyncio.run(_chat(settings.model_copy(update={"database_url": dsn}), console, persona, user))


async def _chat(settings: Settings, console: Console, persona: str, user: str) -> None:
    application.wire_privacy()
    async with application.open_resources(settings) as resources:
        async with transaction(resources.db) as conn:
            await personas.load_samples(conn)
            them = await personas.get(conn, persona)
        engine = application.build_engine(settings, resources)
        keeping = asyncio.create_task(engine.live.keep())
        console.print(f"[bold]{them.name}[/bold] [dim](an AI)[/dim]  {them.greeting}")
        try:
            await _talk(engine, console, persona, user, them.name)
        finally:
            await engine.live.close()
            keeping.cancel()


async def _talk(engine: Engine, console: Console, persona: str, user: str, name: str) -> None:
    while True:
        try:
            text = await asyncio.to_thread(console.input, "[bold cyan]you[/bold cyan]  ")
        except (EOFError, KeyboardInterrupt):
            console.print()
            return
        if not text.strip():
            continue
        try:
            begun = await turn.begin(engine, ME, Said(user=user, persona=persona, text=text, shows_asides=False))
        except UndertoneError as error:
            console.print(f"[red]{error.detail}[/red]")
            continue
        assert isinstance(begun, Begun)
        console.print(f"[bold]{name}[/bold]  ", end="")
        async for frame in turn.reply(engine, begun).follow():
            if frame.event == "text.delta":
                console.print(frame.data["text"], end="", markup=False, highlight=False)
            elif frame.event == "turn.done":
                console.print(f"\n[dim]{frame.data['strategy']} · {len(frame.data['memories'])} memories[/dim]")
            else:
                console.print(f"\n[red]{frame.data.get('detail', 'The reply was interrupted.')}[/red]")
