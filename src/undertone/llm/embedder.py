"""The built-in embedder: all-MiniLM-L6-v2 as an int8 encoder in this process, without torch.

    embedder = default_embedder(data_dir / "models")
    vectors = await embedder.embed(["hello"])        # (1, 384), unit length
    embedder.close()

Concurrent requests share batches: whatever queued while the one worker thread was busy goes into its next batch, so a
lone request never waits and a crowd is cheap. Knows English best; reads the first 256 tokens of a text and no more.
Int8 rounding costs some likeness to the float32 model (cosine .97 to .997) and lets a text's vector differ by up to
.002 with the company it was computed in: compare with thresholds, never for equality.
"""

import asyncio
import re
import threading
import unicodedata
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from undertone.errors import NotReady
from undertone.llm import weights

MAX_TOKENS = 256
"""What the model was trained to read; more would be positions it has seen little of."""
MAX_CHARACTERS = 8_000
"""More than 256 tokens of any prose; spares the tokenizer a 100 kB paste."""
_UNSAID = re.compile("[\ufe0e\ufe0f\u200d\U0001f1e6-\U0001f1ff\U0001f3fb-\U0001f3ff]")
"""Variation selectors, joiners, flags' letters and skin tones: no part of what an emoji says."""
_EMOJI = re.compile("[\u2190-\u21ff\u2300-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]")

Vectors = npt.NDArray[np.float32]


def default_embedder(models_dir: Path, *, threads: int = 1) -> "MiniLM":
    """Return the built-in embedder, converting its weights into `models_dir` the first time (about 2 s).

    Raises NotReady where the weights are missing or not the official ones.
    """
    return MiniLM(weights.prepare(models_dir), threads=threads)


@dataclass(slots=True)
class _Order:
    """Texts that wait for the worker; at most one batch of them."""

    texts: list[str]
    answer: Future[Vectors] = field(default_factory=Future[Vectors])


class MiniLM:
    """Texts to 384 numbers of unit length: mean of the last layer's tokens, then L2 normalised."""

    name = "all-MiniLM-L6-v2"
    dimension = 384

    def __init__(self, folder: Path, *, threads: int = 1, max_batch: int = 32, max_waiting: int = 256) -> None:
        """Load the model that `weights.prepare` wrote.

        `threads` work on one batch; `max_batch` texts share one; beyond `max_waiting` unanswered batches `embed` waits
        its turn before it queues.
        """
        self._tokenizer: Tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()  # the file ships padding to 128 and truncation at 128
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._encoder: Any = ctranslate2.Encoder(str(folder), device="cpu", inter_threads=1, intra_threads=threads)
        self._max_batch = max_batch
        self._room = asyncio.Semaphore(max_waiting)
        self._orders: deque[_Order] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._worker = threading.Thread(target=self._work, name="embedder", daemon=True)
        self._worker.start()

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Return shape (len(texts), 384), float32; see `protocol.Embedder`. Raises NotReady once closed."""
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for rows in self._batches(texts):
            order = _Order([texts[row] for row in rows])
            async with self._room:
                self._put(order)
                vectors[rows] = await asyncio.wrap_future(order.answer)
        return vectors

    def embed_now(self, texts: Sequence[str]) -> Vectors:
        """The same, blocking, for jobs and training; safe from any thread, shares no batch with others."""
        if self._closed:
            raise NotReady("The embedder is closed.")
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for rows in self._batches(texts):
            vectors[rows] = self._encode([texts[row] for row in rows])
        return vectors

    def close(self) -> None:
        """Answer what has queued, then stop the worker. Safe to call twice."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._worker.join()

    async def aclose(self) -> None:
        """`close`, without holding up the event loop."""
        await asyncio.to_thread(self.close)

    def _batches(self, texts: Sequence[str]) -> list[list[int]]:
        """Row numbers in batches of similar length, so that little is spent on padding."""
        rows = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        return [rows[start : start + self._max_batch] for start in range(0, len(rows), self._max_batch)]

    def _put(self, order: _Order) -> None:
        with self._changed:
            if self._closed:
                raise NotReady("The embedder is closed.")
            self._orders.append(order)
            self._changed.notify()

    def _take(self) -> list[_Order]:
        """Wait for orders and return as many as fit one batch; empty once closed and done."""
        with self._changed:
            self._changed.wait_for(lambda: self._orders or self._closed)
            taken: list[_Order] = []
            room = self._max_batch
            while self._orders and len(self._orders[0].texts) <= room:
                order = self._orders.popleft()
                room -= len(order.texts)
                taken.append(order)
            return taken

    def _work(self) -> None:
        while taken := self._take():
            orders = [order for order in taken if order.answer.set_running_or_notify_cancel()]
            if not orders:
                continue
            try:
                vectors = self._encode([text for order in orders for text in order.texts])
            except (RuntimeError, ValueError, TypeError) as error:
                for order in orders:
                    order.answer.set_exception(error)
                continue
            start = 0
            for order in orders:
                order.answer.set_result(vectors[start : start + len(order.texts)])
                start += len(order.texts)

    def _encode(self, texts: Sequence[str]) -> Vectors:
        """One batch: tokens, last hidden states (texts, longest, 384), their masked mean, unit length."""
        ids = [self._tokenizer.encode(_clean(text)).ids for text in texts]
        states = np.array(self._encoder.forward_batch(ids).last_hidden_state)
        vectors = np.stack([states[row, : len(tokens)].mean(axis=0) for row, tokens in enumerate(ids)])
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def spell_emoji(text: str) -> str:
    """Each emoji by its name in Unicode ("loudly crying face"), since the tokenizer knows next to none of them."""
    if text.isascii():
        return text
    return _EMOJI.sub(lambda found: f" {unicodedata.name(found.group(), '').lower()} ", _UNSAID.sub("", text))


def _clean(text: str) -> str:
    """Cut what would be truncated anyway, spell emoji, and replace lone surrogates, which no tokenizer takes."""
    return spell_emoji(text[:MAX_CHARACTERS]).encode("utf-8", "replace").decode("utf-8")
