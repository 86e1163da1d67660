"""A scripted model that also takes second looks: requests to the model called LOOKER have a script of their own.

    model = Looking()
    model.sees(SAFE, "I cannot help with that.", ModelFailed("away"))     # the next looks, first try and repair apart

Knows no rule of the look.
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator

from scripted_model import Scripted, Step
from undertone.errors import ModelFailed
from undertone.llm.protocol import ChatRequest, Piece

LOOKER = "looker"


def view(level: str, kind: str = "none", about: str = "self") -> str:
    return json.dumps({"level": level, "kind": kind, "about": about})


SAFE = view("none")
DANGER = view("crisis", "self_harm")


class Looking(Scripted):
    """Speaks as Scripted does, and looks by the book; SAFE when its script is over."""

    def __init__(self) -> None:
        super().__init__()
        self.looks: list[ChatRequest] = []
        self.asked = asyncio.Event()
        """Set by each look as it comes."""
        self._views: deque[Step] = deque()

    def sees(self, *steps: Step) -> None:
        self._views.extend(steps)

    def forget(self) -> None:
        super().forget()
        self.looks.clear()
        self.asked.clear()
        self._views.clear()

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Piece, None]:
        if request.model != LOOKER:
            async for piece in super().stream(request):
                yield piece
            return
        self.looks.append(request)
        self.asked.set()
        step = self._views.popleft() if self._views else SAFE
        if isinstance(step, ModelFailed):
            raise step
        if isinstance(step, asyncio.Event):
            await step.wait()
            step = SAFE
        yield Piece(step)
