"""What a message asks of memory: its stems, whom it speaks of, and the times it names.

    query = read_query("What did Anna say last spring?", known_speakers, now)

Speaker cues count only where they occur: a known speaker's name, or "I"/"my" (the person's words) or "you" (the
persona's) in a chat without names. Reads English.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from undertone.memory import terms
from undertone.memory.index.stream import name_speaker
from undertone.memory.times import Anchor, Span, anchor, spans

_WORD = re.compile(r"([^\W\d_]+)(?:['’]s)?")
_ABOUT_ME = re.compile(r"\b(?:i|my|me|mine|myself)\b", re.IGNORECASE)
_ABOUT_YOU = re.compile(r"\byou(?:r|'ve|'d|’ve|’d)?\b", re.IGNORECASE)
_REQUEST = re.compile(
    r"\b(?:can|could|would|will) you\b|\byou (?:can|could|please|help|give|tell|remember|know)\b", re.IGNORECASE
)
_ASKS = re.compile(
    r"[?\uff1f\u061f\u037e]|^\W*(?:who|what|when|where|which|whose|why|how|do|did|does|is|are|was|were|can|could|have|has)\b"
    r"|\b(?:remember|remind|recall|forgot|forget|told you|as i said|last time|the other day|tell me|guess)\b",
    re.IGNORECASE,
)
MAX_STEMS = 48
"""A longer message is searched by its first stems."""


@dataclass(frozen=True, slots=True)
class Query:
    """One message as a question to memory."""

    stems: tuple[str, ...]
    """Distinct, in order, without the names of speakers."""
    words: dict[str, str]
    """A word of the message for each stem, to say why something was found."""
    speaker: int
    """The hash of the one speaker it names, or 0."""
    role: Literal["user", "assistant"] | None
    """Whose words it asks for, when no speaker is named."""
    times: tuple[Span, ...]
    anchor: Anchor | None
    """An event of the person's own that a time leans on; `retrieval` looks for it."""
    nameless: str
    """The text without speakers' names; what to embed, since speakers seldom say their own names."""


def asks(text: str) -> bool:
    """Whether a message asks for something or points back, rather than only telling."""
    return bool(_ASKS.search(text))


def read_query(text: str, speakers: Collection[int], now: datetime) -> Query:
    """Read `text`; `speakers` are the hashes of those who speak in this person's past, `now` dates "last spring"."""
    named: set[int] = set()

    def without_name(match: re.Match[str]) -> str:
        speaker = name_speaker(match.group(1))
        if speaker not in speakers:
            return match.group()
        named.add(speaker)
        return ""

    nameless = " ".join(_WORD.sub(without_name, text).split()) if speakers else text
    words: dict[str, str] = {}
    for word in terms.words(nameless):
        for stem in terms.analyse(word):
            words.setdefault(stem, word)
    stems = tuple(words)[:MAX_STEMS]
    me = bool(_ABOUT_ME.search(text))
    you = bool(_ABOUT_YOU.search(_REQUEST.sub("", text)))
    return Query(
        stems=stems,
        words=words,
        speaker=next(iter(named)) if len(named) == 1 and not me and not you else 0,
        role="user" if me and not named else "assistant" if you and not me and not named else None,
        times=tuple(spans(text, now)),
        anchor=anchor(text),
        nameless=nameless,
    )
