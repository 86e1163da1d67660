"""An OpenAI-compatible `/v1/embeddings` endpoint as the embedder of recall.

    recall = EmbeddingEndpoint("http://127.0.0.1:8080/v1", model="bge-small-en-v1.5", dimension=384)

Only recall may use it, with a dimension fixed when the database is made: rails and signals always read with the
built-in MiniLM, because their heads are trained on it. Sends people's words to that address, so it should be yours.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from openai import OpenAI

from undertone.errors import ModelFailed
from undertone.llm.openai import endpoint_name, open_client, options
from undertone.llm.retry import CLIENT_ERRORS, RetryBudget, backoff, explain

Vectors = npt.NDArray[np.float32]

BATCH = 64
ATTEMPTS = 3
TOTAL_S = 30.0


class EmbeddingEndpoint:
    """Texts to unit vectors by HTTP. `embed` from one event loop, `embed_now` from any thread."""

    def __init__(self, base_url: str, api_key: str = "", *, model: str, dimension: int) -> None:
        """Raises BadInput when `base_url` is no http(s) address. Nothing is contacted yet."""
        self._where = endpoint_name(base_url)
        self.name = model
        self.dimension = dimension
        self._base_url = base_url
        self._secret = api_key
        self._budget = RetryBudget()
        self._client = open_client(base_url, api_key, total_s=TOTAL_S)

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """See `protocol.Embedder`. Raises ModelFailed when the endpoint fails or answers in another dimension."""
        batches = [await self._ask(batch) for batch in _batches(texts)]
        return np.concatenate([np.empty((0, self.dimension), np.float32), *batches])

    def embed_now(self, texts: Sequence[str]) -> Vectors:
        """The same, blocking, over a connection of its own."""
        batches: list[Vectors] = []
        with OpenAI(
            base_url=self._base_url, api_key=self._secret or "none", timeout=TOTAL_S, max_retries=ATTEMPTS - 1
        ) as client:
            for batch in _batches(texts):
                try:
                    answer = client.post(
                        "/embeddings", cast_to=object, body=self._body(batch), options=options(self._secret)
                    )
                    batches.append(self._vectors(answer, len(batch)))
                except CLIENT_ERRORS as error:
                    raise self._failure(error) from error
        return np.concatenate([np.empty((0, self.dimension), np.float32), *batches])

    async def aclose(self) -> None:
        await self._client.close()

    async def _ask(self, texts: Sequence[str]) -> Vectors:
        self._budget.earn()
        attempt = 0
        while True:
            attempt += 1
            try:
                answer = await self._client.post(
                    "/embeddings", cast_to=object, body=self._body(texts), options=options(self._secret)
                )
                return self._vectors(answer, len(texts))
            except CLIENT_ERRORS as error:
                fault = explain(error, where=self._where, model=self.name, secret=self._secret)
                if not fault.again or attempt >= ATTEMPTS or not self._budget.spend():
                    raise self._failure(error) from error
            await asyncio.sleep(backoff(attempt, fault))

    def _body(self, texts: Sequence[str]) -> dict[str, Any]:
        return {"model": self.name, "input": list(texts), "encoding_format": "float"}

    def _vectors(self, answer: object, count: int) -> Vectors:
        """The rows of an answer in the order of the texts, of unit length. Raises ValueError, ModelFailed."""
        data = cast(dict[str, Any], answer).get("data") if isinstance(answer, dict) else None
        if not isinstance(data, list) or len(cast(list[Any], data)) != count:
            raise ValueError(f"it did not answer with {count} embeddings")
        try:
            rows = sorted(cast(list[dict[str, Any]], data), key=lambda row: int(row["index"]))
            vectors = np.array([row["embedding"] for row in rows], np.float32)
        except (KeyError, TypeError) as error:
            raise ValueError("its embeddings are not lists of numbers") from error
        if vectors.shape != (count, self.dimension):
            raise ModelFailed(
                f"The embedding model {self.name} at {self._where} answers with {vectors.shape[-1]} numbers a text, "
                f"and recall was set up for {self.dimension}. Name a model that answers with {self.dimension}."
            )
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)

    def _failure(self, error: Exception) -> ModelFailed:
        return ModelFailed(explain(error, where=self._where, model=self.name, secret=self._secret).detail)


def _batches(texts: Sequence[str]) -> list[Sequence[str]]:
    return [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]
