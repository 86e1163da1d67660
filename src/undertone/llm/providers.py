"""Which model answers: built from plain arguments, with a fallback that takes over before the first piece.

    chat = build("grok-4.3", "https://api.x.ai/v1", key)

`offline` as the model's name gives the offline composer. Knows nothing of settings; `app.py` hands them in.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from undertone.errors import ModelFailed
from undertone.llm import catalogue
from undertone.llm.embedding_endpoint import EmbeddingEndpoint
from undertone.llm.offline import Offline
from undertone.llm.openai import Deadlines, OpenAIChat
from undertone.llm.protocol import ChatProvider, ChatRequest, Embedder, Piece

FAILURES_BEFORE_REST = 3
REST_S = 15.0
"""A provider that failed three times running is asked last for this long, so that an outage costs each turn little."""


def build(
    model: str,
    base_url: str,
    api_key: str = "",
    *,
    fallback_model: str | None = None,
    fallback_base_url: str | None = None,
    fallback_api_key: str = "",
    first_token_s: float = 20.0,
    idle_token_s: float = 20.0,
    turn_s: float = 180.0,
    today: date | None = None,
) -> ChatProvider:
    """Return the provider for these names. The fallback uses the first endpoint and key where it has none of its own.

    The first one's key is never sent to another address. Raises Unprocessable for a model retired by `today` and
    BadInput for an address that is none, each with what to do.
    """
    if model == Offline.name:
        return Offline()
    deadlines = Deadlines(first_token=first_token_s, silence=idle_token_s, total=turn_s)
    day = today or datetime.now(UTC).date()
    catalogue.check(model, day)
    first = OpenAIChat(base_url, api_key, model=model, deadlines=deadlines)
    if not fallback_model:
        return first
    catalogue.check(fallback_model, day)
    address = fallback_base_url or base_url
    key = fallback_api_key or (api_key if address == base_url else "")
    return Fallback([first, OpenAIChat(address, key, model=fallback_model, deadlines=deadlines)])


def recall_embedder(model: str, *, base_url: str, api_key: str = "", dimension: int) -> Embedder:
    """Return the embedder recall uses instead of the built-in one, which rails and signals always keep."""
    return EmbeddingEndpoint(base_url, api_key, model=model, dimension=dimension)


class Fallback:
    """Asks the first provider, and the next one where it fails before its first piece.

    Only the first is asked for the model a request names: the others answer with their own.
    """

    def __init__(self, providers: Sequence[ChatProvider]) -> None:
        if not providers:
            raise ValueError("Fallback needs at least one provider")
        self._providers = list(providers)
        self._failures = [0] * len(providers)
        self._resting_until = [0.0] * len(providers)
        self.name = " then ".join(provider.name for provider in providers)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Piece, None]:
        """See `protocol.ChatProvider`. Raises the last provider's ModelFailed when all of them failed."""
        order = self._order()
        for number in order:
            spoken = False
            try:
                async with aclosing(self._providers[number].stream(self._request(number, request))) as pieces:
                    async for piece in pieces:
                        spoken = True
                        yield piece
            except ModelFailed:
                self._failed(number)
                if spoken or number == order[-1]:
                    raise
            else:
                self._failures[number] = 0
                return

    async def complete_json(self, request: ChatRequest, schema: Mapping[str, Any]) -> dict[str, Any]:
        """See `protocol.ChatProvider`."""
        order = self._order()
        for number in order[:-1]:
            try:
                return await self._providers[number].complete_json(self._request(number, request), schema)
            except ModelFailed:
                self._failed(number)
        return await self._providers[order[-1]].complete_json(self._request(order[-1], request), schema)

    async def close(self) -> None:
        for provider in self._providers:
            await provider.close()

    def _request(self, number: int, request: ChatRequest) -> ChatRequest:
        return replace(request, model="") if number else request

    def _order(self) -> list[int]:
        """Providers in their order, those that rest last."""
        now = asyncio.get_running_loop().time()
        return sorted(range(len(self._providers)), key=lambda number: self._resting_until[number] > now)

    def _failed(self, number: int) -> None:
        self._failures[number] += 1
        if self._failures[number] >= FAILURES_BEFORE_REST:
            self._resting_until[number] = asyncio.get_running_loop().time() + REST_S
