"""What a turn looks like from outside: the last frame, "why this reply", the debug view.

Pure functions from what the turn knows to JSON-ready data. `why` is stored with the turn and holds ids, numbers and our
own words; the person's words stay where they can be forgotten. Knows no HTTP and no SQL.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from undertone.engine.context import count
from undertone.engine.nouns import Begun, Prepared
from undertone.engine.sent import Sent
from undertone.errors import UndertoneError

EVENTS = {"done": "turn.done", "stopped": "turn.done", "interrupted": "turn.error", "failed": "turn.error"}
"""The event that ends a turn, by the state it ended in."""


def why(begun: Begun, prepared: Prepared | None, rail: str | None, notice: str) -> dict[str, Any]:
    """Everything that led to a reply, without anybody's words."""
    found: dict[str, Any] = {
        "duties": asdict(begun.duties),
        "verdict": asdict(begun.verdict),
        "output_rail": rail,
        "notice": notice,
        "handover": begun.handover or None,
    }
    if prepared is None:
        return found
    plan = prepared.plan
    return found | {
        "signals": {name: asdict(signal) for name, signal in prepared.reading.signals.items()},
        "strategy": {
            "id": prepared.choice.strategy.id,
            "summary": prepared.choice.strategy.summary,
            "why": prepared.choice.why,
            "probability": round(prepared.choice.probability, 4),
            "scores": {name: round(score, 4) for name, score in prepared.choice.scores.items()},
            "flirtation": prepared.choice.flirtation,
            "offers": prepared.choice.offers,
            "narrowed": list(prepared.choice.narrowed),
            "explored": prepared.choice.explored,
            "variant": prepared.inputs.variant,
        },
        "memories": [
            {"id": str(m.id), "kind": m.kind, "why": m.why, "score": round(m.score, 4)} for m in plan.memories
        ],
        "context": {
            "tokens": plan.prompt_tokens,
            "parts": plan.shares(),
            "left_out": list(plan.left_out),
            "lorebook": list(plan.lorebook),
            "temperature": plan.request.temperature,
            "max_tokens": plan.request.max_tokens,
            "stop": list(plan.request.stop),
            "model": plan.request.model,
        },
    }


def user_type(why: Mapping[str, Any]) -> str | None:
    """The user type that was read; None without consent to typing."""
    signal = why.get("signals", {}).get("user_type")
    return signal["label"] if signal else None


def done(
    *,
    turn_id: UUID,
    conversation_id: UUID,
    reply_id: UUID | None,
    persona_id: str,
    persona_version: int,
    text: str,
    strategy: str | None,
    why: Mapping[str, Any],
    usage: Mapping[str, Any] | None,
    memory_texts: Mapping[str, str],
    stopped: bool,
) -> dict[str, Any]:
    """The data of `turn.done`."""
    return {
        "turn": str(turn_id),
        "conversation": str(conversation_id),
        "message": str(reply_id) if reply_id else None,
        "text": text,
        "ai_generated": True,
        "model": (usage or {}).get("model") or None,
        "persona": persona_id,
        "persona_version": persona_version,
        "stopped": stopped,
        "notice": why.get("duties", {}).get("disclose"),
        "break": why.get("duties", {}).get("take_break") or None,
        "contact": why.get("duties", {}).get("contact") or None,
        "user_type": user_type(why),
        "strategy": strategy,
        "memories": [
            {"id": m["id"], "text": memory_texts[m["id"]], "why": m["why"]}
            for m in why.get("memories", ())
            if m["id"] in memory_texts
        ],
        "handover": why.get("handover"),
        "offer": why.get("offer"),
        "reminder": why.get("reminder"),
        "usage": dict(usage) if usage else None,
    }


def ending(
    state: str,
    begun: Begun,
    text: str,
    reply_id: UUID | None,
    strategy: str,
    why: Mapping[str, Any],
    usage: Mapping[str, Any] | None,
    problem: Mapping[str, Any] | None,
    prepared: Prepared | None,
) -> tuple[str, dict[str, Any]]:
    """The last frame of a turn that ended in this process: event and data."""
    event = EVENTS[state]
    if event == "turn.error":
        return event, error(begun.turn_id, problem or {}, text)
    texts = {str(m.id): m.text for m in prepared.plan.memories} if prepared else {}
    data = done(
        turn_id=begun.turn_id,
        conversation_id=begun.message.conversation_id,
        reply_id=reply_id,
        persona_id=begun.persona.persona_id,
        persona_version=begun.persona.version,
        text=text,
        strategy=strategy,
        why=why,
        usage=usage,
        memory_texts=texts,
        stopped=state == "stopped",
    )
    if begun.debug and prepared:
        data["debug"] = {"request": prepared.plan.request.as_body(), "why": why}
    return event, data


def sent(turn_id: UUID, why: Mapping[str, Any], request: Sent, *, whole: bool) -> dict[str, Any]:
    """What was sent for a reply. Without `whole` the persona's instructions are weighed and not shown."""
    sizes = why.get("context", {})
    messages: list[dict[str, Any]] = []
    for role, parts in request.messages:
        shown = [
            {
                "part": part.part,
                "tokens": count(part.text or "", request.bytes_per_token),
                "text": part.text if whole or part.part != "persona" else None,
                "source": str(part.source) if part.source else None,
                "withheld": "instructions"
                if part.text and not whole and part.part == "persona"
                else None
                if part.text is not None
                else "forgotten",
            }
            for part in parts
        ]
        content = {"content": "".join(part.text or "" for part in parts)} if whole else {}
        messages.append({"role": role, "parts": shown} | content)
    return {
        "turn": str(turn_id),
        "exact": request.exact,
        "model": sizes.get("model"),
        "temperature": sizes.get("temperature"),
        "max_tokens": sizes.get("max_tokens"),
        "tokens": sizes.get("tokens"),
        "parts": sizes.get("parts", []),
        "left_out": sizes.get("left_out", []),
        "lorebook": sizes.get("lorebook", []),
        "messages": messages,
    }


def error(turn_id: UUID, problem: Mapping[str, Any], text: str) -> dict[str, Any]:
    """The data of `turn.error`: a problem document, and what had been said before it."""
    return {**problem, "turn": str(turn_id), "text": text, "ai_generated": True}


def problem(error: UndertoneError) -> dict[str, Any]:
    """An error as a problem document (RFC 9457)."""
    return {
        "type": f"urn:undertone:problem:{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
        **error.extra,
    }
