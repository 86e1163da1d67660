"""Reading several messages by a model: what it wants to keep is checked against the messages themselves.

    found = await read(resources, user_id, persona_id, messages, now=now)      # None: let the rules read

A memory stands only if its source is one of the messages, its quote is there word for word, its names and numbers were
said, and the sentence it comes from passes the junk gate. What people wrote is material to the model, never an
instruction. Knows nothing of what is kept already.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from importlib.resources import files
from typing import Any
from uuid import UUID

from undertone.llm.protocol import ChatMessage
from undertone.memory import clerking, gate, terms
from undertone.memory.extraction import Fact
from undertone.memory.kept_store import Unread
from undertone.resources import Resources

KINDS = ("fact", "preference", "person", "event")
SUBJECTS = {
    "home": "they live in",
    "work": "they work",
    "study": "they study",
    "name": "they are called",
    "age": "age",
    "birthday": "birthday",
    "relationship": "relationship",
    "diet": "diet",
    "other": "",
}
"""What a memory is about where only one thing can be true at a time: the rules' subjects."""
MOST = 16
"""Memories one call may give."""
LONGEST = 240
CUT = 1_200
"""Characters of one message the model is shown."""
CONFIDENCE = 0.8
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "memories": {
            "type": "array",
            "maxItems": MOST,
            "items": {
                "type": "object",
                "properties": {
                    "source": {"type": "integer", "minimum": 1},
                    "quote": {"type": "string"},
                    "kind": {"enum": list(KINDS)},
                    "about": {"enum": list(SUBJECTS)},
                    "text": {"type": "string"},
                    "over": {"type": "boolean"},
                },
                "required": ["source", "quote", "kind", "about", "text", "over"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["memories"],
    "additionalProperties": False,
}
_PROMPT = (files("undertone.memory") / "prompts" / "extract.md").read_text(encoding="utf-8")
_NAME = re.compile(r"(?<=[\w,] )[A-Z][\w'-]+|\d+")
_SENTENCE = re.compile(r"[^.!?\n;]+[.!?]*")


async def read(
    resources: Resources, user_id: UUID, persona_id: str, messages: Sequence[Unread], *, now: datetime
) -> list[tuple[Fact, UUID]] | None:
    """Facts with the message each comes from; None without a model, and where it failed."""
    answer = await clerking.ask(resources, user_id, persona_id, "extract", request(messages), SCHEMA, now=now)
    if answer is None:
        return None
    found: list[tuple[Fact, UUID]] = []
    for memory in answer["memories"]:
        fact = checked(memory, messages)
        if isinstance(fact, Fact):
            found.append((fact, messages[memory["source"] - 1].id))
    return found


def request(messages: Sequence[Unread]) -> list[ChatMessage]:
    """What the model is asked: the rules, then the messages by number, each on one line."""
    lines = "\n".join(
        f"{number} [{m.created_at:%A %d %B %Y}]: {' '.join(m.text[:CUT].split()).replace('</messages>', '')}"
        for number, m in enumerate(messages, 1)
    )
    return [ChatMessage("system", _PROMPT), ChatMessage("user", f"<messages>\n{lines}\n</messages>")]


def checked(memory: dict[str, Any], messages: Sequence[Unread]) -> Fact | str:
    """The fact, or what is wrong with it."""
    if not 1 <= memory["source"] <= len(messages):
        return "a source that is none of the messages"
    text, said = " ".join(memory["text"].split()), messages[memory["source"] - 1].text
    quote = _plain(memory["quote"])
    if len(quote.split()) < 2 or quote not in _plain(said):
        return "a quote that was not said"
    if not 8 <= len(text) <= LONGEST or not text.startswith(("They ", "Their ")):
        return "not a sentence about them"
    if gate.instructs(text) or gate.secret(text):
        return "an instruction or a secret"
    sentence = next((s.strip() for s in _SENTENCE.findall(said) if quote in _plain(s)), said.strip())
    if (why := gate.refusal(sentence, negated=True)) is not None:
        return why
    if unknown := [name for name in _NAME.findall(text) if _plain(name) not in _plain(said)]:
        return f"{unknown[0]!r}, which was not said"
    stems = set(terms.analyse(text)) - _FRAME
    if stems and not stems & set(terms.analyse(said)):
        return "nothing of what was said"
    subject = SUBJECTS[memory["about"]]
    if memory["over"]:
        return (
            Fact(memory["kind"], f"no longer: {memory['quote']}", subject, CONFIDENCE, ends=True) if subject else "over"
        )
    return Fact(memory["kind"], text.rstrip("."), subject, CONFIDENCE)


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s]", "", text.casefold().replace("’", "'")).split())


_FRAME = frozenset(terms.analyse("they their like dislike live work call have are is"))
