"""What a model would get for a persona: the exact request, its weights, and what the lorebook had to say.

    shown = preview(persona, "Is the lighthouse still there?", model="grok-4.3", window=16_000)

Laid out by the same function as a real turn, for somebody of whom nothing is known. No model is called.
"""

from datetime import UTC, datetime
from typing import Any

from undertone.engine import budgets, context, lore
from undertone.engine.personas import Persona
from undertone.engine.strategies import CATALOGUE, DEFAULT
from undertone.errors import NotFound
from undertone.guardrails.care import Duties

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
"""A fixed time, so that two previews differ only where the persona does."""


def preview(
    persona: Persona, text: str, *, model: str, window: int, strategy: str = DEFAULT, ratio: float = 4.0
) -> dict[str, Any]:
    """The request as JSON-ready data. Raises NotFound for a strategy that there is not."""
    if strategy not in CATALOGUE:
        raise NotFound(f"There is no strategy '{strategy[:60]}'. There are: {', '.join(CATALOGUE)}.")
    named = persona.model or model
    room = budgets.fit(named, window)
    fired = lore.fire(persona, (), text, room.tokens, ratio)
    given = context.Ingredients(
        persona=persona,
        strategy=CATALOGUE[strategy],
        duties=Duties(),
        text=text,
        now=NOON,
        lorebook=fired,
        model=named,
        bytes_per_token=ratio,
        room=room.why,
    )
    plan = context.assemble(given, room.tokens)
    request = plan.request
    return {
        "request": {
            "model": request.model,
            "messages": [{"role": message.role, "content": message.content} for message in request.messages],
            "temperature": request.temperature,
            "max_tokens": request.max_tokens,
            "stop": list(request.stop),
        },
        "tokens": plan.shares(),
        "left_out": list(plan.left_out),
        "lorebook": [entry.name for entry in fired.entries],
    }
