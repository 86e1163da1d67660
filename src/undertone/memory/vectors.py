"""Vectors on their way to and from PostgreSQL: halfvec in wire form, and two bits a component for reading in bulk.

    await conn.execute("... %s::halfvec", (to_halfvec(vector),))

Unit vectors only.
"""

import struct

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

from undertone.types import Vector

Vectors = npt.NDArray[np.float32]
CHUNK = 2_048
"""Rows looked up at once: what they need stays in the processor's cache, which halves the time for long pasts."""


class HalfVector(bytes):
    """A pgvector halfvec in wire form: dimension, zero, then big-endian half floats."""


class _HalfVectorDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: HalfVector) -> bytes:
        return bytes(obj)


psycopg.adapters.register_dumper(HalfVector, _HalfVectorDumper)


def to_halfvec(vector: Vector | None) -> HalfVector | None:
    """The wire form of a vector of shape (d,); None stays None."""
    if vector is None:
        return None
    return HalfVector(struct.pack(">HH", vector.shape[0], 0) + vector.astype(">f2").tobytes())


def from_halfvec(wire: bytes | None) -> Vector | None:
    """The reverse: float32 of shape (d,). Reads the binary result of a halfvec column (`binary=True`)."""
    if wire is None:
        return None
    return np.frombuffer(wire, dtype=">f2", offset=4).astype(np.float32)


def from_halfvecs(wires: bytes, count: int) -> Vectors:
    """`count` of them, one after another: float32 of shape (count, d); (0, 0) for none."""
    if not count:
        return np.zeros((0, 0), dtype=np.float32)
    return np.frombuffer(wires, dtype=">f2").reshape(count, -1)[:, 2:].astype(np.float32)


def pack_codes(vectors: Vectors) -> bytes:
    """Unit vectors of shape (n, d) as two bits a component, d / 4 bytes a row; joined by joining bytes.

    The levels are those of the best four-level quantiser of a Gaussian (Max 1960): cosines with the codes correlate
    .98 with exact ones, and recall on LoCoMo and BEAM does not change (docs/experiments.md). `d` is a multiple of 4.
    """
    if not vectors.size:
        return b""
    scaled = vectors * np.float32(np.sqrt(vectors.shape[1]))
    levels = np.zeros(scaled.shape, dtype=np.uint8)
    for edge in _EDGES:
        levels += scaled >= np.float32(edge)
    fours = levels.reshape(len(vectors), -1, 4)
    return (fours << np.array([0, 2, 4, 6], dtype=np.uint8)).sum(axis=2, dtype=np.uint8).tobytes()


def similarities(packed: bytes, query: Vector) -> Vector:
    """Cosines, nearly, of packed rows with a unit vector of shape (d,): shape (n,), float32.

    Each byte stands for four components, so what it adds to the sum is looked up among 256 numbers, a table for each
    of the d / 4 places (the asymmetric distance of Jegou et al. 2011); a third of the time of unpacking.
    """
    codes = np.frombuffer(packed, dtype=np.uint8).reshape(-1, len(query) // 4)
    fours = query.reshape(-1, 4) / len(query) ** 0.5
    table = (fours @ _LEVELS[_FOURS].T).astype(np.float32)
    places = (np.arange(len(table)) * 256).astype(np.uint16 if len(table) <= 256 else np.uint32)
    found: Vector = np.empty(len(codes), dtype=np.float32)
    for start in range(0, len(codes), CHUNK):
        some = slice(start, start + CHUNK)
        np.take(table.ravel(), codes[some] + places).sum(axis=1, out=found[some])
    return found


_EDGES = (-0.9816, 0.0, 0.9816)
_LEVELS = np.array([-1.510, -0.4532, 0.4532, 1.510], dtype=np.float32)
"""What the four codes stand for, in standard deviations."""
_FOURS = np.arange(256)[:, None] >> np.array([0, 2, 4, 6]) & 3
"""The four codes in each byte, shape (256, 4)."""
