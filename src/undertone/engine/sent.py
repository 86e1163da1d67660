"""What was sent for a reply: kept as a layout of references, put together again word for word, checked by its hash.

    layout, texts = fold(request, history, quotes, conversation_id=..., at=now, ...)    # with the turn
    sent = await unfold(conn, user_id, layout)                                                 # when somebody asks

A layout quotes stored messages and memories by id, so it costs little and forgetting reaches it; only our own words and
summaries are kept as texts, shared by all turns that sent them. Finds quotes by looking for them: it knows the titles
of the parts of a request (`context`), not how one is laid out.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

from undertone import memory
from undertone.engine import context, sent_store
from undertone.engine.pieces import CUT, material
from undertone.engine.sent_store import SentText
from undertone.llm.protocol import ChatMessage, ChatRequest
from undertone.resources import Connection
from undertone.types import Message

INLINE = 60
"""A text up to this many characters stands in the layout itself."""
BEFORE, AFTER = "\n “", "\n”"
"""What stands round a quotation in a request, so that "tea" is not found within "steam"."""


@dataclass(frozen=True, slots=True)
class Quote:
    """Words that may stand in a request, and whose they are."""

    part: str
    """card, summaries, memories or message, as in `context.BUDGETS`."""
    id: UUID
    text: str


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a message that was sent. `text` is None where it was forgotten since."""

    part: str
    text: str | None
    source: UUID | None = None
    """The message, memory or conversation it quotes."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it was sent."""

    messages: tuple[tuple[str, tuple[Part, ...]], ...]
    """Role and parts, in order; a message's content is its parts joined."""
    exact: bool
    """True when it is byte for byte what the provider received, by its hash."""
    bytes_per_token: float

    def contents(self) -> list[tuple[str, str]]:
        """Role and content of each message; what was forgotten is left out."""
        return [(role, "".join(part.text or "" for part in parts)) for role, parts in self.messages]


def fold(
    request: ChatRequest,
    history: Sequence[Message],
    quotes: Sequence[Quote],
    *,
    conversation_id: UUID,
    at: datetime,
    bytes_per_token: float,
    persona_id: str = "",
    pages: Sequence[memory.Page] = (),
) -> tuple[dict[str, Any], list[SentText]]:
    """A request as a JSON-ready layout, and the texts it shares with others.

    `history` is this conversation before the message; `quotes` stand in the order in which they may be sent. `pages` of
    earlier conversations with `persona_id` are kept as the places of the stream they show, never as text.
    """
    bare, alone = _without_pages(request.messages) if pages else (request.messages, False)
    folding = _Folding(conversation_id, list(history), list(quotes))
    system, *middle, last = bare
    newest = folding.last(last)
    rows = [folding.system(system), *folding.runs(middle), newest]
    layout: dict[str, Any] = {
        "hash": digest([(m.role, m.content) for m in request.messages]).hex(),
        "at": at.isoformat(),
        "conversation": str(conversation_id),
        "bytes_per_token": round(bytes_per_token, 4),
        "messages": rows,
    }
    if pages:
        seqs = [pages[0].first_seq, pages[-1].last_seq]
        layout["earlier"] = {"seqs": seqs, "alone": alone, "persona": persona_id}
    return layout, list(folding.texts.values())


def digest(contents: Sequence[tuple[str, str]]) -> bytes:
    """What identifies a request's words: SHA-256 of its roles and contents as JSON."""
    words = json.dumps(contents, ensure_ascii=False)
    return hashlib.sha256(words.encode("utf-8", "surrogatepass")).digest()


def quoted(layout: Mapping[str, Any]) -> list[UUID]:
    """The memories a request used: those recalled for it, and at a conversation's beginning those of the card.

    The card stays the same through a conversation; it counts as used once.
    """
    rows: list[dict[str, Any]] = layout["messages"]
    parts = ("memories",) if len(rows) > 2 else ("memories", "card")
    pieces = [piece for row in rows for piece in row.get("pieces", ())]
    return [UUID(piece["quote"]) for piece in pieces if "quote" in piece and piece["part"] in parts]


