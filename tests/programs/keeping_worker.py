"""A worker that keeps what people told: its model fails once (the rules read that batch), then never answers.

Made to be killed in the middle. Run as: python keeping_worker.py DSN MODELS
"""

import asyncio
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

from undertone.db import open_pool
from undertone.engine import care
from undertone.errors import ModelFailed
from undertone.llm.clerk import Clerk
from undertone.llm.embedder import default_embedder
from undertone.llm.offline import Offline
from undertone.llm.protocol import ChatRequest, Piece
from undertone.resources import Resources


class Falters(Offline):
    """Fails, then hangs."""

    asked = 0

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Piece, None]:
        self.asked += 1
        if self.asked == 1:
            raise ModelFailed("Not now.")
        await asyncio.Event().wait()
        yield Piece()


async def main(dsn: str, models: str) -> None:
    embedder = default_embedder(Path(models))
    model = Falters()
    resources = Resources(await open_pool(dsn), model, embedder, embedder, Clerk(model, deadline_s=600))
    await care.work(resources, dsn)


asyncio.run(main(sys.argv[1], sys.argv[2]))
