"""The one place where things are built and wired.

    app = create_app(Settings())

Reads settings, opens Resources for as long as the app lives, tells `people.privacy` what every room holds about a
person, and includes the routers. Tests pass their own model. Knows every room's front door and no room's inside.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import psycopg
from fastapi import FastAPI

from undertone import __version__, analytics, events, guardrails, jobs, memory, observability, signals
from undertone.analytics import beacons_store
from undertone.analytics.collecting import Collector
from undertone.analytics.countries import Countries, open_countries
from undertone.config import Settings
from undertone.console import ROUTERS as CONSOLE
from undertone.console import failures_allowed
from undertone.db import open_pool, transaction
from undertone.engine import (
    Engine,
    Live,
    branches_store,
    care,
    handovers_store,
    offers_store,
    personas,
    policy,
    reminders_store,
    replay,
    sent_store,
    store,
    tokens_store,
)
from undertone.engine.budgets import TokenRatio
from undertone.errors import NotReady
from undertone.llm import providers
from undertone.llm.clerk import Clerk
from undertone.llm.embedder import default_embedder
from undertone.llm.embedding_endpoint import EmbeddingEndpoint
from undertone.llm.offline import Offline
from undertone.llm.protocol import ChatProvider, Embedder
from undertone.people import age, register
from undertone.resources import Resources
from undertone.server import routes
from undertone.server.visitors import Visitors

SWEEP_S = 10.0
SHARE_S = 30.0
"""How often this replica looks for turns of replicas that fell silent."""

LEAVE_S = 25.0
"""How long leaving waits for background tasks; running jobs are handed back by then."""

log = observability.get_logger("app")


def wire_privacy() -> None:
    """Tell export and erase about every table that holds something about a person; turns first, see `erase_person`."""
    for table, (export, erase) in {
        **store.HOLDINGS,
        **sent_store.HOLDINGS,
        **offers_store.HOLDINGS,
        **reminders_store.HOLDINGS,
        **branches_store.HOLDINGS,
        **handovers_store.HOLDINGS,
        **memory.HOLDINGS,
        **signals.HOLDINGS,
        **guardrails.HOLDINGS,
        **analytics.HOLDINGS,
        "events": (events.export_events, events.erase_events),
        "procrastinate_jobs": (jobs.export_waiting, jobs.erase_waiting),
    }.items():
        register(table, export, erase)


@asynccontextmanager
async def open_resources(
    settings: Settings, *, chat: ChatProvider | None = None, embed: Embedder | None = None
) -> AsyncGenerator[Resources]:
    """The pool, the model and the embedders, closed at the end. Raises NotReady or Unprocessable in words."""
    if settings.database_url is None:
        raise NotReady("No database: set DATABASE_URL, or start with `undertone serve`, which runs one for you.")
    hook = guardrails.webhooks.hook_of(settings.webhook_url, settings.webhook_secret.get_secret_value())
    pool = await open_pool(
        settings.database_url, min_size=2, max_size=settings.db_pool_size, through_pooler=not settings.db_prepare
    )
    builtin = embed or default_embedder(settings.data_dir / "models", threads=settings.embedder_threads)
    recall: Embedder = builtin
    if settings.recall_embedder != "builtin":
        recall = EmbeddingEndpoint(
            settings.recall_base_url or settings.model_base_url,
            settings.recall_api_key.get_secret_value(),
            model=settings.recall_embedder,
            dimension=settings.recall_dimension,
        )
    model = chat or build_chat(settings)
    try:
        clerk, look = _clerk(settings, model), look_of(settings, model)
        yield Resources(pool, model, builtin, recall, clerk=clerk, look=look, hook=hook)
    finally:
        await model.close()
        if embed is None:
            await builtin.aclose()
        if recall is not builtin:
            await recall.aclose()
        await pool.close()


def build_chat(settings: Settings) -> ChatProvider:
    """The model that settings name, with its fallback; the offline composer when they name none."""
    return providers.build(
        settings.model,
        settings.model_base_url,
        settings.model_api_key.get_secret_value(),
        today=datetime.now(UTC).date(),
        fallback_model=settings.fallback_model,
        fallback_base_url=settings.fallback_base_url,
        fallback_api_key=settings.fallback_api_key.get_secret_value(),
        first_token_s=settings.first_token_s,
        idle_token_s=settings.idle_token_s,
        turn_s=settings.turn_s,
    )


def _clerk(settings: Settings, chat: ChatProvider) -> Clerk | None:
    """The model for background work; None where settings want none, or there is none."""
    if settings.background_model == "none" or chat.name == Offline.name:
        return None
    name = "" if settings.background_model == "same" else settings.background_model
    return Clerk(chat, name, settings.background_s, settings.background_tokens_per_day)


def look_of(settings: Settings, chat: ChatProvider) -> Clerk | None:
    """The model for a second look; None where settings want none, or there is none."""
    if settings.second_look_model == "none" or chat.name == Offline.name:
        return None
    name = "" if settings.second_look_model == "same" else settings.second_look_model
    return Clerk(chat, name, settings.second_look_s)


def build_engine(settings: Settings, resources: Resources) -> Engine:
    """The engine of one process."""
    return Engine(
        resources=resources,
        live=Live(resources.db, settings.running_turns),
        tokens=TokenRatio(),
        model=settings.model,
        window=settings.context_tokens,
        over_step=settings.context_over_step,
        memory_tokens=settings.memory_tokens,
        idle=timedelta(hours=settings.idle_hours),
        notice_every=timedelta(hours=settings.notice_hours),
        per_minute=settings.messages_per_minute,
        per_day=settings.messages_per_day,
        minutes_a_day=settings.minutes_per_day,
        break_after=settings.break_minutes,
        handover=settings.handover,
        turn_s=settings.turn_s,
        offline_delay_ms=settings.offline_delay_ms,
        offers_per_week=settings.offers_per_week,
        tuning=policy.Tuning(explore=settings.explore),
        types=types_of(settings),
    )


def build_visitors(settings: Settings, resources: Resources, countries: Countries | None) -> Visitors:
    """What takes the beacons of one process."""
    return Visitors(
        Collector(resources.db),
        sites=settings.visit_sites,
        trusted=settings.trusted_proxies,
        countries=countries,
        address_whole=settings.address_whole,
        per_minute=settings.beacons_per_minute,
    )


def create_app(
    settings: Settings,
    *,
    worker: bool = True,
    chat: ChatProvider | None = None,
    embed: Embedder | None = None,
) -> FastAPI:
    """The whole server. `worker` also runs background jobs in this process. Raises BadInput for a wrong setting."""
    guardrails.require_protocol()
    wire_privacy()
    countries = open_countries(settings.countries)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with open_resources(settings, chat=chat, embed=embed) as resources:
            async with transaction(resources.db) as conn:
                await personas.load_samples(conn)
                await analytics.set_zone(conn, settings.time_zone)
                await beacons_store.set_rules(conn, settings.visit_days, settings.address_days)
                ratios = await tokens_store.share(conn, {})
            engine = build_engine(settings, resources)
            engine.tokens.adopt(ratios)
            app.state.resources, app.state.engine, app.state.settings = resources, engine, settings
            visitors = build_visitors(settings, resources, countries)
            app.state.visitors = visitors
            app.state.sign_in_failures = failures_allowed()
            tasks = [asyncio.create_task(engine.live.keep()), asyncio.create_task(_sweep(engine))]
            tasks.append(asyncio.create_task(_share_ratios(engine)))
            tasks.append(asyncio.create_task(visitors.collector.keep()))
            tasks.append(asyncio.create_task(_warm(resources)))
            if worker:
                tasks.append(asyncio.create_task(care.work(resources, settings.database_url or "")))
            app.state.on_ready()
            try:
                yield
            finally:
                await engine.live.close()
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks, timeout=LEAVE_S)
                await visitors.collector.close()

    app = FastAPI(
        title="Undertone",
        version=__version__,
        summary="The conversation engine for companion and creator chat.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.offline = settings.model == "offline" and chat is None
    app.state.on_ready = lambda: None
    app.state.stopping = asyncio.Event()
    app.state.age_issuer = age_issuer(settings)
    app.state.types = types_of(settings)
    routes.include(app)
    for router in CONSOLE:
        app.include_router(router)
    return app


def types_of(settings: Settings) -> signals.TypeReader:
    """What reads user types: the shipped model or the operator's, with the operator's priors. Loaded once."""
    return signals.reader(settings.user_type_model, settings.user_type_priors)


def age_issuer(settings: Settings) -> age.AgeIssuer | None:
    """Whose signed age assertions are accepted; None when settings name nobody."""
    if not settings.age_issuer:
        return None
    return age.AgeIssuer(
        name=settings.age_issuer, key=settings.age_key.get_secret_value(), algorithm=settings.age_algorithm
    )


async def _warm(resources: Resources) -> None:
    """Read one sentence, so that no person's first words wait half a second for the readers to be loaded."""
    text = "Good morning, this is a sentence that nobody said."
    (vector,) = await resources.embed.embed([text])
    readable = await asyncio.to_thread(signals.readable, text)
    await asyncio.to_thread(guardrails.check_input, text, vector, readable=readable)


async def _share_ratios(engine: Engine) -> None:
    """Tell the other processes how this one's models count tokens, and hear theirs."""
    while True:
        await asyncio.sleep(SHARE_S)
        news = engine.tokens.take_news()
        try:
            async with transaction(engine.resources.db) as conn:
                engine.tokens.adopt(await tokens_store.share(conn, news))
        except (NotReady, psycopg.Error) as error:
            engine.tokens.keep_news(news)
            log.warning("ratios_not_shared", error=type(error).__name__)


async def _sweep(engine: Engine) -> None:
    while True:
        await asyncio.sleep(SWEEP_S)
        try:
            if found := await replay.sweep(engine):
                log.info("turns_interrupted", turns=found)
        except NotReady as error:
            log.warning("sweep_failed", error=error.detail)
