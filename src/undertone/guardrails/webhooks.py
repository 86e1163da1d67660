"""Telling the platform's own address that something happened: signed as Standard Webhooks, at least once, never a word.

    await webhooks.tell(conn, "incident.opened", incident_id, now)      # in the transaction that made it true

A job sends it, and again after longer and longer waits until it is heard or a day has passed. Each try has the same
`webhook-id`; the signature is HMAC-SHA256 over id, time and body. Knows no turn; of a person only the platform's id.
"""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import aiohttp
from standardwebhooks.webhooks import Webhook
from uuid_utils.compat import uuid7

from undertone import jobs, observability
from undertone.db import transaction
from undertone.errors import NotReady
from undertone.guardrails import incidents_store as store
from undertone.guardrails.incidents_store import Delivery
from undertone.resources import Connection, Hook, Resources

WAITS: Final = tuple(timedelta(seconds=s) for s in (5, 30, 120, 600, 1800, 3600, 4 * 3600, 8 * 3600, 10 * 3600))
"""Before each further try; after the last one it is given up, which the doctor shows."""
TRY_S: Final = 10.0
STUCK: Final = timedelta(minutes=10)
_LOCAL: Final = {"127.0.0.1", "::1", "localhost"}

log = observability.get_logger("guardrails.webhooks")


def hook_of(url: str | None, secret: str) -> Hook | None:
    """Where to tell what happened; None without an address. Raises NotReady when it could not be told safely."""
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOCAL):
        raise NotReady("UNDERTONE_WEBHOOK_URL must begin with https:// (http only for this machine).")
    try:
        key = base64.b64decode(secret.removeprefix("whsec_") + "==")
    except ValueError as error:
        raise NotReady("UNDERTONE_WEBHOOK_SECRET is no base64.") from error
    if len(key) < 24:
        raise NotReady("UNDERTONE_WEBHOOK_SECRET has fewer than 24 bytes. Make one: openssl rand -base64 32.")
    return Hook(url, secret)


async def tell(conn: Connection, kind: str, incident_id: UUID, now: datetime) -> None:
    """Queue one message about an incident in the caller's transaction."""
    delivery_id = f"msg_{uuid7().hex}"
    await store.add_delivery(conn, delivery_id, kind, incident_id, now)
    await jobs.defer(conn, "deliver_webhook", delivery_id=delivery_id)


@jobs.job("deliver_webhook")
async def deliver(resources: Resources, *, delivery_id: str) -> None:
    """Try once; when it was not heard, queue the next try. A failure is kept on the row and is none of the job's."""
    async with transaction(resources.db) as conn:
        delivery = await store.find_delivery(conn, delivery_id)
        if delivery is None or delivery.delivered_at is not None:
            return
        incident = await store.find_incident(conn, delivery.incident_id)
    assert incident is not None
    body = json.dumps(_body(delivery, incident), separators=(",", ":"))
    hook = resources.hook
    problem = await _post(hook, delivery_id, body) if hook else "UNDERTONE_WEBHOOK_URL is not set"
    given_up = bool(problem) and delivery.attempts >= len(WAITS)
    now = datetime.now(UTC)
    async with transaction(resources.db) as conn:
        await store.note_try(conn, delivery_id, problem=problem, given_up=given_up, now=now)
        if problem and not given_up:
            at = now + WAITS[delivery.attempts]
            await jobs.defer(conn, "deliver_webhook", at=at, delivery_id=delivery_id)
    observability.WEBHOOKS.labels(outcome="given_up" if given_up else "failed" if problem else "delivered").inc()
    if problem:
        log.warning("webhook_not_heard", delivery=delivery_id, attempts=delivery.attempts + 1, problem=problem)


async def stuck(conn: Connection, now: datetime) -> list[Delivery]:
    """What nobody has heard for a while."""
    return await store.stuck_deliveries(conn, now - STUCK)


def _body(delivery: Delivery, incident: store.Incident) -> dict[str, Any]:
    """The same at each try unless the person was erased meanwhile: then nothing in it points to them."""
    return {
        "type": delivery.kind,
        "timestamp": delivery.created_at.isoformat(),
        "data": {
            "incident": str(incident.id),
            "kind": incident.kind,
            "level": incident.level,
            "country": incident.country,
            "opened_at": incident.opened_at.isoformat(),
            "user": incident.user,
            "persona": incident.persona_id,
            "conversation": str(incident.conversation_id) if incident.conversation_id else None,
        },
    }


async def _post(hook: Hook, delivery_id: str, body: str) -> str:
    """Send it; "" when it was heard (2xx), else why not, in words without the address."""
    now = datetime.now(UTC)
    headers = {
        "content-type": "application/json",
        "webhook-id": delivery_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(hook.secret).sign(delivery_id, now, body),
    }
    patience = aiohttp.ClientTimeout(total=TRY_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=patience) as session,
            session.post(hook.url, data=body.encode(), headers=headers, allow_redirects=False) as answer,
        ):
            return "" if 200 <= answer.status < 300 else f"it answered {answer.status}"
    except TimeoutError:
        return f"no answer within {TRY_S:.0f} s"
    except (aiohttp.ClientError, OSError) as error:
        return f"it could not be reached ({type(error).__name__})"
