"""What the engine says to a model and what it hears back; every provider speaks this.

    async for piece in provider.stream(request): ...

Knows nothing of HTTP, of personas or of storage. A provider raises `ModelFailed` (with a sentence a person can act on)
and nothing else; a retry is its own business and happens only before the first piece.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from undertone.types import Usage


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of a request."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One request for a reply. `as_body` is the exact JSON an OpenAI-compatible endpoint receives."""

    model: str
    messages: tuple[ChatMessage, ...]
    temperature: float = 0.85
    max_tokens: int = 600
    stop: tuple[str, ...] = ()
    cache_key: str = ""
    """Routes a conversation to the same prefix cache (`prompt_cache_key`, `x-grok-conv-id`)."""
    hints: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """For the offline composer only, never sent to an endpoint: persona phrases, strategy, recalled memories."""

    def as_body(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": m.role, "content": m.content} for m in self.messages],
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
        }
        if self.stop:
            body["stop"] = list(self.stop)
        return body


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of a reply: text, or at the end the finish reason and the usage."""

    text: str = ""
    finish: str | None = None
    usage: Usage | None = None


class ChatProvider(Protocol):
    """A model, or the offline composer."""

    name: str

    def stream(self, request: ChatRequest) -> AsyncGenerator[Piece, None]:
        """Yield pieces of the reply; the last one carries `finish` and `usage`. Raises ModelFailed.

        Closing the generator early (`aclose`) ends the call to the model.
        """
        ...

    async def complete_json(self, request: ChatRequest, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Answer with one JSON object that fits `schema` (validated). Raises ModelFailed; offline always does."""
        ...

    async def close(self) -> None: ...


class Embedder(Protocol):
    """Texts to unit vectors. The built-in one is MiniLM, 384 dimensions."""

    name: str
    dimension: int

    async def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return shape (len(texts), dimension), float32, rows of unit length. Never blocks the event loop."""
        ...

    def embed_now(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """The same, blocking: for jobs, training and evaluation outside the event loop."""
        ...

    async def aclose(self) -> None:
        """Let go of threads and connections; nothing may be embedded afterwards."""
        ...
