"""The provider against a real server that misbehaves by script."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import pytest
from scripted import Endpoint, chunk

from undertone.errors import BadInput, ModelFailed
from undertone.llm import catalogue
from undertone.llm.openai import Deadlines, OpenAIChat
from undertone.llm.protocol import ChatMessage, ChatRequest, Piece
from undertone.llm.retry import RetryBudget

REQUEST = ChatRequest("grok-4.3", (ChatMessage("system", "Be kind."), ChatMessage("user", "Hello")))
SCHEMA = {
    "type": "object",
    "properties": {"mood": {"type": "string", "enum": ["good", "bad"]}, "facts": {"type": "array", "maxItems": 2}},
    "required": ["mood"],
    "additionalProperties": False,
}

Connect = Callable[..., OpenAIChat]


@pytest.fixture
async def connect(endpoint: Endpoint) -> AsyncIterator[Connect]:
    opened: list[OpenAIChat] = []

    def make(**options: Any) -> OpenAIChat:
        opened.append(OpenAIChat(endpoint.url, options.pop("key", "sk-secret-1234567"), **options))
        return opened[-1]

    yield make
    for chat in opened:
        await chat.close()


async def hear(chat: OpenAIChat, request: ChatRequest = REQUEST) -> tuple[str, Piece]:
    async with aclosing(chat.stream(request)) as stream:
        pieces = [piece async for piece in stream]
    return "".join(piece.text for piece in pieces), pieces[-1]


async def test_a_reply_arrives_piece_by_piece_with_its_usage_and_price(endpoint: Endpoint, connect: Connect) -> None:
    used = {"prompt_tokens": 1000, "completion_tokens": 20, "total_tokens": 1020}
    endpoint.plays(endpoint.says("Hel", "lo.", usage={**used, "prompt_tokens_details": {"cached_tokens": 900}}))
    text, last = await hear(connect())
    assert text == "Hello."
    assert last.finish == "stop"
    assert last.usage is not None
    assert (last.usage.prompt_tokens, last.usage.cached_tokens, last.usage.completion_tokens) == (1000, 900, 20)
    assert last.usage.cost_usd == pytest.approx((100 * 1.25 + 900 * 0.2 + 20 * 2.5) / 1e6)


async def test_reasoning_tokens_that_stand_in_the_total_only_are_counted(endpoint: Endpoint, connect: Connect) -> None:
    endpoint.plays(endpoint.says("Hi", usage={"prompt_tokens": 10, "completion_tokens": 1, "total_tokens": 111}))
    _, last = await hear(connect())
    assert last.usage is not None
    assert last.usage.completion_tokens == 101


async def test_usage_is_estimated_without_a_price_when_none_is_reported(endpoint: Endpoint, connect: Connect) -> None:
    endpoint.plays(endpoint.says("four characters!"))
    _, last = await hear(connect())
    assert last.usage is not None
    assert (last.usage.completion_tokens, last.usage.cost_usd) == (4, None)


async def test_the_body_is_the_request_and_hints_stay_here(endpoint: Endpoint, connect: Connect) -> None:
    endpoint.plays(endpoint.says("ok"))
    request = ChatRequest("m", REQUEST.messages, stop=("\n\n",), cache_key="conversation-1", hints={"user_text": "x"})
    await hear(connect(), request)
    assert endpoint.bodies[0] == request.as_body() | {"stream": True, "stream_options": {"include_usage": True}}
    assert endpoint.headers[0]["Authorization"] == "Bearer sk-secret-1234567"
    assert "x-grok-conv-id" not in endpoint.headers[0]


@pytest.mark.parametrize(
    ("address", "header", "field"),
    [("https://api.x.ai/v1", "conversation-1", None), ("https://api.openai.com/v1", None, "conversation-1")],
)
async def test_a_conversation_is_routed_to_its_cache_in_each_dialect(
    endpoint: Endpoint,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    header: str | None,
    field: str | None,
) -> None:
    family = catalogue.family_of(address)
    monkeypatch.setattr(catalogue, "family_of", lambda _: family)  # pyright: ignore[reportUnknownLambdaType]
    endpoint.plays(endpoint.says("ok"))
    await hear(connect(), ChatRequest("m", REQUEST.messages, cache_key="conversation-1"))
    assert endpoint.headers[0].get("x-grok-conv-id") == header
    assert endpoint.bodies[0].get("prompt_cache_key") == field
    assert endpoint.bodies[0][family.tokens_field] == 600


async def test_without_a_key_no_key_is_sent_and_the_own_model_is_asked(endpoint: Endpoint, connect: Connect) -> None:
    endpoint.plays(endpoint.says("ok"))
    await hear(connect(key="", model="local-7b"), ChatRequest("", REQUEST.messages))
    assert "Authorization" not in endpoint.headers[0]
    assert endpoint.bodies[0]["model"] == "local-7b"


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_busy_server_is_asked_again(endpoint: Endpoint, connect: Connect, status: int) -> None:
    endpoint.plays(endpoint.fails(status, headers={"Retry-After": "0"}), endpoint.says("there"))
    assert (await hear(connect()))[0] == "there"
    assert len(endpoint.bodies) == 2


async def test_a_long_retry_after_is_handed_on_instead_of_waited_for(endpoint: Endpoint, connect: Connect) -> None:
    endpoint.plays(endpoint.fails(429, headers={"Retry-After": "3600"}))
    with pytest.raises(ModelFailed, match="limits our requests") as failure:
        await hear(connect())
    assert failure.value.extra == {"retry_after": 3600.0}
    assert len(endpoint.bodies) == 1


@pytest.mark.parametrize(
    ("status", "words"), [(401, "refused the key"), (404, "Check the URL"), (400, "refused the request")]
)
async def test_what_will_not_change_is_not_asked_again(
    endpoint: Endpoint, connect: Connect, status: int, words: str
) -> None:
    endpoint.plays(endpoint.fails(status, "Incorrect key sk-secret-1234567 or xai-abcdefgh for grok"))
    with pytest.raises(ModelFailed, match=words) as failure:
        await hear(connect())
    assert len(endpoint.bodies) == 1
    assert "sk-secret" not in failure.value.detail
    assert "xai-abc" not in failure.value.detail


async def test_a_hang_before_the_first_token_is_cut_and_retried(endpoint: Endpoint, connect: Connect) -> None:
    endpoint.plays(endpoint.hangs, endpoint.says("late but here"))
    assert (await hear(connect(deadlines=Deadlines(first_token=0.3))))[0] == "late but here"
    await asyncio.wait_for(endpoint.hung_up.wait(), 5)


async def test_opening_chunks_without_words_do_not_count_as_a_first_token(endpoint: Endpoint, connect: Connect) -> None:
    silent = endpoint.events(chunk(), then=asyncio.Event().wait)  # type: ignore[arg-type]
    endpoint.plays(silent, endpoint.says("ok"))
    assert (await hear(connect(deadlines=Deadlines(first_token=0.3, silence=60))))[0] == "ok"


async def test_silence_after_the_first_piece_fails_without_a_retry(endpoint: Endpoint, connect: Connect) -> None:
    endpoint.plays(endpoint.events(chunk("So "), then=asyncio.Event().wait))  # type: ignore[arg-type]
    stream = connect(deadlines=Deadlines(silence=0.3)).stream(REQUEST)
    assert (await anext(stream)).text == "So "
    with pytest.raises(ModelFailed, match="stopped half-way"):
        await anext(stream)
    assert len(endpoint.bodies) == 1


@pytest.mark.parametrize("die", [True, False])
async def test_a_stream_that_dies_or_just_ends_half_way_is_a_failure(
    endpoint: Endpoint, connect: Connect, die: bool
) -> None:
    endpoint.plays(endpoint.events(chunk("Half a "), die=die))
    with pytest.raises(ModelFailed, match="stopped half-way"):
        await hear(connect())
    assert len(endpoint.bodies) == 1


async def test_a_connection_that_dies_before_the_first_piece_is_retried(endpoint: Endpoint, connect: Connect) -> None:
    endpoint.plays(endpoint.events(die=True), endpoint.says("whole"))
    assert (await hear(connect()))[0] == "whole"


@pytest.mark.parametrize(
    "event", ['{"choices": [', "[1, 2]", '{"choices": 3}', '{"choices": [{"delta": {"content": 7}}]}']
)
async def test_malformed_chunks_are_a_failure_in_words(endpoint: Endpoint, connect: Connect, event: str) -> None:
    endpoint.plays(endpoint.events(event))
    with pytest.raises(ModelFailed, match="cannot read"):
        await hear(connect())


async def test_an_error_inside_the_stream_is_retried_before_the_first_piece(
    endpoint: Endpoint, connect: Connect
) -> None:
    endpoint.plays(endpoint.events(json.dumps({"error": {"message": "overloaded"}})), endpoint.says("fine"))
    assert (await hear(connect()))[0] == "fine"


async def test_an_empty_answer_is_a_failure_that_says_why(endpoint: Endpoint, connect: Connect) -> None:
    endpoint.plays(endpoint.says(finish="length"))
    with pytest.raises(ModelFailed, match="no text"):
        await hear(connect())


async def test_a_refusal_is_final(endpoint: Endpoint, connect: Connect) -> None:
    endpoint.plays(endpoint.says(finish="content_filter"))
    text, last = await hear(connect())
    assert (text, last.finish) == ("", "content_filter")
    assert len(endpoint.bodies) == 1


async def test_without_budget_nothing_is_retried(endpoint: Endpoint, connect: Connect) -> None:
    endpoint.plays(endpoint.fails(500))
    with pytest.raises(ModelFailed, match=r"failed \(500\)"):
        await hear(connect(budget=RetryBudget(most=0.5)))
    assert len(endpoint.bodies) == 1


async def test_closing_the_iterator_hangs_up(endpoint: Endpoint, connect: Connect) -> None:
    endpoint.plays(endpoint.events(chunk("One "), then=asyncio.Event().wait))  # type: ignore[arg-type]
    stream = connect().stream(REQUEST)
    assert (await anext(stream)).text == "One "
    await stream.aclose()
    await asyncio.wait_for(endpoint.hung_up.wait(), 5)


async def test_cancelling_the_task_hangs_up(endpoint: Endpoint, connect: Connect) -> None:
    started = asyncio.Event()

    async def wait() -> None:
        started.set()
        await asyncio.Event().wait()

    endpoint.plays(endpoint.events(then=wait))
    task = asyncio.create_task(hear(connect()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(endpoint.hung_up.wait(), 5)


async def test_a_server_nobody_runs_is_named_in_the_error(unused_tcp_port: int) -> None:
    chat = OpenAIChat(f"http://127.0.0.1:{unused_tcp_port}/v1", budget=RetryBudget(most=0))
    with pytest.raises(ModelFailed, match=rf"127.0.0.1:{unused_tcp_port} cannot be reached"):
        await hear(chat)
    await chat.close()


@pytest.mark.parametrize("url", ["api.x.ai", "ftp://api.x.ai", "http://", "http://[", "http://host:port/v1"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(BadInput, match=r"https://api\.x\.ai/v1"):
        OpenAIChat(url)


async def test_a_field_that_a_strict_server_rejects_by_name_is_left_out_from_then_on(
    endpoint: Endpoint, connect: Connect
) -> None:
    strict = endpoint.fails(422, "Unexpected keys in the request: {'stream_options'}")
    endpoint.plays(strict, endpoint.says("ok"))
    chat = connect(budget=RetryBudget(most=0))
    assert (await hear(chat))[0] == "ok"
    assert (await hear(chat))[0] == "ok"
    assert ["stream_options" in body for body in endpoint.bodies] == [True, False, False]


async def test_json_is_found_in_prose_and_checked(endpoint: Endpoint, connect: Connect) -> None:
    endpoint.plays(endpoint.says("Sure! {oops} ```json\n", '{"mood": "good"}', "\n```"))
    assert await connect().complete_json(REQUEST, SCHEMA) == {"mood": "good"}
    sent = endpoint.bodies[0]
    assert sent["response_format"]["json_schema"] == {"name": "answer", "schema": SCHEMA, "strict": True}
    assert sent["messages"][0] == {"role": "system", "content": "Be kind."}
    assert sent["messages"][-1]["content"].startswith("Hello\n\nAnswer with one JSON object")


async def test_json_that_does_not_fit_is_repaired_once(endpoint: Endpoint, connect: Connect) -> None:
    endpoint.plays(endpoint.says('{"mood": "so-so"}'), endpoint.says('{"mood": "bad"}'))
    assert await connect().complete_json(REQUEST, SCHEMA) == {"mood": "bad"}
    assert "'mood' is not one of" in endpoint.bodies[1]["messages"][-1]["content"]


async def test_json_that_never_fits_is_a_failure(endpoint: Endpoint, connect: Connect) -> None:
    endpoint.plays(endpoint.says('{"facts": []}'))
    with pytest.raises(ModelFailed, match="lacks 'mood'"):
        await connect().complete_json(REQUEST, SCHEMA)
    assert len(endpoint.bodies) == 2