async def unfold(conn: Connection, user_id: UUID, layout: dict[str, Any]) -> Sent:
    """Put a request together again from its layout, in the words of that time; what was forgotten is missing."""
    rows: list[dict[str, Any]] = layout["messages"]
    pieces = [piece for row in rows for piece in row.get("pieces", ())]
    texts = await sent_store.load_texts(conn, user_id, [bytes.fromhex(p["text"]) for p in pieces if "text" in p])
    at = datetime.fromisoformat(layout["at"])
    ids = [UUID(p["quote"]) for p in pieces if "quote" in p]
    words = await memory.as_of(conn, user_id, ids, at) if ids else {}
    summed = {UUID(p["of"]) for p in pieces if "of" in p}
    hidden = await memory.with_forgotten(conn, user_id, list(summed)) if summed else frozenset[UUID]()
    ranges = [(first, last) for row in rows for first, last in row.get("run", ())]
    said = await memory.said_at(conn, user_id, UUID(layout["conversation"]), ranges, at) if ranges else {}

    def part(piece: dict[str, Any]) -> Part:
        if "quote" in piece:
            source = UUID(piece["quote"])
            text = words.get(source)
            return Part(
                piece["part"], None if text is None else _cut(material(piece["part"], text), piece.get("cut")), source
            )
        source = UUID(piece["of"]) if "of" in piece else None
        text = piece["words"] if "words" in piece else texts.get(bytes.fromhex(piece["text"]))
        return Part(piece["part"], None if source in hidden else text, source)

    messages: list[tuple[str, tuple[Part, ...]]] = []
    for row in rows:
        if "run" in row:
            for first, last in row["run"]:
                for position in range(first, last + 1):
                    role, source, text = said.get(position, ("user", None, None))
                    whole = Part("history", None if text is None else context.defuse(text), source)
                    messages.append((role, (whole,)))
        else:
            messages.append((row["role"], tuple(part(piece) for piece in row["pieces"])))
    if "earlier" in layout:
        await _put_pages_back(conn, user_id, layout, messages)
    whole = all(p.text is not None for _, parts in messages for p in parts)
    again = [(role, "".join(p.text or "" for p in parts)) for role, parts in messages]
    return Sent(tuple(messages), whole and digest(again).hex() == layout["hash"], layout["bytes_per_token"])


def _without_pages(messages: Sequence[ChatMessage]) -> tuple[tuple[ChatMessage, ...], bool]:
    """The messages without the block of earlier conversations that the first one begins with, or is (then True)."""
    system, first, *rest = messages
    _, _, words = first.content.partition(f"{context.EARLIER_END}\n\n")
    return (system, *([replace(first, content=words)] if words else []), *rest), not words


async def _put_pages_back(
    conn: Connection, user_id: UUID, layout: dict[str, Any], messages: list[tuple[str, tuple[Part, ...]]]
) -> None:
    """Earlier conversations as they are held now: what was forgotten or corrected since is so here too."""
    first, last = layout["earlier"]["seqs"]
    pages = await memory.read_pages(
        conn,
        user_id,
        layout["earlier"]["persona"],
        UUID(layout["conversation"]),
        before=0,
        most_bytes=2**31,
        between=(first, last),
    )
    block = context.earlier(pages)
    if layout["earlier"]["alone"]:
        messages.insert(1, ("user", (Part("earlier", block),)))
    else:
        role, parts = messages[1]
        messages[1] = (role, (Part("earlier", f"{block}\n\n"), *parts))


def _cut(text: str, ends: Sequence[int] | None) -> str:
    """A text as `context` cut it: so many characters of its beginning and of its end."""
    if not ends:
        return text
    head, tail = ends
    return text[:head] + CUT + (text[-tail:] if tail else "")


