"""Summaries in big steps: of a long conversation so far, of a closed one, of a month, of all so far.

    await sum_up(resources, user_id, persona_id, now=now)                  # closed conversations, months, life
    await sum_up_so_far(resources, user_id, persona_id, now=now)           # the open conversation, every STEP messages

By the model for background work where there is one and its words stand the check, else in the person's own statements.
Each is read, written and kept in separate steps: should its sources have changed meanwhile, it is not kept. Harmless
to run twice. Quarantined messages and left branches are never read.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from importlib import resources as files
from typing import Any
from uuid import UUID

from undertone import people
from undertone.db import transaction
from undertone.llm.protocol import ChatMessage
from undertone.memory import clerking, gate, store, summaries_store
from undertone.memory.summaries_store import Summary
from undertone.resources import Connection, Resources
from undertone.types import Message

STEP = 64
"""A conversation so far is summed up anew after so many more messages: the prompt's beginning changes that seldom."""
OPEN_END = 32
"""The newest messages of an open conversation are left to the history."""
LIMITS = {"so_far": 1_200, "conversation": 600, "month": 900, "life": 1_500}
"""Most characters of a summary, by level."""
LINES = {"so_far": 8, "conversation": 3, "month": 6, "life": 9}
"""Most statements a summary by rules quotes, by level."""
TITLE = 48
MOST_READ = 200
LINE = 600
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"summary": {"type": "string"}, "title": {"type": "string"}},
    "required": ["summary", "title"],
    "additionalProperties": False,
}
_PROMPT = (files.files("undertone.memory") / "prompts" / "sum_up.md").read_text(encoding="utf-8")
_NAME = re.compile(r"(?<=[\w,;:] )[A-Z][\w'’-]+|\d+")
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")


@dataclass(frozen=True, slots=True)
class Material:
    """What one summary is made from."""

    level: str
    of: str
    first_at: datetime
    last_at: datetime
    covers_to: int
    said: tuple[tuple[str, str], ...]
    """(role, text), in order; the role of a summary is "summary"."""


async def sum_up(resources: Resources, user_id: UUID, persona_id: str, *, remembers: bool = True, now: datetime) -> int:
    """Sum up what is closed and over, from single conversations upwards; returns how many summaries were written.

    For whom we may not remember (`remembers` False) only titles and summaries by rules, as their own list shows them.
    """
    if not remembers:
        resources = replace(resources, clerk=None)
    written = 0
    async with resources.db.connection() as conn:
        conversations = await summaries_store.conversations_due(conn, user_id, persona_id)
    for conversation_id in conversations:
        written += await _write(resources, user_id, persona_id, "conversation", str(conversation_id), now)
    if not remembers:
        return written
    async with resources.db.connection() as conn:
        months = await summaries_store.months_due(conn, user_id, persona_id, now)
    for month in months:
        written += await _write(resources, user_id, persona_id, "month", month, now)
    async with resources.db.connection() as conn:
        current = await summaries_store.life_is_current(conn, user_id, persona_id)
    if not current:
        written += await _write(resources, user_id, persona_id, "life", "", now)
    return written


async def sum_up_so_far(resources: Resources, user_id: UUID, persona_id: str, *, now: datetime) -> int:
    """Sum up the beginning of an open conversation that has grown by STEP messages since; returns 1 if it did."""
    async with resources.db.connection() as conn:
        grown = await summaries_store.grown(conn, user_id, persona_id, STEP + OPEN_END)
    return sum([await _write(resources, user_id, persona_id, "so_far", str(found), now) for found in grown])


async def _write(resources: Resources, user_id: UUID, persona_id: str, level: str, of: str, now: datetime) -> int:
    async with resources.db.connection() as conn:
        material = await _read(conn, user_id, persona_id, level, of)
    if material is None:
        return 0
    text, title, made_by = *by_rules(material), "rules"
    if resources.clerk is not None and len(material.said) > 1:
        answer = await clerking.ask(resources, user_id, persona_id, "sum_up", _request(material), SCHEMA, now=now)
        if answer and not (problem(material, answer["summary"]) or problem(material, answer["title"], "title")):
            text, title, made_by = answer["summary"].strip(), answer["title"].strip()[:TITLE] or title, "model"
    async with transaction(resources.db) as conn:
        if not await people.hold_user(conn, user_id) or await _read(conn, user_id, persona_id, level, of) != material:
            return 0
        if level == "conversation":
            await summaries_store.keep_conversation(
                conn, user_id, UUID(of), text=text, title=title, to=material.covers_to, made_by=made_by
            )
        else:
            await summaries_store.keep(
                conn,
                user_id=user_id,
                persona_id=persona_id,
                level=level,
                of=of,
                text=text,
                covers_to=material.covers_to,
                first_at=material.first_at,
                last_at=material.last_at,
                made_by=made_by,
                now=now,
            )
    return 1


