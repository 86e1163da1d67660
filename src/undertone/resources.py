"""What a turn or a job may use, built once by `app.py` and handed down by argument.

Knows nothing of settings or of the rooms that use it.
"""

from dataclasses import dataclass

from undertone.db import Connection as Connection
from undertone.db import Pool as Pool
from undertone.llm.protocol import ChatProvider, Embedder


@dataclass(frozen=True, slots=True)
class Resources:
    """The pool, the chat model, the built-in embedder, and the embedder recall uses (the same one by default)."""

    db: Pool
    chat: ChatProvider
    embed: Embedder
    recall_embed: Embedder
