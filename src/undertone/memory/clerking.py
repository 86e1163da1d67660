"""Asking the model for background work on behalf of one person: within their budget, metered, never required.

    found = await ask(resources, user_id, persona_id, "sum_up", messages, schema, now=now)     # None: the rules do it

No connection is held while the model speaks, and no failure of it is an error of the job. Knows no prompt.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from undertone import events
from undertone.db import transaction
from undertone.errors import ModelFailed
from undertone.llm.clerk import model_asked
from undertone.llm.protocol import ChatMessage
from undertone.memory import summaries_store
from undertone.observability import get_logger
from undertone.resources import Resources
from undertone.types import Usage

log = get_logger(__name__)


async def ask(
    resources: Resources,
    user_id: UUID,
    persona_id: str,
    purpose: str,
    messages: Sequence[ChatMessage],
    schema: Mapping[str, Any],
    *,
    now: datetime,
) -> dict[str, Any] | None:
    """One JSON object that fits `schema`; None without a model, beyond the day's budget, or when the model failed."""
    clerk = resources.clerk
    if clerk is None:
        return None
    async with transaction(resources.db) as conn:
        granted = await summaries_store.spend(
            conn, user_id, persona_id, clerk.estimate(messages), clerk.tokens_per_day, now
        )
    if not granted:
        return None
    data, usage, ms, outcome = None, Usage(model=clerk.model), 0.0, "failed"
    try:
        answer = await clerk.ask(messages, schema)
        data, usage, ms, outcome = answer.data, answer.usage, answer.ms, "ok"
    except ModelFailed as error:
        log.warning("clerk.failed", purpose=purpose, error=type(error).__name__)
    async with transaction(resources.db) as conn:
        await events.record(
            conn,
            model_asked(user_id, purpose, outcome, usage, ms),
        )
    return data
