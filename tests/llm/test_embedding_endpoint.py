"""Recall's embeddings by HTTP: order, length, dimension and faults."""

import asyncio

import numpy as np
import pytest
from scripted import Endpoint

from undertone.errors import ModelFailed
from undertone.llm.embedding_endpoint import EmbeddingEndpoint


def answer(*vectors: list[float]) -> dict[str, object]:
    rows = [{"index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    return {"object": "list", "data": rows[::-1]}


async def test_rows_come_in_order_and_of_unit_length(endpoint: Endpoint) -> None:
    embedder = EmbeddingEndpoint(endpoint.url, "k", model="bge", dimension=2)
    endpoint.plays(endpoint.fails(503), endpoint.answers(answer([3, 4], [0, 2])))
    vectors = await embedder.embed(["a", "b"])
    assert np.allclose(vectors, [[0.6, 0.8], [0, 1]])
    assert endpoint.bodies[1] == {"model": "bge", "input": ["a", "b"], "encoding_format": "float"}
    assert (await embedder.embed([])).shape == (0, 2)
    blocking = await asyncio.to_thread(embedder.embed_now, ["a", "b"])
    assert np.allclose(blocking, vectors)
    await embedder.aclose()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (answer([1, 2, 3], [1, 2, 3]), "answers with 3 numbers a text, and recall was set up for 2"),
        (answer([1, 2]), "did not answer with 2 embeddings"),
        ({"data": [{"index": 0}, {"index": 1}]}, "not lists of numbers"),
        ([], "did not answer with 2"),
    ],
)
async def test_answers_that_do_not_fit_are_failures_in_words(endpoint: Endpoint, body: object, words: str) -> None:
    embedder = EmbeddingEndpoint(endpoint.url, model="bge", dimension=2)
    endpoint.plays(endpoint.answers(body))
    with pytest.raises(ModelFailed, match=words):
        await embedder.embed(["a", "b"])
    with pytest.raises(ModelFailed, match=words):
        await asyncio.to_thread(embedder.embed_now, ["a", "b"])
    await embedder.aclose()
