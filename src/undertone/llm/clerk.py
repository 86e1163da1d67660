"""The model for background work: asks for JSON, within a deadline and a daily budget a person, and says what it used.

    answer = await clerk.ask(messages, schema)      # validated; ModelFailed when late or beside the point

A turn never waits for it. Knows no prompt and no budget's state: whoever asks looks after that.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from undertone import events
from undertone.errors import ModelFailed
from undertone.llm import structured
from undertone.llm.protocol import ChatMessage, ChatProvider, ChatRequest
from undertone.observability import TOKENS
from undertone.types import Usage

TOKENS_PER_CHARACTER = 0.25


@dataclass(frozen=True, slots=True)
class Answer:
    """One JSON object that fits the schema, and what it cost: both tries where the first needed a repair."""

    data: dict[str, Any]
    usage: Usage
    ms: float


@dataclass(frozen=True, slots=True)
class Clerk:
    """A model with the bounds of background work."""

    chat: ChatProvider
    model: str = ""
    """Empty for the provider's own."""
    deadline_s: float = 30.0
    tokens_per_day: int = 50_000
    """Most tokens a person's messages may cost in a day; beyond that the rules do the work."""

    async def ask(
        self, messages: Sequence[ChatMessage], schema: Mapping[str, Any], *, max_tokens: int = 1_500
    ) -> Answer:
        """Ask for one JSON object. Raises ModelFailed, also when the deadline passes."""
        used: list[Usage] = []

        async def say(request: ChatRequest) -> str:
            words: list[str] = []
            async with aclosing(self.chat.stream(request)) as pieces:
                async for piece in pieces:
                    words.append(piece.text)
                    if piece.usage is not None:
                        used.append(piece.usage)
            return "".join(words)

        began = time.perf_counter()
        request = ChatRequest(self.model, tuple(messages), temperature=0.0, max_tokens=max_tokens)
        try:
            async with asyncio.timeout(self.deadline_s):
                data = await structured.ask(say, request, schema)
        except TimeoutError as error:
            raise ModelFailed(f"The model for background work took longer than {self.deadline_s:g} s.") from error
        finally:
            for usage in used:
                for kind in ("prompt", "cached", "completion"):
                    TOKENS.labels(usage.model or self.model, kind).inc(getattr(usage, f"{kind}_tokens"))
        return Answer(data, _sum(used), (time.perf_counter() - began) * 1000)

    def estimate(self, messages: Sequence[ChatMessage]) -> int:
        """Tokens a request will use at about four characters each: what a budget is asked for before the call."""
        return int(sum(len(message.content) for message in messages) * TOKENS_PER_CHARACTER) + 300


def _sum(used: Sequence[Usage]) -> Usage:
    costs = [usage.cost_usd for usage in used if usage.cost_usd is not None]
    return Usage(
        prompt_tokens=sum(usage.prompt_tokens for usage in used),
        cached_tokens=sum(usage.cached_tokens for usage in used),
        completion_tokens=sum(usage.completion_tokens for usage in used),
        cost_usd=sum(costs) if costs else None,
        model=used[-1].model if used else "",
    )


def model_asked(user_id: UUID, purpose: str, outcome: str, usage: Usage, ms: float) -> events.ModelAsked:
    """The event of one call of `ms` milliseconds for a person, for whoever asked to record."""
    return events.ModelAsked(
        user_id=user_id,
        purpose=purpose,
        outcome=outcome,
        model=usage.model,
        prompt_tokens=usage.prompt_tokens,
        cached_tokens=usage.cached_tokens,
        completion_tokens=usage.completion_tokens,
        cost_usd=usage.cost_usd,
        duration_ms=round(ms, 1),
    )
