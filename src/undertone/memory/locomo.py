"""Reads chats in LoCoMo's JSON and measures recall on them the way the product recalls: through PostgreSQL.

    chats = read_chats(Path("locomo10.json"))
    result = await measure(pool, embedder, chats[5:10], ks=(5, 10, 20, 50))

Messages go in by `append` with vectors, questions are asked of `recall` with shipped defaults. A chat with two named
people becomes user (speaker_a) and assistant (speaker_b) with their names kept; a shared picture's caption is part of
the text, as upstream has it. Knows nothing of answers: it measures whether the evidence is found.
"""

import json
import re
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from uuid_utils.compat import uuid7

from undertone.errors import BadInput
from undertone.llm.protocol import Embedder
from undertone.memory import store
from undertone.memory.index import read_stream
from undertone.memory.query import read_query
from undertone.memory.ranking import rank
from undertone.memory.retrieval import recall
from undertone.memory.vectors import Vectors
from undertone.resources import Connection, Pool
from undertone.types import Role, Vector

_SESSION = re.compile(r"session_(\d+)")
_EVIDENCE = re.compile(r"D\d+:\d+")
_DATE_FORMATS = ("%I:%M %p on %d %B, %Y", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d", "%B-%d-%Y", "%d %B, %Y")
_START = datetime(2024, 1, 1, tzinfo=UTC)
_PERSONA = "measured"


@dataclass(frozen=True, slots=True)
class Said:
    """One message of a chat file."""

    id: str
    role: Role
    speaker: str | None
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Question:
    """A question with the ids of the messages that hold its answer."""

    text: str
    evidence: frozenset[str]
    category: str


@dataclass(frozen=True, slots=True)
class Chat:
    """Sessions in order, and questions about them."""

    sessions: tuple[tuple[Said, ...], ...]
    questions: tuple[Question, ...]


def read_chats(path: Path) -> list[Chat]:
    """The chats of a JSON file, or of a folder's JSON files by name. Raises BadInput naming what cannot be read."""
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files:
        raise BadInput(f"{path} holds no .json file; name a LoCoMo file or a folder of them.")
    chats: list[Chat] = []
    for file in files:
        try:
            items = json.loads(file.read_text(encoding="utf-8"))
            chats += [_chat(item) for item in (items if isinstance(items, list) else [items])]
        except OSError as error:
            raise BadInput(f"{file} cannot be read: {error.strerror}.") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadInput(
                f"{file} is not LoCoMo JSON (conversation with session_N lists, and qa): {error}."
            ) from error
    return chats


def _chat(item: Mapping[str, Any]) -> Chat:
    conversation = item["conversation"]
    first = str(conversation.get("speaker_a") or "User")
    plain = {first.lower(), str(conversation.get("speaker_b") or "").lower()} <= {"user", "assistant", "human", "ai"}
    numbers = sorted(int(m[1]) for key in conversation if (m := _SESSION.fullmatch(key)) and conversation[key])
    sessions: list[tuple[Said, ...]] = []
    at = _START
    for number in numbers:
        at = _date(conversation.get(f"session_{number}_date_time"), after=at)
        turns = conversation[f"session_{number}"]
        said: list[Said] = []
        for place, turn in enumerate(turns):
            speaker = str(turn["speaker"])
            caption = turn.get("blip_caption")
            text = str(turn.get("text") or "") + (f" [shares {caption}]" if caption else "")
            role: Role = "user" if speaker == first else "assistant"
            name = None if plain else speaker
            said.append(Said(str(turn["dia_id"]), role, name, text, at + timedelta(seconds=30 * place)))
        sessions.append(tuple(said))
        at += timedelta(seconds=30 * len(turns))
    ids = {said.id for session in sessions for said in session}
    questions = [
        Question(str(qa["question"]), evidence, str(qa.get("category", "")))
        for qa in item.get("qa", [])
        if (evidence := frozenset(_EVIDENCE.findall(json.dumps(qa.get("evidence")))) & ids)
    ]
    return Chat(tuple(sessions), tuple(questions))


def _date(text: object, *, after: datetime) -> datetime:
    """A session's date; a day after the session before it where there is none that can be read."""
    for form in _DATE_FORMATS:
        try:
            return datetime.strptime(str(text).strip(), form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return after + timedelta(days=1)


@dataclass(slots=True)
class _Tally:
    recall: dict[int, list[float]]
    ndcg: dict[int, list[float]]
    by_category: dict[str, list[float]]
    query_ms: list[float]
    write_ms: list[float]


async def measure(
    pool: Pool, embedder: Embedder, chats: Sequence[Chat], *, ks: Sequence[int], baselines: bool = False
) -> dict[str, Any]:
    """Store each chat as a person of its own and ask its questions; the figures as the command prints them.

    `baselines` also ranks by one leg alone: the cosine of each message with the question, and BM25 of each message.
    Recall is the share of a question's evidence among the first k turns, nDCG the same with places counted; latencies
    are of `recall` and of `append` alone, embedding not included.
    """
    tally = _Tally(defaultdict(list), defaultdict(list), defaultdict(list), [], [])
    alone = {
        name: _Tally(defaultdict(list), defaultdict(list), defaultdict(list), [], []) for name in ("vector", "bm25")
    }
    async with pool.connection() as conn:
        for chat in chats:
            user_id = uuid7()
            ids, vectors = await _ingest(conn, embedder, user_id, chat, tally)
            await _ask(conn, embedder, user_id, chat, ids, tally, ks)
            if baselines:
                await _ask_legs(conn, embedder, user_id, chat, list(ids.values()), vectors, alone, ks)
    legs = {
        name: {
            "recall": {str(k): _mean(found.recall[k]) for k in ks},
            "ndcg": {str(k): _mean(found.ndcg[k]) for k in ks},
        }
        for name, found in alone.items()
    }
    return {
        **({"baselines": legs} if baselines else {}),
        "questions": len(tally.query_ms),
        "messages": len(tally.write_ms),
        "recall": {str(k): _mean(tally.recall[k]) for k in ks},
        "ndcg": {str(k): _mean(tally.ndcg[k]) for k in ks},
        "by_category": {name: _mean(values) for name, values in sorted(tally.by_category.items())},
        "latency_ms": _percentiles(tally.query_ms),
        "write_ms": _percentiles(tally.write_ms),
    }


async def _ingest(
    conn: Connection, embedder: Embedder, user_id: UUID, chat: Chat, tally: _Tally
) -> tuple[dict[UUID, str], Vectors]:
    """The ids of the messages in the order they were stored, and their vectors, shape (n, d)."""
    ids: dict[UUID, str] = {}
    all_vectors: list[Vector] = []
    for session in chat.sessions:
        conversation = await store.open_conversation(conn, user_id, _PERSONA, now=session[0].at)
        vectors = await embedder.embed([said.text for said in session])
        for said, vector in zip(session, vectors, strict=True):
            begun = time.perf_counter()
            message = await store.append(
                conn,
                user_id=user_id,
                conversation_id=conversation.id,
                persona_id=_PERSONA,
                role=said.role,
                speaker=said.speaker,
                text=said.text,
                vector=vector,
                now=said.at,
            )
            tally.write_ms.append((time.perf_counter() - begun) * 1_000)
            ids[message.id] = said.id
        all_vectors.extend(vectors)
    return ids, np.asarray(all_vectors, dtype=np.float32)


async def _ask(
    conn: Connection,
    embedder: Embedder,
    user_id: UUID,
    chat: Chat,
    ids: Mapping[UUID, str],
    tally: _Tally,
    ks: Sequence[int],
) -> None:
    now = chat.sessions[-1][-1].at + timedelta(days=1)
    vectors = await embedder.embed([question.text for question in chat.questions])
    for question, vector in zip(chat.questions, vectors, strict=True):
        begun = time.perf_counter()
        found = await recall(conn, user_id, _PERSONA, question.text, vector, now=now, k=max(ks), embed=embedder)
        tally.query_ms.append((time.perf_counter() - begun) * 1_000)
        hits = [ids[memory.id] in question.evidence for memory in found if memory.kind == "turn"]
        _count(tally, hits, question, ks)
        at_ten = sum(hits[:10]) / len(question.evidence)
        tally.by_category[question.category].append(at_ten)


async def _ask_legs(
    conn: Connection,
    embedder: Embedder,
    user_id: UUID,
    chat: Chat,
    ids: Sequence[str],
    said: Vectors,
    alone: Mapping[str, _Tally],
    ks: Sequence[int],
) -> None:
    """Recall of either leg by itself; `ids` and `said`, shape (n, d), are the messages' as they were stored."""
    stream = await read_stream(conn, user_id, [_PERSONA])
    now = chat.sessions[-1][-1].at + timedelta(days=1)
    vectors = await embedder.embed([question.text for question in chat.questions])
    for question, vector in zip(chat.questions, vectors, strict=True):
        query = read_query(question.text, set(np.unique(stream.speaker).tolist()) - {0}, now)
        scores = {
            "vector": said @ vector,
            "bm25": rank(stream, query, None, now).own_words,
        }
        for name, score in scores.items():
            order = stream.seq[np.argsort(-score, kind="stable")[: max(ks)]] - 1
            _count(alone[name], [ids[place] in question.evidence for place in order.tolist()], question, ks)


def _count(tally: _Tally, hits: Sequence[bool], question: Question, ks: Sequence[int]) -> None:
    for k in ks:
        tally.recall[k].append(sum(hits[:k]) / len(question.evidence))
        tally.ndcg[k].append(_gain(hits[:k]) / _gain([True] * min(k, len(question.evidence))))


def _gain(hits: Sequence[bool]) -> float:
    """Discounted cumulative gain: a hit at place i is worth 1 / log2(i + 1)."""
    return float(sum(1 / np.log2(place + 1) for place, hit in enumerate(hits, 1) if hit))


def _mean(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 4) if values else 0.0


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    if not values:
        return {"p50": 0.0, "p95": 0.0}
    p50, p95 = np.percentile(values, [50, 95])
    return {"p50": round(float(p50), 2), "p95": round(float(p95), 2)}


def choose(chats: Sequence[Chat], wanted: str) -> Iterator[Chat]:
    """The chats that "6-10" or "1,3,5" names, counted from 1. Raises BadInput."""
    for part in filter(None, wanted.split(",")):
        match = re.fullmatch(r"\s*(\d+)(?:\s*-\s*(\d+))?\s*", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 1 <= first <= last <= len(chats):
            raise BadInput(f"There is no conversation {part.strip()!r}: name some of 1-{len(chats)}, such as 1-3.")
        yield from chats[first - 1 : last]