async def _read(conn: Connection, user_id: UUID, persona_id: str, level: str, of: str) -> Material | None:
    """What a summary is made from now; None when nothing is left of it."""
    if level in ("month", "life"):
        below = (
            await summaries_store.of_month(conn, user_id, persona_id, of)
            if level == "month"
            else await summaries_store.months(conn, user_id, persona_id)
        )
        return _of_summaries(level, of, below)
    before = await summaries_store.so_far(conn, user_id, UUID(of))
    spoken = [m for m in await store.history(conn, user_id, UUID(of), limit=MOST_READ * 3) if not m.quarantined]
    if level == "so_far":
        spoken = spoken[:-OPEN_END]
    if not spoken:
        return None
    return _of_messages(level, of, spoken, before)


def _of_summaries(level: str, of: str, below: Sequence[Summary]) -> Material | None:
    if not below:
        return None
    return Material(
        level,
        of,
        min(summary.first_at for summary in below),
        max(summary.last_at for summary in below),
        0,
        tuple(("summary", summary.text) for summary in below),
    )


def _of_messages(level: str, of: str, spoken: Sequence[Message], before: Summary | None) -> Material:
    last = spoken[-1].position
    fresh = [m for m in spoken if before is None or m.position > before.covers_to][-MOST_READ:]
    begun = [("summary", before.text)] if before is not None else []
    first_at = min([m.created_at for m in spoken] + ([before.first_at] if before else []))
    said = [*begun, *((m.role, m.text[:LINE]) for m in fresh)]
    return Material(level, of, first_at, max(m.created_at for m in spoken), last, tuple(said))


def by_rules(material: Material) -> tuple[str, str | None]:
    """Summary and title from the person's own statements: those a rule would keep first, then the longest."""
    when = {
        "conversation": f"{material.first_at:%d %B %Y}",
        "so_far": f"Since {material.first_at:%d %B %Y}",
        "month": f"{material.first_at:%B %Y}",
        "life": f"Since {material.first_at:%B %Y}",
    }[material.level]
    statements = [
        (place, sentence)
        for place, (role, text) in enumerate(material.said)
        if role != "assistant"
        for sentence in _statements(role, text)
    ]
    weighed = sorted(statements, key=lambda one: (-gate.worth(one[1]), -len(one[1])))
    best: list[tuple[int, str]] = []
    room = LIMITS[material.level] - len(when) - 2
    for place, sentence in weighed:
        if len(best) == LINES[material.level] or len(sentence) + 3 > room or (place, sentence) in best:
            continue
        best.append((place, sentence))
        room -= len(sentence) + 3
    best.sort()
    text = f"{when}: " + (" / ".join(sentence for _, sentence in best) or "small talk")
    title = (best[0][1] if best else next((said for role, said in material.said if role == "user"), ""))[:TITLE]
    return text, title.rstrip(" .,!") or None


def _statements(role: str, text: str) -> list[str]:
    """The statements of one message, or of one summary by rules without its date."""
    if role == "summary":
        return [part.strip()[:160] for part in text.split(": ", 1)[-1].split(" / ") if part.strip() != "small talk"]
    found = (match.group().strip() for match in _SENTENCE.finditer(text))
    return [s[:160] for s in found if not s.endswith("?") and len(s.split()) > 3 and gate.plain(s)]


def problem(material: Material, text: str, part: str = "summary") -> str:
    """What is wrong with a model's words; "" when they may be kept.

    Too long or empty, markup or our own instructions in it, or a name or a number that nobody said.
    """
    text = text.strip()
    most = LIMITS[material.level] * 2 if part == "summary" else 120
    if not text or len(text) > most or ("\n" in text.strip() and part == "title"):
        return "its length"
    if gate.instructs(text) or "<" in text or _quotes(text, _PROMPT):
        return "instructions or markup"
    said = " ".join(line for _, line in material.said).casefold()
    dates = f"{material.first_at:%d %B %Y} {material.last_at:%d %B %Y}".casefold()
    unknown = [name for name in _NAME.findall(text) if name.casefold().rstrip("'’s") not in said + dates]
    return f"it names {unknown[0]!r}, which nobody said" if unknown else ""


def _quotes(text: str, prompt: str, words: int = 7) -> bool:
    """Whether so many words in a row come from our own instructions."""
    spoken, ours = text.casefold().split(), " ".join(prompt.casefold().split())
    return any(" ".join(spoken[i : i + words]) in ours for i in range(len(spoken) - words + 1))


def _request(material: Material) -> list[ChatMessage]:
    names = {"user": "they", "assistant": "companion", "summary": "before"}
    lines = "\n".join(f"{names[role]}: {' '.join(text.split())}" for role, text in material.said)
    words = LIMITS[material.level] // 7
    return [
        ChatMessage("system", _PROMPT.replace("{words}", str(words))),
        ChatMessage("user", f"<material>\n{lines.replace('</material>', '')}\n</material>"),
    ]
