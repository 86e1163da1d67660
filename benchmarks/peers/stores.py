"""Other memory stores behind one small interface, run in an environment of their own (see runs/peers.sh).

    python stores.py NAME WORK        # reads WORK/chats.json and WORK/vectors.npy, prints one JSON object

Every store gets the same texts with the same vectors, one message at a time, and is asked the same questions. Knows
nothing of Undertone. No store may report home.
"""

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Protocol

os.environ |= {"MEM0_TELEMETRY": "False", "ANONYMIZED_TELEMETRY": "False", "OPENAI_API_KEY": "unused"}
K = 10


class Store(Protocol):
    """What is asked of a peer: to take a person's messages, to find some again, and where it keeps them."""

    def add(self, user: str, id: str, role: str, text: str, vector: list[float]) -> None: ...

    def finish(self, user: str) -> None: ...

    def find(self, user: str, text: str, vector: list[float], k: int) -> list[str]: ...


class Chroma:
    """One collection, filtered by person, cosine; HNSW with its defaults."""

    def __init__(self, folder: Path) -> None:
        chromadb: Any = importlib.import_module("chromadb")
        settings: Any = importlib.import_module("chromadb.config").Settings(anonymized_telemetry=False)
        client = chromadb.PersistentClient(path=str(folder), settings=settings)
        self.collection: Any = client.create_collection("chat", metadata={"hnsw:space": "cosine"})

    def add(self, user: str, id: str, role: str, text: str, vector: list[float]) -> None:
        self.collection.add(
            ids=[f"{user}/{id}"], documents=[text], embeddings=[vector], metadatas=[{"user": user, "role": role}]
        )

    def finish(self, user: str) -> None:
        pass

    def find(self, user: str, text: str, vector: list[float], k: int) -> list[str]:
        found = self.collection.query(query_embeddings=[vector], n_results=k, where={"user": user})
        return [id.split("/", 1)[1] for id in found["ids"][0]]


class Mem0:
    """mem0 with `infer=False` (no model call) on its default vector store, Qdrant in a local folder."""

    def __init__(self, folder: Path) -> None:
        mem0: Any = importlib.import_module("mem0")
        self.vectors: dict[str, list[float]] = {}
        self.memory: Any = mem0.Memory.from_config(
            {
                "vector_store": {
                    "provider": "qdrant",
                    "config": {"path": str(folder / "qdrant"), "on_disk": True, "embedding_model_dims": 384},
                },
                "history_db_path": str(folder / "history.db"),
            }
        )
        self.memory.embedding_model.embed = self._embed
        self.memory.embedding_model.embed_batch = self._embed_batch

    def _embed(self, text: str, memory_action: str | None = None) -> list[float]:
        return self.vectors[text]

    def _embed_batch(self, texts: list[str], memory_action: str | None = None) -> list[list[float]]:
        return [self.vectors[text] for text in texts]

    def add(self, user: str, id: str, role: str, text: str, vector: list[float]) -> None:
        self.vectors[text] = vector
        self.memory.add([{"role": role, "content": text}], user_id=user, metadata={"place": id}, infer=False)

    def finish(self, user: str) -> None:
        pass

    def find(self, user: str, text: str, vector: list[float], k: int) -> list[str]:
        self.vectors[text] = vector
        found = self.memory.search(text, top_k=k, filters={"user_id": user})
        return [hit["metadata"]["place"] for hit in found["results"]]


class Lexical:
    """BM25 alone (bm25s, its defaults, English stop words and stems): an index a person, built when all is there."""

    def __init__(self, folder: Path) -> None:
        self.bm25s: Any = importlib.import_module("bm25s")
        self.stemmer: Any = importlib.import_module("Stemmer").Stemmer("english")
        self.folder = folder
        self.said: dict[str, list[tuple[str, str]]] = {}
        self.index: dict[str, Any] = {}

    def add(self, user: str, id: str, role: str, text: str, vector: list[float]) -> None:
        self.said.setdefault(user, []).append((id, text))

    def finish(self, user: str) -> None:
        texts = [text for _, text in self.said[user]]
        index = self.bm25s.BM25()
        index.index(self._tokens(texts), show_progress=False)
        index.save(str(self.folder / user), corpus=[{"text": text} for text in texts])
        self.index[user] = index

    def find(self, user: str, text: str, vector: list[float], k: int) -> list[str]:
        said = self.said[user]
        places, _ = self.index[user].retrieve(self._tokens([text]), k=min(k, len(said)), show_progress=False)
        return [said[int(place)][0] for place in places[0]]

    def _tokens(self, texts: list[str]) -> Any:
        return self.bm25s.tokenize(texts, stopwords="en", stemmer=self.stemmer, show_progress=False)


STORES = {"mem0": Mem0, "chroma": Chroma, "bm25": Lexical}


def main(name: str, work: Path) -> None:
    """Store every chat as a person of its own, then ask its questions."""
    numpy: Any = importlib.import_module("numpy")
    chats = json.loads((work / "chats.json").read_text("utf-8"))
    vectors: list[list[float]] = numpy.load(work / "vectors.npy").tolist()
    folder = work / name
    folder.mkdir()
    store: Store = STORES[name](folder)
    write_ms: list[float] = []
    query_ms: list[float] = []
    recalls: dict[str, list[float]] = {}
    for chat in chats:
        began = time.perf_counter()
        for message in chat["messages"]:
            store.add(chat["user"], message["id"], message["role"], message["text"], vectors[message["vector"]])
        store.finish(chat["user"])
        write_ms += [(time.perf_counter() - began) * 1_000 / len(chat["messages"])] * len(chat["messages"])
        print(f"{name}: {chat['user']}, {write_ms[-1]:.2f} ms a message", file=sys.stderr)
        for question in chat["questions"]:
            began = time.perf_counter()
            found = store.find(chat["user"], question["text"], vectors[question["vector"]], K)
            query_ms.append((time.perf_counter() - began) * 1_000)
            hits = len(set(found[:K]) & set(question["evidence"]))
            recalls.setdefault(chat["set"], []).append(hits / len(question["evidence"]))
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    result = {
        **{f"{name}_recall_10": round(sum(values) / len(values), 4) for name, values in recalls.items()},
        "write_ms": round(sum(write_ms) / len(write_ms), 3),
        "query_p50_ms": round(float(numpy.percentile(query_ms, 50)), 2),
        "query_p95_ms": round(float(numpy.percentile(query_ms, 95)), 2),
        "bytes_per_message": round(size / len(write_ms)),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
