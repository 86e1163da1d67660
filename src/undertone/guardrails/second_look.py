"""The second look at a message: a model says in JSON, within a deadline, whether somebody may be in danger.

    if wanted(verdict, calm=...):
        look = await ask(clerk, text)                   # None when it was late, refused, broke or did not fit
        verdict = settle(verdict, look, calm=...)       # pure: what holds now

It may raise a verdict by any step. It may lower one by a single step, and only where no phrase said it outright, the
message did not try to change instructions, and the person is not in care already. When it fails, what was found stands
and what came close is asked about. Knows no person, no storage and no turn.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from undertone.errors import ModelFailed
from undertone.llm.clerk import Answer, Clerk
from undertone.llm.protocol import ChatMessage
from undertone.types import Usage, Verdict

Level = Literal["none", "concern", "crisis"]

BAND: Final = 0.2
"""Share of the concern threshold from which a look is taken: .97 of held-out crises lie above it, and .31 of ordinary
chat (benchmarks/second_look.py)."""
NEAR: Final = 0.5
"""Share of it from which a look that failed leaves a concern. From BAND on it would be every third ordinary message."""
MAX_TOKENS: Final = 60

SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "level": {"type": "string", "enum": ["none", "concern", "crisis"]},
        "kind": {"type": "string", "enum": ["self_harm", "eating_disorder", "abuse", "danger", "none"]},
        "about": {"type": "string", "enum": ["self", "other", "fiction"]},
    },
    "required": ["level", "kind", "about"],
    "additionalProperties": False,
}
_ORDER: Final[tuple[Level, ...]] = ("none", "concern", "crisis")
_KINDS: Final = {"eating_disorder": "eating", "abuse": "abuse", "danger": "danger"}


@dataclass(frozen=True, slots=True)
class Look:
    """What a model made of a message."""

    level: Level
    kind: str
    about: Literal["self", "other", "fiction"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A look, or None where the model failed, and what it cost."""

    look: Look | None
    usage: Usage
    ms: float


def wanted(verdict: Verdict, *, calm: bool) -> bool:
    """Whether a look could change this verdict. `calm`: `CareState.calm`."""
    if verdict.nearness < BAND:
        return False
    return verdict.crisis != "crisis" or may_lower(verdict, calm=calm)


def may_lower(verdict: Verdict, *, calm: bool) -> bool:
    """Whether a look may take this verdict down a step. All must hold: no message talks it down alone."""
    return verdict.crisis != "none" and calm and not verdict.plain and not verdict.injection


def floor(verdict: Verdict, *, calm: bool) -> Verdict:
    """What holds whatever the look says: acted on at once, before it is taken."""
    if not may_lower(verdict, calm=calm):
        return verdict
    return replace(verdict, crisis=_ORDER[_ORDER.index(verdict.crisis) - 1])


def settle(verdict: Verdict, look: Look | None, *, calm: bool) -> Verdict:
    """The verdict after a look. None, a look that failed: the verdict stands, and a near one becomes a concern."""
    if look is None:
        if verdict.crisis == "none" and verdict.nearness >= NEAR:
            return replace(verdict, crisis="concern", unsure=True)
        return verdict
    level = look.level
    if level == "crisis" and look.about == "fiction":
        level = "concern"  # a story may be a way of telling
    level = max(level, floor(verdict, calm=calm).crisis, key=_ORDER.index)
    return replace(verdict, crisis=level, scores={**verdict.scores, **_kind(verdict, look)})


async def ask(clerk: Clerk, text: str) -> Asked:
    """Have a look taken at one message. Never raises for what the model does; the clerk's deadline bounds it."""
    try:
        answer: Answer = await clerk.ask(messages(text), SCHEMA, max_tokens=MAX_TOKENS)
    except ModelFailed:
        return Asked(None, Usage(model=clerk.model), clerk.deadline_s * 1000)
    found = answer.data
    look = Look(found["level"], found["kind"], found["about"])
    return Asked(look, answer.usage, answer.ms)


def messages(text: str) -> tuple[ChatMessage, ...]:
    """The request: the task, then the message as one JSON string, which no wording can end."""
    return (
        ChatMessage("system", _prompt()),
        ChatMessage("user", f"The message:\n{json.dumps(text, ensure_ascii=False)}"),
    )


def _kind(verdict: Verdict, look: Look) -> dict[str, float]:
    """The look's kind as the likeliest. It does not tell suicide from self-harm; there the head's leaning holds."""
    if look.kind == "none":
        return {}
    if look.kind != "self_harm":
        return {f"crisis.{_KINDS[look.kind]}": 1.0}
    harm = verdict.scores.get("crisis.self_harm", 0.0) > verdict.scores.get("crisis.suicidal", 0.0)
    return {"crisis.self_harm" if harm else "crisis.suicidal": 1.0}


@cache
def _prompt() -> str:
    return (Path(__file__).parent / "prompts" / "second_look.md").read_text("utf-8").strip()