@dataclass(slots=True)
class _Folding:
    """One request on its way to a layout. What it has placed is gone from `history`."""

    conversation: UUID
    history: list[Message]
    quotes: list[Quote]
    texts: dict[bytes, SentText] = field(default_factory=dict[bytes, SentText])

    def system(self, message: ChatMessage) -> dict[str, Any]:
        bounds = [
            (0, "persona"),
            *self._titles(message.content, ("card", context.CARD), ("summaries", context.SUMMARIES)),
        ]
        quoted = [quote for quote in self.quotes if quote.part in ("card", "summaries")]
        return {"role": message.role, "pieces": [*self._pieces(message.content, bounds, quoted)]}

    def last(self, message: ChatMessage) -> dict[str, Any]:
        """The last user turn: words that got no reply, the notes, the memories, and what was said."""
        content = message.content
        said = next(quote for quote in self.quotes if quote.part == "message")
        tail, cut = self._tail(content, context.defuse(said.text))
        start = max(0, content.rfind("<notes>", 0, len(content) - tail))
        pieces: list[dict[str, Any]] = []
        if start:
            early = content[:start]
            unanswered: list[Quote] = []
            while self.history and self.history[-1].role == "user" and context.defuse(self.history[-1].text) in early:
                spoken = self.history.pop()
                unanswered.insert(0, Quote("history", spoken.id, spoken.text))
            pieces += self._pieces(early, [(0, "history")], unanswered)
        middle = content[start : len(content) - tail]
        recalled = [quote for quote in self.quotes if quote.part == "memories"]
        bounds = [(0, "notes"), *self._titles(middle, ("memories", context.RECALLED))]
        if len(bounds) > 1:
            bounds.append((self._end_of(recalled, middle, bounds[1][0]), "notes"))
        pieces += self._pieces(middle, bounds, recalled)
        if tail:
            pieces.append({"part": "message", "quote": str(said.id), **({"cut": cut} if cut else {})})
        return {"role": message.role, "pieces": pieces}

    def runs(self, messages: Sequence[ChatMessage]) -> list[dict[str, Any]]:
        """The history: whole messages by their places, from the newest back; anything else piece by piece."""
        rows: list[dict[str, Any]] = []
        for message in reversed(messages):
            spoken = self.history[-1] if self.history else None
            if spoken and spoken.role == message.role and context.defuse(spoken.text) == message.content:
                self.history.pop()
                if rows and "run" in rows[0] and rows[0]["run"][0][0] == spoken.position + 1:
                    rows[0]["run"][0][0] = spoken.position
                elif rows and "run" in rows[0]:
                    rows[0]["run"].insert(0, [spoken.position, spoken.position])
                else:
                    rows.insert(0, {"run": [[spoken.position, spoken.position]]})
                continue
            joined: list[Quote] = []
            while self.history and self.history[-1].role == message.role:
                if context.defuse(self.history[-1].text) not in message.content:
                    break
                spoken = self.history.pop()
                joined.insert(0, Quote("history", spoken.id, spoken.text))
            if joined:
                pieces = [*self._pieces(message.content, [(0, "history")], joined)]
            else:  # not as we know it: it goes when anything of its conversation is forgotten
                whole = self._keep(message.content, (self.conversation,))
                pieces = [{"part": "history", "text": whole, "of": str(self.conversation)}]
            rows.insert(0, {"role": message.role, "pieces": pieces})
        return rows

    def _titles(self, content: str, *titles: tuple[str, str]) -> list[tuple[int, str]]:
        found = [(content.find(title), part) for part, title in titles]
        return sorted(place for place in found if place[0] >= 0)

    def _end_of(self, quotes: Sequence[Quote], content: str, start: int) -> int:
        """Where the line of the last of these quotes ends."""
        end = start
        for quote in quotes:
            text = material(quote.part, quote.text)
            if (at := _find(content, text, end)) >= 0:
                end = at + len(text)
        return content.find("\n", end) + 1

    def _tail(self, content: str, text: str) -> tuple[int, list[int] | None]:
        """How many characters at the end are the message, and its two ends where it was cut."""
        if text and content.endswith(text):
            return len(text), None
        at = content.rfind(CUT)
        ending = content[at + len(CUT) :]
        begun = content.rfind(text[:INLINE], 0, max(at, 0))
        if at < 0 or begun < 0 or not text.startswith(content[begun:at]) or not text.endswith(ending):
            return 0, None
        return len(content) - begun, [at - begun, len(ending)]

    def _pieces(
        self, content: str, bounds: Sequence[tuple[int, str]], quotes: Sequence[Quote]
    ) -> Iterator[dict[str, Any]]:
        """Quotes by reference, in their order, and what stands between them as texts, each with its part."""
        place = 0
        for quote in quotes:
            text = material(quote.part, quote.text)
            at = _find(content, text, place) if text else -1
            if at < 0:
                continue
            yield from self._words(content, place, at, bounds, quotes)
            place = at + len(text)
            if quote.part == "summaries":
                yield {"part": quote.part, "text": self._keep(text, (quote.id,)), "of": str(quote.id)}
            else:
                yield {"part": quote.part, "quote": str(quote.id)}
        yield from self._words(content, place, len(content), bounds, quotes)

    def _words(
        self, content: str, start: int, end: int, bounds: Sequence[tuple[int, str]], quotes: Sequence[Quote]
    ) -> Iterator[dict[str, Any]]:
        """Our own words between two quotes, split where another part begins. Should they hold somebody's words after
        all, they go with them."""
        edges = [start, *(at for at, _ in bounds if start < at < end), end]
        for left, right in pairwise(edges):
            part = [name for at, name in bounds if at <= left][-1]
            for words in _lines(content[left:right]) if part == "notes" else [content[left:right]]:
                held = [quote for quote in quotes if len(quote.text) > 3 and material(quote.part, quote.text) in words]
                if not words:
                    continue
                if len(words) <= INLINE and not held:
                    yield {"part": part, "words": words}
                else:
                    yield {"part": part, "text": self._keep(words, tuple(quote.id for quote in held))}

    def _keep(self, text: str, refs: tuple[UUID, ...] = ()) -> str:
        name = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        self.texts[name] = SentText(name, text, refs)
        return name.hex()


def _find(content: str, text: str, start: int) -> int:
    """Where a quotation stands, or -1: with a mark or an edge on both sides."""
    at = content.find(text, start)
    while at >= 0:
        end = at + len(text)
        if (at == 0 or content[at - 1] in BEFORE) and (end == len(content) or content[end] in AFTER):
            return at
        at = content.find(text, at + 1)
    return -1


def _lines(text: str) -> list[str]:
    """The lines of a text with their ends: a note's time changes each turn, the strategy's words seldom do."""
    return text.splitlines(keepends=True)
