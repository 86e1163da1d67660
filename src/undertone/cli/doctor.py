"""`undertone doctor`: is everything here that a turn needs? One line a check, exit 1 when one fails."""

import asyncio
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

import psycopg
import typer
from rich.console import Console

from undertone import db, guardrails, jobs
from undertone.cli.database import database
from undertone.config import Settings
from undertone.errors import NotReady, UndertoneError
from undertone.llm import catalogue
from undertone.llm.embedder import default_embedder


def doctor(as_json: Annotated[bool, typer.Option("--json", help="One JSON object as the last line.")] = False) -> None:
    """Check the database, the queue, the embedder, the crisis protocol and the model's name."""
    settings = Settings()
    checks: dict[str, Callable[[], str]] = {
        "database": lambda: _database(settings),
        "jobs": lambda: _jobs(settings),
        "incidents": lambda: _incidents(settings),
        "webhook": lambda: _webhook(settings),
        "embedder": lambda: _embedder(settings),
        "crisis protocol": lambda: f"version {guardrails.require_protocol().version}, active",
        "model": lambda: _model(settings),
    }
    found: dict[str, dict[str, object]] = {}
    for name, check in checks.items():
        try:
            found[name] = {"ok": True, "says": check()}
        except UndertoneError as error:
            found[name] = {"ok": False, "says": error.detail}
    if as_json:
        typer.echo(json.dumps({"ok": all(f["ok"] for f in found.values()), "checks": found}))
    else:
        console = Console()
        for name, result in found.items():
            mark = "[green]ok[/green]  " if result["ok"] else "[red]fail[/red]"
            console.print(f"{mark}  {name:16} {result['says']}")
    if not all(f["ok"] for f in found.values()):
        raise typer.Exit(1)


def _database(settings: Settings) -> str:
    with database(settings, lambda _: None) as dsn:
        server, vector = db.versions(dsn)
    kind = "your server" if settings.database_url else "embedded"
    return f"PostgreSQL {server}, pgvector {vector} ({kind})"


def _jobs(settings: Settings) -> str:
    with database(settings, lambda _: None) as dsn:
        health = asyncio.run(_queue(dsn))
    if health.stuck:
        names = ", ".join(f"{name} ({number})" for name, number in health.stuck.items())
        raise NotReady(f"Waiting or running for over ten minutes: {names}. Does a worker run (`undertone worker`)?")
    waiting, failed = health.by_state.get("todo", 0), health.by_state.get("failed", 0)
    return f"{waiting} waiting, {failed} failed in the last {jobs.KEEP_FAILED_DAYS} days, none stuck"


async def _queue(dsn: str) -> jobs.QueueHealth:
    pool = await db.open_pool(dsn, max_size=2)
    try:
        async with pool.connection() as conn:
            return await jobs.queue_health(conn)
    finally:
        await pool.close()


def _incidents(settings: Settings) -> str:
    tally, _, now = _told(settings)
    if tally.oldest is not None and now - tally.oldest > guardrails.incidents.UNSEEN_TOO_LONG:
        minutes = (now - tally.oldest).total_seconds() / 60
        raise NotReady(f"{tally.waiting} wait, one for {minutes:.0f} minutes: look at GET /v1/incidents?state=open.")
    if tally.referrals != tally.ledger:
        raise NotReady(f"Incidents count {tally.referrals} referrals and the ledger {tally.ledger}: one was altered.")
    return f"{tally.waiting} waiting; {tally.ledger} referrals, as the ledger has them"


def _webhook(settings: Settings) -> str:
    hook = guardrails.webhooks.hook_of(settings.webhook_url, settings.webhook_secret.get_secret_value())
    _, stuck, _ = _told(settings)
    if stuck:
        first = stuck[0]
        given_up = sum(delivery.given_up_at is not None for delivery in stuck)
        raise NotReady(
            f"{len(stuck)} not heard ({given_up} given up), the first since {first.created_at:%Y-%m-%d %H:%M} UTC, "
            f"{first.attempts} tries: {first.problem or 'not tried yet; does a worker run?'}"
        )
    return "signed and heard" if hook else "none: incidents are only at GET /v1/incidents (set UNDERTONE_WEBHOOK_URL)"


Told = tuple[guardrails.incidents.Tally, list[guardrails.webhooks.Delivery], datetime]


def _told(settings: Settings) -> Told:
    with database(settings, lambda _: None) as dsn:
        return asyncio.run(_tell(dsn))


async def _tell(dsn: str) -> Told:
    pool = await db.open_pool(dsn, max_size=2)
    try:
        async with pool.connection() as conn:
            now = await db.clock(conn)
            return await guardrails.incidents.tally(conn), await guardrails.webhooks.stuck(conn, now), now
    except psycopg.errors.UndefinedTable as error:
        raise NotReady("The database is not up to date: run `undertone migrate`.") from error
    finally:
        await pool.close()


def _embedder(settings: Settings) -> str:
    embedder = default_embedder(settings.data_dir / "models")
    try:
        began = time.perf_counter()
        width = embedder.embed_now(["Is everything here?"]).shape[1]
        return f"{embedder.name}, {width} dimensions, {(time.perf_counter() - began) * 1000:.0f} ms a message"
    finally:
        embedder.close()


def _model(settings: Settings) -> str:
    if settings.model == "offline":
        return "none connected: replies are composed offline (set UNDERTONE_MODEL and UNDERTONE_MODEL_API_KEY)"
    catalogue.check(settings.model, datetime.now(UTC).date())
    known = catalogue.find(settings.model)
    return f"{settings.model} at {settings.model_base_url}" + ("" if known else " (not in the catalogue: no prices)")
