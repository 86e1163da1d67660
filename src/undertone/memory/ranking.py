"""How well each message of a person's past answers a query: legs in words and in meaning, fused on their scores.

    ranked = rank(stream, query, vector, now)     # scores of shape (n,), the higher the better, and their parts

Every leg is a z-score over the person's own messages, the two roles apart, so that long replies and short questions
compete fairly and no scale is fitted to a data set. Pure numpy. Knows no SQL and no kept memories.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from undertone.memory import decay, terms
from undertone.memory.index.stream import Stream
from undertone.memory.query import Query
from undertone.memory.vectors import similarities
from undertone.types import Vector

Floats = npt.NDArray[np.float32]

# Chosen on LoCoMo conversations 1-5 and three BEAM chats, see docs/experiments.md; everything else is counted. With
# MEANING_FLOOR and ALIKE of retrieval.py they are a dozen.
K1, B = 1.2, 0.4
"""BM25: how soon a repeated word stops to count, and how much a long message is held against it."""
NEAR, REACH = 0.6, 3
"""How much of a message's neighbours belongs to its key, since an answer seldom repeats the question: all of the next,
this share of it for each place further, up to so many places."""
SHORT = 20.0
"""Stems; longer neighbours are scaled down to this, and a longer message leans less on its neighbours."""
OWN_WORDS, LEG = 0.6, 1.5
"""Weight of BM25 of the message alone, and of each other leg: BM25 with neighbours, cosine alone and with them."""
CONVERSATION = 0.5
"""Weight of each conversation prior: the mean of its three best messages."""
SPEAKER = 3.0
"""Worth, in standard deviations, of being said by the one the query asks about. Being said in the time that the query
names, or in the week after, when people tell what happened, is worth one."""
BOOST = 0.1
"""At most this much each for being new, often used and kept: ties are broken, nothing is buried (the floor is 0)."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """Scores and their parts, each of shape (n,)."""

    score: Floats
    own_words: Floats
    """BM25 of the message alone."""
    near_words: Floats
    """BM25 of the message with its neighbours."""
    cosine: Floats
    """0 where a message has no vector yet."""
    asked_speaker: npt.NDArray[np.bool_]
    in_time: npt.NDArray[np.bool_]


def rank(stream: Stream, query: Query, vector: Vector | None, now: datetime) -> Ranked:
    """Score every message. `vector` is the query's, of shape (d,), names stripped; None ranks by words alone."""
    near = _Neighbourhood(stream)
    own_words, near_words = _bm25(stream, query.stems, near)
    score = OWN_WORDS * _by_role(own_words, stream) + LEG * _by_role(near_words, stream)
    score += CONVERSATION * _z(near.conversation_prior(near_words))
    cosine = np.zeros(len(stream), dtype=np.float32)
    if vector is not None and stream.has_vector.any():
        known = stream.has_vector
        cosine[known] = similarities(stream.vectors, vector)
        filled = np.where(known, cosine, cosine[known].mean()).astype(np.float32)
        around = near.mean(filled)
        score += LEG * _by_role(filled, stream) + LEG * _by_role(around, stream)
        score += CONVERSATION * _z(near.conversation_prior(around))
    asked = _asked_speaker(stream, query)
    in_time = _in_time(stream, query)
    score += SPEAKER * asked + in_time
    age_days = np.maximum(now.timestamp() - stream.created, 0.0) / 86_400
    score += BOOST * 0.5 ** (age_days / decay.HALF_LIFE_DAYS)
    return Ranked(score.astype(np.float32), own_words, near_words, cosine, asked, in_time)


def known(use_count: int, kept: bool, pinned: bool) -> float:
    """What a message gains by having been used in `use_count` requests, and by what was kept of it."""
    return BOOST * (1 - 0.5**use_count) + BOOST * (1.0 if pinned else 0.5 * kept)


