"""The int8 embedder against a float32 forward pass of the same weights in numpy, and its behaviour under a crowd."""

import asyncio
import json
import math
import multiprocessing
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from undertone.errors import NotReady
from undertone.llm import weights
from undertone.llm.embedder import MiniLM, default_embedder, spell_emoji

TEXTS = [
    "hi",
    "I had a really long day at work today and my sister Ana called me about her birthday.",
    "What's my sister's name?",
    "nobody can know about this, ok? she's asleep upstairs",
    "Ich wohne in Köln 🙂 und mag Regen",
    "¿Dónde vives? 东京",
    "lol",
    "the quick brown fox jumps over the lazy dog " * 12,
    "1234 5678 90",
    "!?",
]


def model_file(name: str) -> Path:
    package = find_spec(weights.PACKAGE)
    assert package is not None
    assert package.submodule_search_locations
    return Path(package.submodule_search_locations[0]) / "model" / name


class Reference:
    """BERT in float32, as the paper has it: post-norm, erf GELU, mean pooling over one text at a time."""

    def __init__(self) -> None:
        self.w = load_file(model_file("model.safetensors"))
        self.tokenizer = Tokenizer.from_file(str(model_file("tokenizer.json")))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(256)

    def norm(self, x: npt.NDArray[np.float32], name: str) -> npt.NDArray[np.float32]:
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
        return scaled * self.w[f"{name}.weight"] + self.w[f"{name}.bias"]

    def linear(self, x: npt.NDArray[np.float32], name: str) -> npt.NDArray[np.float32]:
        return x @ self.w[f"{name}.weight"].T + self.w[f"{name}.bias"]

    def layer(self, x: npt.NDArray[np.float32], at: str) -> npt.NDArray[np.float32]:
        length = len(x)
        q, k, v = (
            self.linear(x, f"{at}.attention.self.{part}").reshape(length, 12, 32).transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )
        scores = q @ k.transpose(0, 2, 1) / np.sqrt(32)
        weight = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (weight / weight.sum(-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(length, 384)
        x = self.norm(x + self.linear(mixed, f"{at}.attention.output.dense"), f"{at}.attention.output.LayerNorm")
        inner = self.linear(x, f"{at}.intermediate.dense")
        erf = np.vectorize(math.erf)(inner / np.sqrt(2)).astype(np.float32)
        return self.norm(x + self.linear(inner * (1 + erf) / 2, f"{at}.output.dense"), f"{at}.output.LayerNorm")

    def embed(self, text: str) -> npt.NDArray[np.float32]:
        ids = self.tokenizer.encode(text).ids
        x = self.w["embeddings.word_embeddings.weight"][ids]
        x = x + self.w["embeddings.position_embeddings.weight"][: len(ids)]
        x = self.norm(x + self.w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        for number in range(6):
            x = self.layer(x, f"encoder.layer.{number}")
        mean = x.mean(0)
        return mean / np.linalg.norm(mean)


def test_vectors_agree_with_the_float32_model(embedder: MiniLM) -> None:
    reference = Reference()
    wanted = np.stack([reference.embed(spell_emoji(text)) for text in TEXTS])
    cosines = (embedder.embed_now(TEXTS) * wanted).sum(1)
    # One-word texts lose most to int8 activations; benchmarks/embedder.py reports the figures.
    assert cosines.min() > 0.96, dict(zip(TEXTS, cosines.round(4), strict=True))
    assert cosines.mean() > 0.98


def test_emoji_are_read_by_their_names(embedder: MiniLM) -> None:
    assert spell_emoji("plain") == "plain"
    assert spell_emoji("so \U0001f44d\U0001f3fd").split() == ["so", "thumbs", "up", "sign"]
    sad, cry, party = embedder.embed_now(["\U0001f62d\U0001f62d", "crying", "\U0001f389\U0001f973"])
    assert sad @ cry > party @ cry + 0.1


def test_meaning_is_kept(embedder: MiniLM) -> None:
    cat, kitten, market = embedder.embed_now(["I love cats", "I adore kittens", "The stock market fell"])
    assert cat @ kitten > 0.6 > 0.2 > cat @ market


async def test_a_crowd_gets_nearly_the_vectors_of_each_alone(embedder: MiniLM) -> None:
    texts = [f"message number {number} " * (1 + number % 9) for number in range(300)]
    together = await asyncio.gather(*(embedder.embed([text]) for text in texts))
    alone = embedder.embed_now(texts)
    # A neighbour in the batch may tip the rounding of an activation, no more.
    assert (np.concatenate(together) * alone).sum(1).min() > 0.995


async def test_shapes_order_and_length(embedder: MiniLM) -> None:
    assert (await embedder.embed([])).shape == (0, 384)
    mixed = ["a" * 90_000, "", "short", "\ud800 lone surrogate", "x " * 5_000]
    vectors = await embedder.embed(mixed)
    assert vectors.shape == (5, 384)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.allclose(vectors[2], embedder.embed_now(["short"])[0], atol=1e-5)


async def test_a_cancelled_caller_does_not_stop_the_others(embedder: MiniLM) -> None:
    tasks = [asyncio.create_task(embedder.embed([f"text {number}"])) for number in range(50)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(vectors, np.ndarray) for vectors in done[1::2])


async def test_more_callers_than_room_all_get_an_answer(tmp_path: Path) -> None:
    narrow = MiniLM(weights.prepare(tmp_path), max_waiting=2, max_batch=4)
    answers = await asyncio.gather(*(narrow.embed(["one", "two", "three", "four", "five"]) for _ in range(20)))
    assert all(answer.shape == (5, 384) for answer in answers)
    await narrow.aclose()
    with pytest.raises(NotReady, match="closed"):
        await narrow.embed(["late"])
    with pytest.raises(NotReady, match="closed"):
        narrow.embed_now(["late"])


def test_a_damaged_conversion_is_made_again(tmp_path: Path) -> None:
    folder = weights.prepare(tmp_path)
    (folder / "model.bin").write_bytes(b"half a file")
    assert weights.prepare(tmp_path) == folder
    assert (folder / "model.bin").stat().st_size > 20_000_000
    assert sorted(path.name for path in tmp_path.iterdir()) == [folder.name]


def test_two_processes_may_convert_at_once(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        folders = pool.map(weights.prepare, [tmp_path, tmp_path])
    assert folders[0] == folders[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == [folders[0].name]


def test_altered_weights_are_refused_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(NotReady, match=r"not the official one.*make setup.*--no-deps"):
        default_embedder(tmp_path)


def test_missing_weights_are_refused_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "PACKAGE", "no_such_package_here")
    with pytest.raises(NotReady, match=r"not installed.*make setup"):
        default_embedder(tmp_path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text(json.dumps({}))
    with pytest.raises(NotReady, match="writable"):
        default_embedder(tmp_path / "file" / "models")
