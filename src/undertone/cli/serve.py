"""`undertone serve`, `worker` and `migrate`: the verbs that run the house."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Generator
from typing import Annotated

import typer
from rich.console import Console

from undertone import app as application
from undertone import db, guardrails, observability
from undertone.cli.database import database
from undertone.config import Settings
from undertone.engine import care
from undertone.errors import NotReady
from undertone.people import identity, operators

LOCAL_PERSON = "local"
TRY = "My sister is called Ana, she lives in Porto and I promised to visit her in May."


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    workers: Annotated[int, typer.Option(help="Server processes; more than one needs DATABASE_URL.", min=1)] = 1,
    no_worker: Annotated[
        bool, typer.Option("--no-worker", help="Leave background jobs to `undertone worker`.")
    ] = False,
) -> None:
    """Run the API, the pages and the job worker; without DATABASE_URL also the database."""
    console = Console(stderr=True)
    settings = Settings()
    settings = settings.model_copy(
        update={"host": host or settings.host, "port": settings.port if port is None else port}
    )
    observability.configure_logging(settings.log_json, settings.log_level)
    with _steps(console) as say, database(settings, say) as dsn:
        settings = settings.model_copy(update={"database_url": dsn})
        say("Loading the embedder")
        if workers > 1:
            raise NotReady("Run one `undertone serve` a core behind a load balancer; --workers takes 1 for now.")
        asyncio.run(_serve(settings, console, worker=not no_worker))


async def _serve(settings: Settings, console: Console, *, worker: bool) -> None:
    from granian.constants import Interfaces
    from granian.errors import FatalError
    from granian.server.embed import Server

    app = application.create_app(settings, worker=worker)
    server = Server(
        app,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        backlog=2048,
        websockets=False,
        log_access=False,
        log_enabled=False,
    )
    loop = asyncio.get_running_loop()

    def stop() -> None:
        app.state.stopping.set()  # pages that listen are let go, or the server would wait for them
        server.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    ready = asyncio.Event()
    app.state.on_ready = ready.set
    running = asyncio.create_task(server.serve())
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if ready.is_set():
        await _welcome(settings, console)
    try:
        await running
    except FatalError as error:
        raise NotReady(
            f"The server could not start on {settings.host}:{settings.port}; the lines above say why. "
            "Is the port taken? Choose another with --port."
        ) from error


async def _welcome(settings: Settings, console: Console) -> None:
    """Say what to open and what to try, with a link that signs a local person in once."""
    pool = await db.open_pool(settings.database_url or "", max_size=2)
    async with db.transaction(pool) as conn:
        person = await identity.find_or_create_user(conn, LOCAL_PERSON)
        code = await identity.issue_link(conn, person.user_id, attests=("adult",))
        console_code = await operators.issue_link(conn)
    await pool.close()
    address = f"http://{settings.host}:{settings.port}"
    model = "no model is connected: replies are composed offline" if settings.model == "offline" else settings.model
    console.print()
    console.print(f"  [bold]Undertone[/bold] is listening at {address}  [dim]({model})[/dim]")
    console.print()
    console.print(f"  Open this once to sign in:  {address}/enter?code={code}", soft_wrap=True)
    console.print(f"  Then say, for example:      [italic]{TRY}[/italic]")
    console.print(f"  The operators' console:     {address}/console/enter?code={console_code}", soft_wrap=True)
    console.print(f"  The API, to try out:        {address}/docs")
    console.print("  A key for your platform:    [bold].venv/bin/undertone keys create[/bold]")
    console.print("  Another model:              UNDERTONE_MODEL=grok-4.3 UNDERTONE_MODEL_API_KEY=... make run")
    console.print("  Ctrl-C ends it; what was said stays.", style="dim")
    console.print()


def worker() -> None:
    """Run background jobs only."""
    console = Console(stderr=True)
    settings = Settings()
    observability.configure_logging(settings.log_json, settings.log_level)
    with _steps(console) as say, database(settings, say) as dsn:
        say("Working; Ctrl-C ends it")
        asyncio.run(_work(settings.model_copy(update={"database_url": dsn})))


async def _work(settings: Settings) -> None:
    guardrails.require_protocol()
    async with application.open_resources(settings) as resources:
        task = asyncio.create_task(care.work(resources, settings.database_url or ""))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await task


def migrate() -> None:
    """Bring the database up to date."""
    console = Console(stderr=True)
    with _steps(console) as say, database(Settings(), say):
        say("The database is up to date")


@contextlib.contextmanager
def _steps(console: Console) -> Generator[Callable[[str], None]]:
    """A line a step on a terminal and in a log alike."""

    def say(text: str) -> None:
        console.print(f"[dim]-[/dim] {text}")

    yield say
