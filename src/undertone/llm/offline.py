"""The offline composer: answers when no model is connected, from the persona's phrases and what the person has told.

    async for piece in Offline().stream(request): ...       # request.hints carries what it works from

Honest by construction: it says back what was said, quotes what was kept, follows the strategy's tone, length and
questions, and when asked says that no language model is connected. It understands nothing and does not pretend to.
The same hints give the same words. English only.
"""

import asyncio
import random
import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from undertone.errors import ModelFailed
from undertone.llm import wording
from undertone.llm.protocol import ChatRequest, Piece
from undertone.types import Usage

_SENTENCES = {"short": 2, "medium": 3, "long": 4}

_FAREWELL = re.compile(
    r"\b(good ?bye|bye|good ?night|see (you|ya)|gotta go|got to go|have to go|going to bed|ttyl|talk (soon|later))\b",
    re.I,
)
_HELLO = re.compile(r"^\W*(hi|hey|hello|hiya|yo|good (morning|evening|afternoon))\b[\w\s,]{0,20}\W*$", re.I)
_THANKS = re.compile(r"^\W*(thanks|thank you|thx|ty)\b[\w\s,]{0,24}\W*$", re.I)
_HOW_ARE_YOU = re.compile(
    r"\bhow (are|r) (you|u)\b|\bhow's it going\b|\bhow was your day\b|\bwhat are you doing\b", re.I
)
_ABOUT_MODEL = re.compile(
    r"\b(language model|llm|chat ?gpt|gpt|grok|which model|what model|are you (real|offline|connected|scripted)"
    r"|do you (really )?understand)\b",
    re.I,
)
_HUMAN = re.compile(r"\bare (you|u) (an? )?(real|human|person|bot|robot|machine|ai|program)\b", re.I)
_PRIVACY = re.compile(
    r"\b(is this|are (my|these) (words|messages|chats)|what do you|do you) (really )?"
    r"(private|stored?|saved?|kept|keep|log)\b"
    r"|\bwho (can )?(see|read)s? (this|it|what i)\b|\b(delete|erase) (this|my (chat|chats|history|messages|data))\b",
    re.I,
)
_QUESTION = re.compile(r"\?\W*$|^\W*(what|who|where|when|which|why|how|do you|can you|tell me|remind me)\b", re.I)
_LOOK_UP = re.compile(
    r"^\W*(and |so |then )?(what|who|where|when|which|how old|do you (remember|know)|remind me"
    r"|tell me (what|who|where|when|which|about (me|my))|did i|have i|is my)\b",
    re.I,
)
_ABOUT_ME = re.compile(r"\b(i|my|me|mine|i'm|i've|remember|remind)\b", re.I)
_KNOWN_OF_ME = re.compile(r"\b(know|remember) (about )?me\b|\bremember anything\b|\bwhat have i told\b", re.I)


class Offline:
    """A `ChatProvider` without a model."""

    name = "offline"

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Piece, None]:
        """Yield the reply word by word, `delay_ms` apart where the hints ask for it."""
        delay_s = float(request.hints.get("delay_ms") or 0) / 1000
        words = re.findall(r"\S+\s*", compose(request))
        for word in words:
            if delay_s:
                await asyncio.sleep(delay_s)
            yield Piece(word)
        prompt = sum(len(message.content) for message in request.messages) // 4
        usage = Usage(prompt_tokens=prompt, completion_tokens=len(words), cost_usd=0.0, model=self.name)
        yield Piece(finish="stop", usage=usage)

    async def complete_json(self, request: ChatRequest, schema: Mapping[str, Any]) -> NoReturn:
        raise ModelFailed("No language model is connected, so there is nothing to ask for structured answers.")

    async def close(self) -> None: ...


def compose(request: ChatRequest) -> str:
    """Return one to four sentences for a request; works from whatever hints there are."""
    said = str(request.hints.get("user_text") or _last_words(request)).strip()
    return " ".join(_Composer(request.hints, said).sentences())


def _last_words(request: ChatRequest) -> str:
    """Without hints, the last paragraph of the last user message: what is added to it stands before the words."""
    texts = [message.content for message in request.messages if message.role == "user"]
    return texts[-1].rpartition("\n\n")[2] if texts else ""


@dataclass(frozen=True, slots=True)
class _Tone:
    order: Sequence[str]
    line: Sequence[str]
    ask: Sequence[str]
    own: Mapping[str, Sequence[str]]
    """This way's own words for a greeting, a thank-you, a goodbye."""


def _tone(strategy: str, wanted: str = "") -> _Tone:
    """The way of replying of this strategy, or the one that shares the most words with its tone; else gentle."""
    tones: dict[str, dict[str, Any]] = wording.data()["tones"]
    asked = set(re.findall(r"[a-z]+", wanted.lower()))
    best = tones.get(strategy) or max(tones.values(), key=lambda entry: len(asked & set(entry["words"])))
    own = {kind: best[kind] for kind in ("greet", "thanks", "farewell") if kind in best}
    return _Tone(best["order"], best["line"], best.get("ask", ()), own)


