"""A sentence as the rails read it: what disguises, dresses up or misspells words is undone before patterns look.

    folded("І'm а r3al   ＰＥＲＳＯＮ 😘")         # "i'm a real person"
    squeezed("d o n ' t  g o")                  # "dontgo": the letters of a sentence that is spelt out

Undone are width and style of letters, accents, invisible characters, look-alikes of other alphabets, digits in place of
letters, stretched words, emoji that stand for words, common slang. Knows words, not grammar: a misspelling that is not
in the table gets through.
"""

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

_TABLE: Final = "spelling.toml"
_ASCII_ONLY: Final = re.compile(r"[a-z '\".,!?;:\-\n]*")
_LATIN: Final = re.compile(r"[a-z]")
_TOKEN: Final = re.compile(r"[a-z0-9@$']*[a-z][a-z0-9@$']*")
_DIGITS: Final = str.maketrans("0134578@$", "oieastbas")
_COUNTED: Final = re.compile(r"\d+(?:st|nd|rd|th|am|pm|k|m|s|h)")
_STRETCHED: Final = re.compile(r"([a-z])\1{2,}")
_SPELT: Final = re.compile(r"(?<!\w)(?:\w[ .\-_*\u200b']{1,3}){3,}\w(?!\w)")
_MARKS: Final = re.compile("[\u0300-\u036f]")
_SPACE: Final = re.compile(r"\s+")


@cache
def _tables() -> tuple[dict[int, str], dict[int, str], Mapping[str, str], re.Pattern[str], Mapping[str, str]]:
    """Characters to replace everywhere, look-alikes, slang, emoji pattern and words; compiled once."""
    raw = tomllib.loads((Path(__file__).parent / _TABLE).read_text("utf-8"))
    lookalikes = {ord(one): latin for latin, others in raw["lookalikes"].items() for one in others}
    letters = {ord(one): latin for latin, others in raw["letters"].items() for one in others}
    emoji: dict[str, str] = raw["emoji"]
    seen = re.compile("|".join(re.escape(one) for one in sorted(emoji, key=len, reverse=True)))
    return letters, lookalikes, raw["slang"], seen, emoji


def folded(text: str) -> str:
    """`text` in lower case with its disguises undone and single spaces between words."""
    slang = _tables()[2]
    words = _TOKEN.sub(lambda m: _respelt(m.group(), slang), _undisguised(text))
    return _SPACE.sub(" ", words).strip()


def squeezed(text: str) -> str:
    """The letters of a sentence some of which is spelt out one by one; "" for any other."""
    if not _SPELT.search(text):
        return ""
    return "".join(c for c in _undisguised(text) if c.isalnum())


def unaccented(text: str) -> str:
    """`text` without accents, as patterns must be written; kana and Arabic keep what belongs to their letters."""
    return unicodedata.normalize("NFC", _MARKS.sub("", unicodedata.normalize("NFD", text)))


def _undisguised(text: str) -> str:
    letters, lookalikes, _, seen, emoji = _tables()
    text = text.casefold()
    if not _ASCII_ONLY.fullmatch(text):
        text = seen.sub(lambda m: f" {emoji[m.group()]} ", text)
        text = unicodedata.normalize("NFKC", text).casefold().translate(letters)
        text = unaccented(text)
        text = "".join(_visible(c) for c in text)
        latin = len(_LATIN.findall(text))
        if latin and latin * 2 >= sum(c.isalpha() for c in text):
            text = text.translate(lookalikes)
    return _STRETCHED.sub(r"\1", text)


def _respelt(token: str, slang: Mapping[str, str]) -> str:
    if (known := slang.get(token)) is not None:
        return known
    if token.isalpha() or (
        token[0].isdigit() and token[1:] in ("st", "nd", "rd", "th", "am", "pm", "k", "m", "s", "h")
    ):
        return token
    plain = token.translate(_DIGITS) if any(c in "0134578@$" for c in token) else token
    return slang.get(plain, plain)


def _visible(c: str) -> str:
    """The character; a space for emphasis marks and pictures, nothing for what cannot be seen."""
    if c in "*_~`":
        return " "
    category = unicodedata.category(c)
    if category == "Cf" or c == "\ufe0f":
        return ""
    return " " if category in ("So", "Sk") else c
