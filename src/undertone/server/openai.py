"""The OpenAI-compatible door: any client of `/v1/chat/completions` talks to a persona with memory.

`model` is `undertone/<persona>`, `user` the person. Clients resend the history: only the last user message is new, an
edited one makes a branch. What cannot be honoured is refused in words. Knows nothing of what a turn does.
"""

import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response, StreamingResponse

from undertone.db import transaction
from undertone.engine import Begun, Past, Said, branches, personas, replay, turn
from undertone.engine.live import Frame
from undertone.errors import BadInput, Forbidden, ModelFailed, NotFound, Unprocessable
from undertone.people import Principal
from undertone.server import problems, sse
from undertone.server.auth import own_id, principal
from undertone.server.chat import MAX_HISTORY, engine_of, key_from


class Door(APIRoute):
    """A route whose problem documents also hold `error`, where OpenAI clients look."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await inner(request)
            except problems.FORESEEN as error:
                found = await problems.answer(request, error)
                found.body = json.dumps(error_body(json.loads(bytes(found.body)))).encode()
                found.headers["content-length"] = str(len(found.body))
                return found

        return handler


router = APIRouter(tags=["openai"], route_class=Door)
PREFIX = "undertone/"
MAX_NOTE = 4_000
"""Most characters of a client's system messages."""


class PartIn(BaseModel):
    model_config = ConfigDict(extra="allow")
    type: str
    text: str = ""


class MessageIn(BaseModel):
    model_config = ConfigDict(extra="allow")
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[PartIn] | None = None


class StreamOptions(BaseModel):
    model_config = ConfigDict(extra="allow")
    include_usage: bool = False


class CompletionIn(BaseModel):
    """What we read of a chat completion request; sampling settings belong to the persona and are not taken."""

    model_config = ConfigDict(extra="allow")
    model: str
    messages: list[MessageIn] = Field(min_length=1, max_length=2_000)
    user: str | None = None
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    n: int | None = None
    tools: list[Any] | None = None
    functions: list[Any] | None = None
    audio: Any = None
    modalities: list[str] | None = None


@router.get("/v1/models", summary="The personas, as OpenAI models")
async def models(request: Request, who: Annotated[Principal, Depends(principal("chat"))]) -> dict[str, Any]:
    async with transaction(engine_of(request).resources.db) as conn:
        found = await personas.list_all(conn)
    entries = [{"id": PREFIX + p.persona_id, "object": "model", "created": 0, "owned_by": "undertone"} for p in found]
    return {"object": "list", "data": entries}


@router.post("/v1/chat/completions", summary="Chat completions for any OpenAI client")
async def completions(
    request: Request,
    body: CompletionIn,
    who: Annotated[Principal, Depends(principal("chat"))],
    idempotency_key: Annotated[str | None, Header()] = None,
) -> Response:
    engine = engine_of(request)
    _refuse(body)
    said, resent = _read(who, body)
    key = key_from(idempotency_key, who, body)
    said = await branches.place(engine, who, said, resent, key)
    begun = await turn.begin(engine, who, said)
    if isinstance(begun, Begun):
        frames, turn_id = turn.reply(engine, begun).follow(), begun.turn_id
    else:
        retried = await replay.again(engine, who, said.user, begun)
        turn_id = retried.turn_id
        frames = turn.reply(engine, retried).follow() if isinstance(retried, Begun) else replay.follow(engine, retried)
    made = {"id": f"chatcmpl-{turn_id.hex}", "created": int(time.time()), "model": body.model}
    if body.stream:
        chunks = _chunks(made, frames, with_usage=body.stream_options.include_usage)
        return StreamingResponse(chunks, media_type="text/event-stream", headers=sse.HEADERS)
    return await _whole(made, frames)


def _refuse(body: CompletionIn) -> None:
    if not body.model.startswith(PREFIX):
        raise NotFound(f"The model '{body.model}' is not here; use '{PREFIX}<persona>', as GET /v1/models lists them.")
    if body.n not in (None, 1):
        raise Unprocessable("`n` must be 1: ask again for another reply.")
    if body.tools or body.functions:
        raise Unprocessable("Tools and functions are not supported: a persona talks, it does not call functions.")
    if body.audio or (body.modalities and body.modalities != ["text"]):
        raise Unprocessable("Only text is spoken here: leave `audio` and `modalities` out.")


