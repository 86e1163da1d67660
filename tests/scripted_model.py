"""A chat model that says what a test tells it to: an ordinary provider, passed to `create_app` by argument.

    model.will("First piece. ", gate, "Second piece.")     # the next reply
    model.last                                             # the exact request of the latest turn

An asyncio.Event in a script is waited for, a ModelFailed raised. Without a script it says DEFAULT. Knows no engine.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from undertone.errors import ModelFailed
from undertone.llm.protocol import ChatRequest, Piece
from undertone.types import Usage

DEFAULT = ("All right. ", "I hear you.")
Step = str | asyncio.Event | ModelFailed


class Scripted:
    """Plays one script a request, in the order they were given."""

    name = "scripted"

    def __init__(self) -> None:
        self.requests: list[ChatRequest] = []
        self.hung_up = 0
        """Streams that were closed before their end."""
        self._scripts: deque[tuple[Step, ...]] = deque()

    def will(self, *steps: Step) -> None:
        """Answer the next request that has no script yet by these steps."""
        self._scripts.append(steps)

    def forget(self) -> None:
        """Back to the beginning: no scripts, no requests."""
        self.requests.clear()
        self._scripts.clear()
        self.hung_up = 0

    @property
    def last(self) -> ChatRequest:
        return self.requests[-1]

    @property
    def last_words(self) -> str:
        """The last user turn of the latest request: the notes, and what was said."""
        return self.last.messages[-1].content

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Piece, None]:
        self.requests.append(request)
        steps = self._scripts.popleft() if self._scripts else DEFAULT
        try:
            for step in steps:
                if isinstance(step, asyncio.Event):
                    await step.wait()
                elif isinstance(step, ModelFailed):
                    raise step
                else:
                    yield Piece(step)
        except (GeneratorExit, asyncio.CancelledError):
            self.hung_up += 1
            raise
        usage = Usage(
            prompt_tokens=sum(len(m.content) for m in request.messages) // 4,
            cached_tokens=7,
            completion_tokens=len(steps),
            model=self.name,
        )
        yield Piece(finish="stop", usage=usage)

    async def complete_json(self, request: ChatRequest, schema: Mapping[str, Any]) -> dict[str, Any]:
        raise ModelFailed("This model writes no JSON.")

    async def close(self) -> None: ...