class _Composer:
    """One reply: what was said, the hints about it, and a random generator of its own."""

    def __init__(self, hints: Mapping[str, Any], said: str) -> None:
        strategy: Mapping[str, Any] = hints.get("strategy") or {}
        persona: Mapping[str, Any] = hints.get("persona") or {}
        self._said = said
        self._hints = hints
        self._name = str(persona.get("name") or "this character")
        self._greeting = str(persona.get("greeting") or "")
        self._phrases: Mapping[str, Sequence[str]] = persona.get("phrases") or {}
        self._memories = [str(text) for text in hints.get("memories") or ()]
        self._tone = _tone(str(strategy.get("id") or ""), str(strategy.get("tone") or ""))
        self._asks = bool(strategy.get("questions", True))
        self._limit = _SENTENCES.get(str(strategy.get("length")), 3)
        self._random = random.Random(f"{hints.get('seed', '')}/{said}")

    def sentences(self) -> list[str]:
        """The reply, as sentences: a plain answer where one is called for, else what the tone's order builds."""
        answer = self._answer() or self._built()
        language = str(self._hints.get("language") or "en")
        return answer if language.startswith("en") else [*answer, self._says("english_only")]

    def _answer(self) -> list[str]:
        """The answer to a plain kind of message, [] for anything else."""
        said = self._said
        if self._hints.get("asks_human") or _HUMAN.search(said):
            return [self._says("human"), self._says("no_model")]
        if _ABOUT_MODEL.search(said):
            return [self._says("no_model")]
        if self._hints.get("continues"):
            return [self._says("nothing_to_add")]
        if not said:
            return [self._says("nothing_said")]
        if _FAREWELL.search(said):
            return [self._own("farewell") or self._phrase("farewell")]
        if _HELLO.match(said):
            return self._hello()
        if _THANKS.match(said):
            return [self._own("thanks") or self._says("thanks")]
        if _PRIVACY.search(said):
            return [self._says("privacy")]
        if _HOW_ARE_YOU.search(said):
            return [self._says("myself"), *self._asked("how_are_you")]
        if _LOOK_UP.match(asked := wording.sentences(wording.without_hello(said))[-1]):
            return self._looked_up()
        if _QUESTION.search(asked) and self._hints.get("mood") != "negative":
            return [self._says("needs_model")]
        return []

    def _hello(self) -> list[str]:
        if self._hints.get("first_meeting") and self._greeting:
            return [self._greeting]
        told = self._recalled() if "memory" in self._tone.order else ""
        away = wording.data()["away"].get(self._hints.get("away"))
        hello = self._random.choice(away) if away else self._own("greet") or self._phrase("greet")
        return [*filter(None, [hello, told]), *self._asked("how_are_you")]

    def _looked_up(self) -> list[str]:
        """The answer to a question: what was told that fits it, else the plain truth."""
        known = wording.statements(self._memories)
        if known and _KNOWN_OF_ME.search(self._said):
            return [self._quoted(statement) for statement in known[: self._limit]]
        if fits := wording.fitting(self._said, known):
            return [self._quoted(fits[0]), *self._asked("still_right")]
        if not _ABOUT_ME.search(self._said):
            return [self._says("needs_model")]
        near = wording.echo(known[0]) if known else ""
        return [self._says("unknown_fact"), *([self._says("closest_fact") + near] if near else [])]

    def _built(self) -> list[str]:
        """Sentences in the tone's order, a low mood met first, the question last, at most as many as the length has."""
        order = [part for part in self._tone.order if part != "ask"]
        if self._hints.get("mood") == "negative" and "comfort" not in order:
            order = ["comfort", *(part for part in order if part != "plain")]
        parts: dict[str, Callable[[], str]] = {
            "echo": self._echo,
            "memory": self._recalled,
            "line": lambda: self._random.choice(self._tone.line),
        }
        question = self._question()
        said: list[str] = []
        for part in order:
            sentence = parts[part]() if part in parts else self._phrase(part)
            if sentence and len(said) + len(question) < self._limit:
                said.append(sentence)
        return said + question

    def _question(self) -> list[str]:
        if not self._asks or "ask" not in self._tone.order:
            return []
        asks = _tone("comfort").ask if self._hints.get("mood") == "negative" else self._tone.ask
        return [self._random.choice(asks) if asks else self._phrase("ask")]

    def _asked(self, what: str) -> list[str]:
        return [self._says(what)] if self._asks else []

    def _echo(self) -> str:
        said = wording.echo(self._said)
        if said:
            return f"{self._phrase('reflect')} {said}"
        return "" if "plain" in self._tone.order else self._phrase("plain")

    def _recalled(self) -> str:
        """A kept thing that fits what was said, as an aside; "" when none does."""
        fits = wording.fitting(self._said, wording.statements(self._memories))
        said = wording.echo(fits[0]) if fits else ""
        return self._says("goes_with") + said if said else ""

    def _quoted(self, statement: str) -> str:
        """A kept thing as the answer: "You told me your sister is called Ana.", or word for word."""
        said = wording.echo(statement)
        if not said:
            return f"{self._says('noted')}“{statement[:300].strip()}”"
        return (self._says("noted") if said.startswith("“") else self._says("told")) + said

    def _own(self, kind: str) -> str:
        """This way's own words for a kind of message, or ""."""
        return self._random.choice(self._tone.own[kind]) if kind in self._tone.own else ""

    def _phrase(self, kind: str) -> str:
        return self._random.choice(self._phrases.get(kind) or wording.data()["phrases"][kind])

    def _says(self, what: str) -> str:
        return str(wording.data()["says"][what]).format(name=self._name)
