"""A chat that took place elsewhere and comes with somebody's first message here: stored once, ahead of it.

    await elsewhere.take_past(engine, conn, conversation, past, now)

What a rail would have stopped is quarantined. Knows no client.
"""

from collections.abc import Sequence
from datetime import datetime

from undertone import guardrails, memory, signals
from undertone.engine.nouns import Engine, Past
from undertone.resources import Connection


async def take_past(
    engine: Engine, conn: Connection, conversation: memory.Conversation, past: Sequence[Past], begun_at: datetime
) -> None:
    """Store a chat that took place elsewhere, once, ahead of the person's first message here."""
    vectors = await engine.resources.embed.embed([p.text for p in past])
    for earlier, vector in zip(past, vectors, strict=True):
        verdict = guardrails.check_input(earlier.text, vector, readable=signals.readable(earlier.text))
        await memory.append(
            conn,
            user_id=conversation.user_id,
            conversation_id=conversation.id,
            persona_id=conversation.persona_id,
            role=earlier.role,
            text=earlier.text,
            now=begun_at,
            quarantined=verdict.quarantine,
        )