def _read(who: Principal, body: CompletionIn) -> tuple[Said, list[Past]]:
    """The new message, and the history the client sent along."""
    notes = [_text(m) for m in body.messages if m.role in ("system", "developer")]
    if notes and who.kind == "person":
        raise Forbidden("System messages come from the platform: send them with an API key, not a person's token.")
    if any(m.role in ("tool", "function") for m in body.messages):
        raise Unprocessable("Tool messages are not supported: a persona talks, it does not call functions.")
    spoken = [Past("user" if m.role == "user" else "assistant", _text(m)) for m in body.messages if m.role in _SPOKEN]
    if not spoken or spoken[-1].role != "user":
        raise BadInput("The last message must be from the user: it is the one that gets a reply.")
    if body.user is None and who.kind == "key":
        raise BadInput("`user` is missing: name the person, so that they can be remembered.")
    note = "\n".join(notes).strip()
    if len(note) > MAX_NOTE:
        raise Unprocessable(
            f"System messages hold at most {MAX_NOTE:,} characters; a persona's text belongs in its card."
        )
    said = Said(
        user=own_id(who, body.user),
        persona=body.model.removeprefix(PREFIX),
        text=spoken[-1].text,
        platform_note=note,
        shows_asides=False,
    )
    return said, [past for past in spoken[:-1] if past.text.strip()][-MAX_HISTORY:]


_SPOKEN = ("user", "assistant")


def _text(message: MessageIn) -> str:
    """A message's words. Raises Unprocessable for parts that are not text."""
    if message.content is None or isinstance(message.content, str):
        return message.content or ""
    for part in message.content:
        if part.type not in ("text", "refusal"):
            raise Unprocessable(f"Parts of type '{part.type}' are not supported: only text can be read here.")
    return "\n".join(part.text for part in message.content)


def _usage(data: dict[str, Any]) -> dict[str, Any]:
    used = data.get("usage") or {}
    prompt, completion = used.get("prompt_tokens", 0), used.get("completion_tokens", 0)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": used.get("cached_tokens", 0)},
    }


def _finish(data: dict[str, Any]) -> str:
    return "length" if data.get("stopped") else "stop"


def error_body(problem: dict[str, Any]) -> dict[str, Any]:
    """A problem document that OpenAI clients understand too."""
    return problem | {
        "error": {"message": problem.get("detail"), "type": problem.get("code"), "code": problem.get("code")}
    }


async def _whole(made: dict[str, Any], frames: AsyncGenerator[Frame]) -> Response:
    async for frame in frames:
        if frame.event == "turn.done":
            message = {"role": "assistant", "content": frame.data["text"], "refusal": None}
            choice = {"index": 0, "message": message, "finish_reason": _finish(frame.data), "logprobs": None}
            return JSONResponse(
                made
                | {"object": "chat.completion", "choices": [choice], "usage": _usage(frame.data)}
                | {"undertone": {k: v for k, v in frame.data.items() if k != "text"}}
            )
        if frame.event == "turn.error":
            status = int(frame.data.get("status", 502))
            return JSONResponse(error_body(frame.data), status_code=status, media_type="application/problem+json")
    raise ModelFailed("The reply was interrupted. Send the message again.")


async def _chunks(made: dict[str, Any], frames: AsyncGenerator[Frame], *, with_usage: bool) -> AsyncIterator[bytes]:
    def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return _line(made | {"object": "chat.completion.chunk", "choices": [choice]} | more)

    yield chunk({"role": "assistant", "content": ""})
    async for frame in sse.with_signs_of_life(frames):
        if frame is None:
            yield b": still here\n\n"
        elif frame.event == "text.delta":
            yield chunk({"content": frame.data["text"]})
        elif frame.event == "turn.done":
            extra = {"undertone": {k: v for k, v in frame.data.items() if k != "text"}}
            yield chunk({}, _finish(frame.data), **extra)
            if with_usage:
                yield _line(made | {"object": "chat.completion.chunk", "choices": [], "usage": _usage(frame.data)})
        else:
            yield _line(error_body(frame.data))
    yield b"data: [DONE]\n\n"


def _line(data: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(data, ensure_ascii=False, default=str).encode() + b"\n\n"
