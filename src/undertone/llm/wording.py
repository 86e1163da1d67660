"""Small word work for the offline composer: turn "my sister" into "your sister", find the memory that fits a question.

Pure functions on English text. They know no grammar beyond pronouns and a few verbs, so whatever is not plainly safe
to turn round is quoted word for word instead, and what should not be repeated at all is left out.
"""

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

MAX_ECHO_WORDS = 22

_TURNED = {
    "i": "you",
    "me": "you",
    "my": "your",
    "mine": "yours",
    "myself": "yourself",
    "i'm": "you're",
    "im": "you're",
    "i've": "you've",
    "ive": "you've",
    "i'd": "you'd",
    "i'll": "you'll",
}
_AFTER_I = {"am": "are", "was": "were", "wasn't": "weren't"}
_ADVERBS = {"just", "really", "also", "still", "always", "never", "only", "so", "once"}
_AMBIGUOUS = re.compile(r"\b(you|your|yours|you're|u|ur|we|we're|us|our|ours|am i|was i)\b", re.I)
_UNREPEATABLE = re.compile(
    r"\b(sex\w*|nud\w+|naked|horny|porn\w*|cum\w*|cock\w*|dick\w*|puss(y|ies)|tits?|boobs?|f+u+c+k\w*|shit\w*|bitch\w*"
    r"|cunt\w*|whore\w*|slut\w*|rap(e|ed|ist)|suicid\w*|kill\w*|self[- ]?harm\w*|cut(ting)? myself|hurt myself"
    r"|instructions?|system prompt|password|https?)\b",
    re.I,
)
_HAIL = re.compile(
    r"^\s*(hi|hey|hello|hiya|yo|well|yeah|yes|no|ok|okay|oh|so|um|hm+|ah)\b(\s+\w+)?\s*[,!.:-]+\s+", re.I
)


@cache
def data() -> dict[str, Any]:
    """All of `offline.toml`."""
    return tomllib.loads(files("undertone.llm").joinpath("offline.toml").read_text(encoding="utf-8"))


@cache
def _set(name: str) -> frozenset[str]:
    return frozenset(data()["wording"][name].split())


def sentences(text: str) -> list[str]:
    """The sentences of a text, each on one line; at least one, be it empty."""
    return re.split(r"(?<=[.!?…])\s", " ".join(text.split()))


def statements(memories: Sequence[str]) -> list[str]:
    """The sentences of memories that say something: a question asked earlier is no knowledge."""
    return [part for memory in memories for part in sentences(memory) if telling(part) and not part.endswith("?")]


def without_hello(text: str) -> str:
    """A text without the hello (or well, or yes) it opens with, on one line."""
    return _HAIL.sub("", " ".join(text.split()), count=1)


def first_sentence(text: str) -> str:
    """The first sentence, without a hello before it or a full stop after it."""
    return sentences(without_hello(text))[0].rstrip(" .!…,;:-")


def echo(text: str) -> str:
    """What was said, turned to the second person or else quoted; "" where it should not be said back."""
    sentence = first_sentence(text)
    words = sentence.split()
    if not 2 <= len(words) <= MAX_ECHO_WORDS or sentence.endswith("?") or _UNREPEATABLE.search(text):
        return ""
    if _AMBIGUOUS.search(sentence) or not re.search(r"\b(i|i'm|im|i've|my|me)\b", _plain(sentence), re.I):
        return "“" + sentence.strip('"“”') + "”."
    return turned(sentence) + "."


def turned(sentence: str) -> str:
    """First person to second: "I was late for my train" becomes "you were late for your train"."""
    out: list[str] = []
    verb_next = False
    for number, word in enumerate(_plain(sentence).split()):
        core = word.strip(',.;:!?()"“”')
        low = core.lower()
        new = _TURNED.get(low) or (_AFTER_I.get(low) if verb_next else None)
        if new is None and number == 0 and low in _set("lowered"):
            new = low
        out.append(word.replace(core, new, 1) if new else word)
        verb_next = low == "i" or (verb_next and low in _ADVERBS)
    return " ".join(out)


def fitting(text: str, known: Sequence[str]) -> list[str]:
    """The statements that share a telling word with the text, most shared words first; never the text itself."""
    wanted, own = telling(text), {_key(sentence) for sentence in sentences(text)}
    shared = [(len(wanted & telling(statement)), statement) for statement in known if _key(statement) not in own]
    return [statement for count, statement in sorted(shared, key=lambda pair: -pair[0]) if count]


def telling(text: str) -> set[str]:
    """The words of a text that say what it is about, crudely stemmed."""
    return {_stem(word) for word in re.findall(r"[^\W_][\w']*", _plain(text).lower()) if word not in _set("idle")}


def _stem(word: str) -> str:
    word = word.removesuffix("'s").rstrip("'")
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)].rstrip("e")
    return word.rstrip("e") if len(word) > 3 else word


def _key(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def _plain(text: str) -> str:
    """Typographic apostrophes made plain."""
    return text.replace("’", "'").replace("‘", "'")
