"""Which model answers, and what happens when the first cannot."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import pytest
from scripted import Endpoint, chunk

from undertone.errors import BadInput, ModelFailed, Unprocessable
from undertone.llm import providers
from undertone.llm.offline import Offline
from undertone.llm.openai import OpenAIChat
from undertone.llm.protocol import ChatMessage, ChatProvider, ChatRequest
from undertone.llm.retry import RetryBudget

REQUEST = ChatRequest("grok-4.3", (ChatMessage("user", "Hello"),))


@pytest.fixture
async def pair(endpoint: Endpoint, unused_tcp_port: int) -> AsyncIterator[providers.Fallback]:
    """A first provider nobody runs, and the scripted one behind it."""
    nobody = OpenAIChat(f"http://127.0.0.1:{unused_tcp_port}/v1", budget=RetryBudget(most=0))
    fallback = providers.Fallback([nobody, OpenAIChat(endpoint.url, "k", model="second")])
    yield fallback
    await fallback.close()


async def hear(chat: ChatProvider, request: ChatRequest = REQUEST) -> str:
    return "".join([piece.text async for piece in chat.stream(request)])


async def test_the_second_answers_with_its_own_model(endpoint: Endpoint, pair: providers.Fallback) -> None:
    endpoint.plays(endpoint.says("second here"), endpoint.says('{"a": 1}'))
    assert await hear(pair) == "second here"
    assert await pair.complete_json(REQUEST, {"type": "object"}) == {"a": 1}
    assert [body["model"] for body in endpoint.bodies] == ["second", "second"]


async def test_after_the_first_piece_nobody_takes_over(endpoint: Endpoint) -> None:
    endpoint.plays(endpoint.events(chunk("Half"), die=True), endpoint.says("never heard"))
    both = providers.Fallback([OpenAIChat(endpoint.url, "k"), OpenAIChat(endpoint.url, "k", model="second")])
    with pytest.raises(ModelFailed, match="half-way"):
        await hear(both)
    assert len(endpoint.bodies) == 1
    await both.close()


async def test_when_all_fail_the_last_one_is_heard(endpoint: Endpoint, pair: providers.Fallback) -> None:
    endpoint.plays(endpoint.fails(401))
    with pytest.raises(ModelFailed, match="refused the key"):
        await hear(pair)


async def test_a_provider_that_keeps_failing_is_asked_last_for_a_while(endpoint: Endpoint) -> None:
    endpoint.plays(*[endpoint.fails(401), endpoint.says("second")] * 3, endpoint.says("second at once"))
    both = providers.Fallback([OpenAIChat(endpoint.url, "k"), OpenAIChat(endpoint.url, "k", model="second")])
    for _ in range(3):
        await hear(both)
    assert await hear(both) == "second at once"
    assert endpoint.bodies[-1]["model"] == "second"
    await both.close()


async def test_leaving_early_hangs_up(endpoint: Endpoint, pair: providers.Fallback) -> None:
    endpoint.plays(endpoint.events(chunk("One "), then=asyncio.Event().wait))  # type: ignore[arg-type]
    stream = pair.stream(REQUEST)
    assert (await anext(stream)).text == "One "
    await stream.aclose()
    await asyncio.wait_for(endpoint.hung_up.wait(), 5)


async def test_what_names_build() -> None:
    assert isinstance(providers.build("offline", "https://api.x.ai/v1"), Offline)
    first = providers.build("grok-4.3", "https://api.x.ai/v1", "k")
    both = providers.build(
        "grok-4.3", "https://api.x.ai/v1", "k", fallback_model="m", fallback_base_url="http://[::1]/v1"
    )
    assert (first.name, both.name) == ("api.x.ai", "api.x.ai then ::1")
    await first.close()
    await both.close()


@pytest.mark.parametrize(
    ("names", "error"),
    [
        ({"model": "grok-3", "base_url": "https://api.x.ai/v1"}, Unprocessable),
        ({"model": "m", "base_url": "https://api.x.ai/v1", "fallback_model": "grok-3"}, Unprocessable),
        ({"model": "m", "base_url": "nowhere"}, BadInput),
    ],
)
async def test_what_cannot_work_is_refused_at_once(names: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        providers.build(**names, today=date(2026, 11, 25))


async def test_the_first_ones_key_goes_to_no_other_address(endpoint: Endpoint, unused_tcp_port: int) -> None:
    chat = providers.build(
        "m",
        f"http://127.0.0.1:{unused_tcp_port}/v1",
        "secret-of-the-first",
        fallback_model="second",
        fallback_base_url=endpoint.url,
        first_token_s=5,
    )
    endpoint.plays(endpoint.says("ok"))
    assert await hear(chat) == "ok"
    assert "Authorization" not in endpoint.headers[0]
    await chat.close()
