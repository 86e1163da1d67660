"""Webhooks: signed so that the specification's own library verifies them, tried until heard, and without a word."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest
from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from uuid_utils.compat import uuid7

from house import open_house
from scripted_model import Scripted
from undertone.db import transaction
from undertone.engine import care
from undertone.errors import NotReady
from undertone.guardrails import incidents, incidents_store, webhooks
from undertone.llm.embedder import MiniLM
from undertone.people import identity
from undertone.resources import Connection, Hook, Pool, Resources

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


@dataclass
class Listener:
    """A little HTTP server of a platform: keeps what it hears and answers as told."""

    url: str = ""
    answers: list[int] = field(default_factory=list[int])
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list[tuple[dict[str, str], bytes]])
    called: asyncio.Event = field(default_factory=asyncio.Event)

    async def hear(self, request: web.Request) -> web.Response:
        self.heard.append(({name.lower(): value for name, value in request.headers.items()}, await request.read()))
        self.called.set()
        status = self.answers.pop(0) if self.answers else 204
        return web.Response(status=status, headers={"location": "http://127.0.0.1:9/elsewhere"})


@asynccontextmanager
async def listening() -> AsyncGenerator[Listener]:
    listener = Listener()
    app = web.Application()
    app.router.add_post("/hear", listener.hear)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    _, port = runner.addresses[0]
    listener.url = f"http://127.0.0.1:{port}/hear"
    try:
        yield listener
    finally:
        await runner.cleanup()


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    async with listening() as found:
        yield found


def with_hook(db: Pool, url: str | None) -> Resources:
    return cast(Resources, SimpleNamespace(db=db, hook=Hook(url, SECRET) if url else None))


async def incident(conn: Connection, name: str = "anna") -> tuple[UUID, UUID]:
    user = await identity.find_or_create_user(conn, name)
    found = await incidents.opened(
        conn,
        user_id=user.user_id,
        conversation_id=uuid7(),
        persona_id="mira",
        kind="abuse",
        level="crisis",
        country="GB",
        now=datetime.now(UTC),
        told=True,
    )
    return user.user_id, found


async def the_delivery(conn: Connection) -> str:
    row = await (await conn.execute("select id from webhook_deliveries")).fetchone()
    assert row is not None
    return row[0]


async def waiting(conn: Connection) -> list[tuple[datetime | None, int]]:
    """When each queued try is due, and how many there are for it."""
    rows = await conn.execute(
        "select scheduled_at, count(*) from procrastinate_jobs where task_name = 'deliver_webhook'"
        " group by 1 order by 1"
    )
    return [(row[0], row[1]) for row in await rows.fetchall()]


async def test_it_is_queued_with_what_it_tells_of(db: Pool, conn: Connection) -> None:
    async with transaction(db) as inner:
        await incident(inner)
    assert await waiting(conn) == [(None, 1)]
    async with db.connection() as inner, inner.transaction(force_rollback=True):  # a turn not admitted after all
        await incident(inner, "ben")
    assert await waiting(conn) == [(None, 1)]


async def test_the_signature_is_verified_by_the_library(db: Pool, conn: Connection, listener: Listener) -> None:
    _, incident_id = await incident(conn)
    await webhooks.deliver(with_hook(db, listener.url), delivery_id=await the_delivery(conn))
    [(headers, body)] = listener.heard
    told = Webhook(SECRET).verify(body, headers)
    assert told["type"] == "incident.opened"
    assert told["data"]["incident"] == str(incident_id)
    assert (told["data"]["user"], told["data"]["kind"], told["data"]["country"]) == ("anna", "abuse", "GB")
    assert set(told["data"]) == {"incident", "kind", "level", "country", "opened_at", "user", "persona", "conversation"}
    for wrong in (Webhook("whsec_" + "QUFB" * 12), Webhook(SECRET)):
        with pytest.raises(WebhookVerificationError):
            wrong.verify(body + b" ", headers)
    assert (await incidents_store.find_delivery(conn, headers["webhook-id"])).delivered_at is not None  # pyright: ignore


async def test_it_is_tried_again_under_the_same_id_until_it_is_heard_and_then_no_more(
    db: Pool, conn: Connection, listener: Listener
) -> None:
    await incident(conn)
    listener.answers = [500, 302, 200]
    resources, delivery_id = with_hook(db, listener.url), await the_delivery(conn)
    for _ in range(5):  # a rescued job runs once more: harmless
        await webhooks.deliver(resources, delivery_id=delivery_id)
    assert len(listener.heard) == 3, "a redirect is followed nowhere, and heard once is enough"
    assert {headers["webhook-id"] for headers, _ in listener.heard} == {delivery_id}
    assert len({body for _, body in listener.heard}) == 1
    dues = [due for due, _ in await waiting(conn) if due is not None]
    assert len(dues) == 2
    assert timedelta(seconds=20) < dues[1] - dues[0] < timedelta(seconds=60)


async def test_what_nobody_hears_waits_longer_each_time_is_given_up_and_shows(db: Pool, conn: Connection) -> None:
    await incident(conn)
    resources, delivery_id = with_hook(db, "http://127.0.0.1:9/nobody"), await the_delivery(conn)
    for _ in range(len(webhooks.WAITS) + 1):
        await webhooks.deliver(resources, delivery_id=delivery_id)
    delivery = await incidents_store.find_delivery(conn, delivery_id)
    assert delivery is not None
    assert delivery.given_up_at is not None
    assert "could not be reached" in delivery.problem
    assert "127.0.0.1" not in delivery.problem
    assert sum(count for due, count in await waiting(conn) if due) == len(webhooks.WAITS)
    assert list(webhooks.WAITS) == sorted(webhooks.WAITS)
    assert await webhooks.stuck(conn, datetime.now(UTC)) == [], "not at once"
    [shown] = await webhooks.stuck(conn, datetime.now(UTC) + timedelta(hours=1))
    assert shown.id == delivery_id


async def test_somebody_erased_meanwhile_is_named_no_more(db: Pool, conn: Connection, listener: Listener) -> None:
    user_id, _ = await incident(conn)
    await incidents_store.erase_incidents(conn, user_id)
    await webhooks.deliver(with_hook(db, listener.url), delivery_id=await the_delivery(conn))
    [(_, body)] = listener.heard
    data: dict[str, Any] = json.loads(body)["data"]
    assert (data["user"], data["conversation"], data["persona"]) == (None, None, None)
    assert data["kind"] == "abuse"


async def test_a_crisis_in_a_chat_is_heard_by_the_platform_at_once(
    dsn: str, embedder: MiniLM, listener: Listener
) -> None:
    hook = {"webhook_url": listener.url, "webhook_secret": SECRET}
    async with open_house(dsn, embedder, Scripted(), **hook) as house:
        worker = asyncio.create_task(care.work(house.engine.resources, dsn))
        anna = house.person()
        words = "I want to kill myself tonight"
        await anna.say(words)
        async with asyncio.timeout(30):
            await listener.called.wait()
        worker.cancel()
        await asyncio.wait({worker})
    [(headers, body)] = listener.heard
    told = Webhook(SECRET).verify(body, headers)
    assert (told["data"]["user"], told["data"]["kind"]) == (anna.name, "suicidal")
    assert words.encode() not in body


@pytest.mark.parametrize(
    ("url", "secret", "words"),
    [
        ("http://example.com/hook", SECRET, "https"),
        ("ftp://127.0.0.1/hook", SECRET, "https"),
        ("https://example.com/hook", "", "24 bytes"),
        ("https://example.com/hook", "whsec_c2hvcnQ=", "24 bytes"),
        ("https://example.com/hook", "whsec_ä", "base64"),
    ],
)
def test_an_unsafe_setting_is_refused_in_words(url: str, secret: str, words: str) -> None:
    with pytest.raises(NotReady, match=words):
        webhooks.hook_of(url, secret)
    assert webhooks.hook_of(None, "") is None


def test_the_secret_shows_in_no_log() -> None:
    assert SECRET not in repr(webhooks.hook_of("https://example.com/hook", SECRET))
