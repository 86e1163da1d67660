"""What a turn or a job may use, built once by `app.py` and handed down by argument.

Knows nothing of settings or of the rooms that use it.
"""

from dataclasses import dataclass, field

from undertone.db import Connection as Connection
from undertone.db import Pool as Pool
from undertone.llm.clerk import Clerk
from undertone.llm.protocol import ChatProvider, Embedder


@dataclass(frozen=True, slots=True)
class Hook:
    """The platform's own address for what operators should hear at once, and the secret that signs it."""

    url: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Resources:
    """The pool, the chat model, the embedders, the models for background work and for a second look."""

    db: Pool
    chat: ChatProvider
    embed: Embedder
    recall_embed: Embedder
    """The built-in one by default."""
    clerk: Clerk | None = None
    """Extracts and sums up; None leaves that to rules."""
    look: Clerk | None = None
    """Takes a second look where a crisis may be near; None leaves that to the trained rail."""
    hook: Hook | None = None
    """Hears of incidents; None where the platform asks instead."""
