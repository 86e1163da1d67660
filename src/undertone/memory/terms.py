"""Words to stems, and the packed form in which a message keeps them.

`analyse(text)` gives the stems in order; `pack(stems)` gives the bytes of `messages.terms`; `hash_stem` names a stem
in 32 bits, so that no dictionary is needed. Knows English word endings only; other scripts are split into
words, and Chinese, Japanese and Korean runs into pairs of characters.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib import resources
from zlib import crc32

import numpy as np
import numpy.typing as npt
import Stemmer

Hashes = npt.NDArray[np.uint32]

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_CJK = re.compile(r"[぀-ヿ㐀-鿿가-힯]")
STOPWORDS = frozenset((resources.files("undertone.memory") / "stopwords.txt").read_text(encoding="utf-8").split())
TERM = np.dtype([("stem", "<u4"), ("count", "u1")])
"""One distinct stem of one message, 5 bytes."""

_stemmer = Stemmer.Stemmer("english")


def words(text: str) -> list[str]:
    """The words of a text in lower case, possessive endings off, in order."""
    found: list[str] = []
    for match in _WORD.finditer(text.lower().replace("’", "'")):
        word = match.group().removesuffix("'s")
        if _CJK.search(word):
            found.extend(word[i : i + 2] for i in range(max(1, len(word) - 1)))
        else:
            found.append(word)
    return found


def analyse(text: str) -> list[str]:
    """The stems that count: stop words out, the rest stemmed, in order, with repeats."""
    return _stemmer.stemWords([word for word in words(text) if word not in STOPWORDS])


def hash_stem(stem: str) -> int:
    """A stem's name in 32 bits (CRC-32): the same in every process and release."""
    return crc32(stem.encode())


def pack(stems: Sequence[str]) -> bytes:
    """A message's stems as `TERM` records, one for each distinct stem; empty for a text without stems.

    Records of several messages are packed together by joining their bytes.
    """
    counts = Counter(stems)
    records = np.empty(len(counts), dtype=TERM)
    records["stem"] = hash_stems(counts)
    records["count"] = np.minimum(np.fromiter(counts.values(), dtype=np.int64, count=len(counts)), 255)
    return records.tobytes()


def unpack(packed: bytes) -> tuple[Hashes, npt.NDArray[np.float32]]:
    """The reverse of `pack`: stems' names and their counts, each of shape (n,)."""
    records = np.frombuffer(packed, dtype=TERM)
    return np.ascontiguousarray(records["stem"]), records["count"].astype(np.float32)


def hash_stems(stems: Iterable[str]) -> Hashes:
    """Names of several stems, shape (n,)."""
    return np.array([hash_stem(stem) for stem in stems], dtype=np.uint32)
