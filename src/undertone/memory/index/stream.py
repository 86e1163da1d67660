"""A person's past with one persona as arrays: who said what when, in which conversation, with which stems and vectors.

A message packs into a fixed-size head, its stems and its vector's code. Packed messages join by joining their bytes, so
a block is nothing but its messages one after another, and `Stream.of` turns blocks into arrays. Knows no SQL.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID
from zlib import crc32

import numpy as np
import numpy.typing as npt

from undertone.memory import terms

HEAD = np.dtype(
    [
        ("seq", "<i4"),
        ("conversation", "<u4"),
        ("position", "<i4"),
        ("created", "<i8"),
        ("speaker", "<u4"),
        ("user", "u1"),
        ("terms", "<u2"),
        ("vector", "u1"),
    ]
)
"""One message, 28 bytes. `terms` says how many stem records are its own; `vector` whether it has a vector yet."""

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Packed:
    """Messages ready to be joined."""

    heads: bytes
    terms: bytes
    vectors: bytes


def name_conversation(conversation_id: UUID) -> int:
    """A conversation's name in 32 bits."""
    return crc32(conversation_id.bytes)


def name_speaker(speaker: str | None) -> int:
    """A speaker's name in 32 bits; 0 where nobody is named."""
    return terms.hash_stem(speaker.strip().lower()) if speaker else 0


@dataclass(frozen=True, slots=True)
class Stream:
    """All messages that may be recalled, persona by persona in the order they were said; one entry a message."""

    persona: Ints
    """The number of the persona it was told to, among those asked for."""
    seq: Ints
    conversation: npt.NDArray[np.uint32]
    position: Ints
    created: Ints
    """Seconds since 1970."""
    speaker: npt.NDArray[np.uint32]
    user: npt.NDArray[np.bool_]
    has_vector: npt.NDArray[np.bool_]
    term_counts: Ints
    ends: Ints
    """Where each message's stems end in `stems`."""
    stems: npt.NDArray[np.uint32]
    """Distinct stems of all messages one after another, `term_counts` of them each; `counts` says how often."""
    counts: npt.NDArray[np.float32]
    vectors: bytes
    """Codes of the messages that have a vector (see memory/vectors.py)."""

    @classmethod
    def of(cls, numbered: Iterable[tuple[int, Packed]]) -> "Stream":
        """Join packed messages, each part with its persona's number. Parts must not overlap and must come in order."""
        numbered = list(numbered)
        parts = [part for _, part in numbered]
        sizes = [len(part.heads) // HEAD.itemsize for part in parts]
        heads = np.frombuffer(b"".join(part.heads for part in parts), dtype=HEAD)
        stems, counts = terms.unpack(b"".join(part.terms for part in parts))
        return cls(
            persona=np.repeat(np.array([number for number, _ in numbered], dtype=np.int64), sizes),
            seq=heads["seq"].astype(np.int64),
            conversation=np.ascontiguousarray(heads["conversation"]),
            position=heads["position"].astype(np.int64),
            created=heads["created"].astype(np.int64),
            speaker=np.ascontiguousarray(heads["speaker"]),
            user=heads["user"] > 0,
            has_vector=heads["vector"] > 0,
            term_counts=heads["terms"].astype(np.int64),
            ends=heads["terms"].cumsum(dtype=np.int64),
            stems=stems,
            counts=counts,
            vectors=b"".join(part.vectors for part in parts),
        )

    def __len__(self) -> int:
        return len(self.seq)

    def stems_of(self, place: int) -> frozenset[int]:
        """The hashes of one message's distinct stems."""
        end = int(self.ends[place])
        return frozenset(self.stems[end - int(self.term_counts[place]) : end].tolist())