class _Neighbourhood:
    """Sums over the messages around each one, within its conversation."""

    def __init__(self, stream: Stream) -> None:
        counts = stream.counts
        self.owner = np.repeat(np.arange(len(stream)), stream.term_counts)
        self.length = np.bincount(self.owner, weights=counts, minlength=len(stream)).astype(np.float32)
        self._scale = _float32(np.minimum(1.0, SHORT / np.maximum(self.length, 1.0)))
        self._need = _float32(np.minimum(1.0, 2 * SHORT / (SHORT + self.length)))
        self._weights: list[Floats] = [
            np.float32(NEAR ** (places - 1)) * (stream.conversation[places:] == stream.conversation[:-places])
            for places in range(1, REACH + 1)
        ]
        self._total = _float32(1.0 + self._around(np.ones(len(stream), dtype=np.float32)))
        self._starts = np.flatnonzero(np.diff(stream.conversation, prepend=stream.conversation[:1] + 1))
        self._sizes = np.diff(self._starts, append=len(stream))

    def sum(self, values: Floats) -> Floats:
        """Each value and its neighbours', long ones scaled down, as far as the message needs them."""
        return _float32(values + self._need * self._around(values * self._scale))

    def mean(self, values: Floats) -> Floats:
        """The weighted mean of each value and its neighbours'."""
        return _float32((values + self._around(values)) / self._total)

    def conversation_prior(self, values: Floats) -> Floats:
        """The mean of the three best values of each message's conversation; a shorter one repeats its last."""
        left = values.copy()
        total, missing = np.zeros(len(self._sizes)), np.full(len(self._sizes), 3)
        last = np.zeros(len(self._sizes))
        for _ in range(3):
            best = np.maximum.reduceat(left, self._starts)
            equal = left == np.repeat(best, self._sizes)
            some = np.isfinite(best)
            last = np.where(some, best, last)
            taken = np.where(some, np.minimum(np.add.reduceat(equal, self._starts, dtype=np.int64), missing), 0)
            total += taken * last
            missing -= taken
            left[equal] = -np.inf
        return _float32(np.repeat((total + missing * last) / 3, self._sizes))

    def _around(self, values: Floats) -> Floats:
        around = np.zeros_like(values)
        for places, weights in enumerate(self._weights, 1):
            around[places:] += weights * values[:-places]
            around[:-places] += weights * values[places:]
        return around


def _bm25(stream: Stream, stems: tuple[str, ...], near: _Neighbourhood) -> tuple[Floats, Floats]:
    """BM25 (Robertson and Zaragoza 2009) of each message alone and with its neighbours, by this person's statistics."""
    own, around = np.zeros(len(stream), dtype=np.float32), np.zeros(len(stream), dtype=np.float32)
    own_norm = K1 * (1 - B + B * near.length / max(float(near.length.mean()), 1.0))
    length = near.sum(near.length)
    around_norm = K1 * (1 - B + B * length / max(float(length.mean()), 1.0))
    asked = terms.hash_stems(stems)
    low = np.zeros(1 << 16, dtype=np.bool_)  # one pass over all stems; few others share their low bits
    low[asked & 0xFFFF] = True
    candidates = np.flatnonzero(low[stream.stems & 0xFFFF])
    found = stream.stems[candidates]
    for stem in asked:
        hits = candidates[found == stem]
        if not len(hits):
            continue
        frequency = np.zeros(len(stream), dtype=np.float32)
        frequency[near.owner[hits]] = stream.counts[hits]
        own += _idf(frequency) * frequency / (frequency + own_norm)
        frequency = near.sum(frequency)
        around += _idf(frequency) * frequency / (frequency + around_norm)
    return own, around


def _float32(values: npt.NDArray[np.floating]) -> Floats:
    return values.astype(np.float32)


def _idf(frequency: Floats) -> float:
    found = int(np.count_nonzero(frequency))
    return float(np.log1p((len(frequency) - found + 0.5) / (found + 0.5)))


def _asked_speaker(stream: Stream, query: Query) -> npt.NDArray[np.bool_]:
    if query.speaker:
        return stream.speaker == query.speaker
    if query.role:
        return stream.user == (query.role == "user")
    return np.zeros(len(stream), dtype=np.bool_)


def _in_time(stream: Stream, query: Query) -> npt.NDArray[np.bool_]:
    week = 7 * 86_400
    inside = np.zeros(len(stream), dtype=np.bool_)
    for span in query.times:
        inside |= (stream.created >= span.start.timestamp()) & (stream.created < span.end.timestamp() + week)
    return inside


def _by_role(values: Floats, stream: Stream) -> Floats:
    """z-scores among the person's messages and among the persona's."""
    mine = stream.user.astype(np.float32)
    scored = np.zeros_like(values)
    for group in (mine, 1 - mine):
        if count := float(group.sum()):
            apart = (values - float(values @ group) / count) * group
            deviation = (float(apart @ apart) / count) ** 0.5
            if deviation > 1e-6:
                scored += apart / np.float32(deviation)
    return scored


def _z(values: Floats) -> Floats:
    if not len(values):
        return values
    deviation = float(values.std())
    return (values - values.mean()) / deviation if deviation > 1e-6 else np.zeros_like(values)
