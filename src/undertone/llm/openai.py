"""Chat Completions at any OpenAI-compatible endpoint: xAI, OpenAI, vLLM, llama.cpp, a proxy.

    model = OpenAIChat("https://api.x.ai/v1", key, model="grok-4.3")
    async for piece in model.stream(request): ...

Uses the client's raw `post` (1.5 CPU-ms a stream where the typed call grows with the history) and its own retries:
only before the first piece, within a budget, and never for a refusal. Closing the iterator closes the HTTP stream.
Knows the dialects of `models.json`; a field that a strict server rejects by name is left out from then on.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, cast
from urllib.parse import urlsplit

from httpx2 import Limits
from openai import AsyncOpenAI, AsyncStream, DefaultAioHttpClient, Omit, RequestOptions, Timeout

from undertone.errors import BadInput, ModelFailed
from undertone.llm import catalogue, structured
from undertone.llm.protocol import ChatRequest, Piece
from undertone.llm.retry import CLIENT_ERRORS, EndpointError, RetryBudget, backoff, explain
from undertone.observability import FIRST_PIECE_SECONDS, MODEL_CALLS
from undertone.types import Usage

MAX_CONNECTIONS = 10_000
OPTIONAL_FIELDS = ("stream_options", "prompt_cache_key", "response_format", "temperature", "stop")
"""What we can do without when a server answers 400 or 422 and names it."""

Pieces = AsyncGenerator[Piece, None]


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds. The first token's covers connecting and queueing; silence is the longest gap between two chunks."""

    connect: float = 5.0
    first_token: float = 30.0
    silence: float = 30.0
    total: float = 180.0


def endpoint_name(base_url: str) -> str:
    """Host and port, for messages: an address may carry secrets. Raises BadInput when it is no http(s) address."""
    try:
        address = urlsplit(base_url)
        host, port = address.hostname, address.port
    except ValueError:
        host, port = None, None
    else:
        host = host if address.scheme in ("http", "https") else None
    if not host:
        raise BadInput("The model endpoint's URL is not an address like https://api.x.ai/v1.")
    return host if port is None else f"{host}:{port}"


def open_client(base_url: str, api_key: str, *, total_s: float, connect_s: float = 5.0) -> AsyncOpenAI:
    """The HTTP client of one endpoint, without retries of its own."""
    return AsyncOpenAI(
        base_url=base_url,
        api_key=api_key or "none",
        max_retries=0,
        timeout=Timeout(total_s, connect=connect_s),
        http_client=DefaultAioHttpClient(limits=Limits(max_connections=MAX_CONNECTIONS)),
    )


def options(api_key: str, headers: Mapping[str, str] | None = None) -> RequestOptions:
    """Options of one call: its headers, and no Authorization header at all where there is no key."""
    return {"headers": {**(headers or {}), **({} if api_key else {"Authorization": Omit()})}}


