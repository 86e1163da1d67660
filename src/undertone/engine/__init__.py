"""One turn, from a person's message to a stored reply: `turn.begin`, `turn.reply`, and ways to come back to one."""

from undertone.engine import branches, personas, replay, turn
from undertone.engine.live import Live
from undertone.engine.nouns import Begun, Engine, IdempotencyKey, Known, Past, Said

__all__ = [
    "Begun",
    "Engine",
    "IdempotencyKey",
    "Known",
    "Live",
    "Past",
    "Said",
    "branches",
    "personas",
    "replay",
    "turn",
]
