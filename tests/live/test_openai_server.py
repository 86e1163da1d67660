"""Our provider against a real third-party server (`make test-live`): `transformers serve` on a tiny generated model.

The model babbles; what is tested is the conversation between our client and a server that we did not write.
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator

import pytest

from undertone.errors import ModelFailed
from undertone.llm.openai import OpenAIChat
from undertone.llm.protocol import ChatMessage, ChatRequest, Piece

pytestmark = pytest.mark.live

MESSAGES = (ChatMessage("system", "You are Mira."), ChatMessage("user", "What sort of day are you bringing?"))


@pytest.fixture
async def chat(live_server: tuple[str, str]) -> AsyncIterator[OpenAIChat]:
    url, model = live_server
    provider = OpenAIChat(url, model=model)
    yield provider
    await provider.close()


def request(max_tokens: int = 24) -> ChatRequest:
    return ChatRequest("", MESSAGES, max_tokens=max_tokens, cache_key="conversation-1")


async def hear(chat: OpenAIChat, asked: ChatRequest) -> list[Piece]:
    return [piece async for piece in chat.stream(asked)]


async def test_it_streams_a_reply_with_usage(chat: OpenAIChat) -> None:
    pieces = await hear(chat, request())
    text, last = "".join(piece.text for piece in pieces), pieces[-1]
    assert text
    assert len(pieces) > 3
    assert last.finish in ("stop", "length")
    assert last.usage is not None
    assert last.usage.prompt_tokens > 10
    assert 0 < last.usage.completion_tokens <= 24


async def test_many_streams_at_once(chat: OpenAIChat) -> None:
    await hear(chat, request())
    cpu, wall = time.process_time(), time.perf_counter()
    replies = await asyncio.gather(*(hear(chat, request()) for _ in range(40)))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    assert all(reply[-1].finish for reply in replies)
    pieces = sum(len(reply) for reply in replies)
    figures = {"streams": 40, "pieces": pieces, "client_cpu_ms_per_stream": cpu * 25, "wall_s": wall}
    print(json.dumps({name: round(figure, 2) for name, figure in figures.items()}))


async def test_leaving_early_frees_the_connection_and_the_server_goes_on(chat: OpenAIChat) -> None:
    for _ in range(5):
        stream = chat.stream(request(max_tokens=400))
        assert (await anext(stream)).text
        await stream.aclose()
    assert (await hear(chat, request()))[-1].finish


async def test_a_babbling_model_fails_structured_answers_in_words(chat: OpenAIChat) -> None:
    schema = {"type": "object", "properties": {"mood": {"type": "string"}}, "required": ["mood"]}
    with pytest.raises(ModelFailed):
        await chat.complete_json(request(), schema)


async def test_an_unknown_path_is_an_error_in_words(chat: OpenAIChat) -> None:
    elsewhere = OpenAIChat(os.environ["UNDERTONE_LIVE_URL"] + "/nowhere", model="tiny")
    with pytest.raises(ModelFailed, match="no such model or address"):
        await hear(elsewhere, request())
    await elsewhere.close()