class OpenAIChat:
    """One endpoint and, for requests that name no model, its model. Use from one event loop."""

    def __init__(
        self,
        base_url: str,
        api_key: str = "",
        *,
        model: str = "",
        deadlines: Deadlines | None = None,
        attempts: int = 3,
        budget: RetryBudget | None = None,
    ) -> None:
        """Raises BadInput when `base_url` is no http(s) address. Nothing is contacted yet."""
        self.name = endpoint_name(base_url)
        self._model = model
        self._secret = api_key
        self._deadlines = deadlines or Deadlines()
        self._attempts = attempts
        self._budget = budget or RetryBudget()
        self._family = catalogue.family_of(base_url)
        self._rejected: set[tuple[str, str]] = set()
        self._client = open_client(base_url, api_key, total_s=self._deadlines.total, connect_s=self._deadlines.connect)

    def stream(self, request: ChatRequest) -> Pieces:
        """See `protocol.ChatProvider`."""
        return self._answer(request, {})

    async def complete_json(self, request: ChatRequest, schema: Mapping[str, Any]) -> dict[str, Any]:
        """See `protocol.ChatProvider`; asks for the schema where the endpoint may know schemas, and checks anyway."""
        wish: dict[str, Any] = {"type": "json_object"}
        if self._family.json_schema:
            strict = schema.get("additionalProperties") is False
            wish = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": strict}}

        async def say(asked: ChatRequest) -> str:
            async with aclosing(self._answer(asked, {"response_format": wish})) as pieces:
                return "".join([piece.text async for piece in pieces])

        return await structured.ask(say, replace(request, model=request.model or self._model), schema)

    async def close(self) -> None:
        await self._client.close()

    async def _answer(self, request: ChatRequest, extra: Mapping[str, Any]) -> Pieces:
        """Attempt after attempt until one has spoken or no other may be made."""
        clock = asyncio.get_running_loop().time
        until = clock() + self._deadlines.total
        self._budget.earn()
        model, began, attempt = request.model or self._model, clock(), 0
        while True:
            attempt += 1
            spoken = False
            try:
                async with aclosing(self._attempt(request, extra, until)) as pieces:
                    async for piece in pieces:
                        if not spoken:
                            FIRST_PIECE_SECONDS.labels(model).observe(clock() - began)
                        spoken = True
                        yield piece
                MODEL_CALLS.labels(model, "ok").inc()
                return
            except EndpointError as error:
                MODEL_CALLS.labels(model, "failed").inc()
                if spoken:
                    raise ModelFailed(f"{self.name} stopped half-way. {error.detail}") from error
                if self._learns(error, model):
                    attempt -= 1
                    continue
                pause = backoff(attempt, error)
                possible = error.again and attempt < self._attempts and clock() + pause < until
                if not possible or not self._budget.spend():
                    extras = {} if error.wait_s is None else {"retry_after": error.wait_s}
                    raise ModelFailed(error.detail, **extras) from error
            await asyncio.sleep(pause)

    async def _attempt(self, request: ChatRequest, extra: Mapping[str, Any], until: float) -> Pieces:
        """One HTTP request. Raises EndpointError."""
        body, headers = self._body(request, extra)
        characters, finish, reported = 0, None, None
        async with aclosing(self._chunks(body, headers, until)) as chunks:
            async for chunk in chunks:
                finish = chunk.finish or finish
                reported = chunk.usage or reported
                if chunk.text:
                    characters += len(chunk.text)
                    yield Piece(chunk.text)
        if finish is None:
            raise EndpointError(f"The answer of {self.name} ended too early. Try again.", again=True)
        if not characters and finish != "content_filter":
            raise EndpointError(
                f"{self.name} answered with no text (it ended with {finish!r}). Try again, or allow it more tokens.",
                again=finish != "length",
            )
        yield Piece(finish=finish, usage=_usage(reported, request, characters, body["model"]))

    async def _chunks(
        self, body: dict[str, Any], headers: Mapping[str, str], until: float
    ) -> AsyncGenerator["_Chunk", None]:
        """The chunks of one response, each within its deadline. Raises EndpointError."""
        clock = asyncio.get_running_loop().time
        deadline = min(until, clock() + self._deadlines.first_token)
        stream: AsyncStream[object] | None = None
        try:
            async with asyncio.timeout_at(deadline):
                stream = await self._client.post(
                    "/chat/completions",
                    cast_to=object,
                    body=body,
                    options=options(self._secret, headers),
                    stream=True,
                    stream_cls=AsyncStream[object],
                )
            while True:
                async with asyncio.timeout_at(deadline):
                    raw = await anext(stream, None)
                if raw is None:
                    return
                chunk = _read(raw)
                yield chunk
                if chunk.begun:
                    deadline = min(until, clock() + self._deadlines.silence)
        except CLIENT_ERRORS as error:
            raise explain(error, where=self.name, model=body["model"], secret=self._secret) from error
        finally:
            if stream is not None:
                await stream.close()

    def _body(self, request: ChatRequest, extra: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """The JSON body in this endpoint's dialect, and the headers that go with it."""
        family = self._family
        body = request.as_body() | {"model": request.model or self._model, "stream": True, **extra}
        body[family.tokens_field] = body.pop("max_tokens")
        if family.usage_option:
            body["stream_options"] = {"include_usage": True}
        headers: dict[str, str] = {}
        if request.cache_key and family.cache_field:
            body[family.cache_field] = request.cache_key
        if request.cache_key and family.cache_header:
            headers[family.cache_header] = request.cache_key
        return {name: value for name, value in body.items() if (body["model"], name) not in self._rejected}, headers

    def _learns(self, error: EndpointError, model: str) -> bool:
        """Whether the endpoint rejected an optional field by name, which from now on we leave out."""
        if error.status not in (400, 422):
            return False
        named = {(model, field) for field in OPTIONAL_FIELDS if re.search(rf"\b{field}\b", error.detail)}
        news = named - self._rejected
        self._rejected |= news
        return bool(news)


@dataclass(frozen=True, slots=True)
class _Chunk:
    """What one chunk of a response says."""

    text: str = ""
    finish: str | None = None
    usage: Mapping[str, Any] | None = None
    begun: bool = False
    """The model wrote something, be it only to itself."""


def _read(raw: object) -> _Chunk:
    """Read one decoded chunk; a refusal is text too. Raises ValueError for what is no chat completion."""
    chunk = _mapping(raw)
    usage = _mapping(chunk["usage"]) if chunk.get("usage") else None
    choices = chunk.get("choices")
    if not choices:
        return _Chunk(usage=usage)
    if not isinstance(choices, list):
        raise ValueError("choices that are no list")
    choice = _mapping(cast(list[object], choices)[0])
    delta = _mapping(choice.get("delta") or {})
    text = delta.get("content") or delta.get("refusal") or ""
    if not isinstance(text, str):
        raise ValueError("content that is no text")
    begun = bool(text or delta.get("reasoning_content") or delta.get("reasoning"))
    finish = choice.get("finish_reason")
    return _Chunk(text, str(finish) if finish else None, usage, begun)


def _mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError("something that is no JSON object")
    return cast(Mapping[str, Any], value)


def _usage(reported: Mapping[str, Any] | None, request: ChatRequest, characters: int, model: str) -> Usage:
    """What the endpoint reported; where it reported nothing, an unpriced estimate at four characters a token."""
    if not reported:
        prompt = sum(len(message.content) for message in request.messages)
        return Usage(prompt_tokens=prompt // 4, completion_tokens=-(-characters // 4), model=model)
    details = reported.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else reported.get("prompt_cache_hit_tokens")
    prompt = _number(reported.get("prompt_tokens"))
    # xAI counts reasoning tokens, which are billed, in the total only.
    completion = max(_number(reported.get("completion_tokens")), _number(reported.get("total_tokens")) - prompt)
    usage = Usage(prompt, _number(cached), completion, model=model)
    return replace(usage, cost_usd=catalogue.cost(catalogue.find(model), usage))


def _number(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0
