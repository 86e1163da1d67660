"""Text to hashed word and character n-grams: the lexical features every linear head shares.

    bag = hashed("are you ok?")        # Bag(columns, values), a sparse row of unit length per block

The hash is our own arithmetic, so a model trained on one machine reads the same columns on any other. Knows no
vocabulary and no language: unseen words still land on their character n-grams. Two n-grams may share a column.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

import numpy as np
import numpy.typing as npt

WORD_COLUMNS = 1 << 15
CHAR_COLUMNS = 1 << 15
COLUMNS = WORD_COLUMNS + CHAR_COLUMNS
CHAR_LENGTHS = (3, 4, 5)
MAX_CHARS = 4000
"""Longer texts are cut: an opening is short, and a pasted novel must not cost a second."""
SHORT = 500
"""Characters of a text worth remembering: a few kB each, some MB in all."""

_TOKEN = re.compile(r"\w+(?:'\w+)*|[^\w\s]")
_STRETCHED = re.compile(r"(.)\1{2,}", re.DOTALL)
_SPACE = re.compile(r"\s+")
_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "…": "."})
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Bag:
    """A sparse row: strictly increasing columns in [0, COLUMNS) and how often each occurs."""

    columns: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]


def normalise(text: str) -> str:
    """Lower case, plain quotes, runs of three or more of a letter cut to two, single spaces, at most MAX_CHARS."""
    text = unicodedata.normalize("NFKC", text[:MAX_CHARS]).lower().translate(_QUOTES)
    return _SPACE.sub(" ", _STRETCHED.sub(r"\1\1", text)).strip()


def words(text: str) -> list[str]:
    """The words, punctuation marks and emoji of a normalised text, in order."""
    return _TOKEN.findall(text)


def bag(text: str) -> Bag:
    """Hash one text's word 1- and 2-grams and its character 3- to 5-grams. About 0.1 ms for a chat message.

    The last few short texts are remembered: rails, signals and the next message of a conversation ask for them again.
    """
    return _remembered(text) if len(text) <= SHORT else _bag(text)


def _bag(text: str) -> Bag:
    text = normalise(text)
    columns = np.concatenate([_word_columns(words(text)), _char_columns(text) + WORD_COLUMNS])
    found, counts = np.unique(columns, return_counts=True)
    return Bag(found, counts.astype(np.int64))


_remembered = lru_cache(maxsize=1024)(_bag)


def merge(bags: Sequence[Bag]) -> Bag:
    """The bag of several texts together, as if counted in one go (n-grams across the seams excepted)."""
    if len(bags) == 1:
        return bags[0]
    if not bags:
        return Bag(np.empty(0, np.int64), np.empty(0, np.int64))
    columns, where = np.unique(np.concatenate([b.columns for b in bags]), return_inverse=True)
    counts = np.bincount(where, weights=np.concatenate([b.counts for b in bags]), minlength=len(columns))
    return Bag(columns, counts.astype(np.int64))


def weigh(row: Bag, idf: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Values for a bag's columns: (1 + ln count) * idf, with the word and the character block each of unit length.

    `idf` has shape (COLUMNS,). Sublinear TF-IDF as in Manning, Raghavan and Schuetze, section 6.4.
    """
    values = ((1.0 + np.log(row.counts)) * idf[row.columns]).astype(np.float32)
    seam = int(np.searchsorted(row.columns, WORD_COLUMNS))
    for block in (values[:seam], values[seam:]):
        length = float(np.sqrt(block @ block))
        if length > 0:
            block /= length
    return values


def _word_columns(tokens: list[str]) -> npt.NDArray[np.int64]:
    one = np.array([crc32(t.encode()) for t in tokens], dtype=np.uint64)
    two = one[:-1] * np.uint64(31) + one[1:] + np.uint64(7)
    return _buckets(np.concatenate([one, two]), WORD_COLUMNS)


def _char_columns(text: str) -> npt.NDArray[np.int64]:
    codes = np.frombuffer(f" {text} ".encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    grams: list[npt.NDArray[np.uint64]] = []
    for length in CHAR_LENGTHS:
        if len(codes) < length:
            break
        value = np.full(len(codes) - length + 1, length, dtype=np.uint64)
        for offset in range(length):
            value = value * np.uint64(1_000_003) + codes[offset : len(codes) - length + 1 + offset]
        grams.append(value)
    return _buckets(np.concatenate(grams) if grams else np.empty(0, np.uint64), CHAR_COLUMNS)


def _buckets(values: npt.NDArray[np.uint64], size: int) -> npt.NDArray[np.int64]:
    """Spread hashes over `size` (a power of two) columns, taking the high bits (Knuth's multiplicative hash)."""
    return ((values * _MULTIPLIER) >> np.uint64(65 - size.bit_length())).astype(np.int64)
