"""Vectors on their way to and from PostgreSQL: halfvec in its binary form, and int8 for what is read in bulk.

    await conn.execute("... %s::halfvec", (to_halfvec(vector),))

Unit vectors only: an int8 component is the float times 127 over the vector's largest component, kept as a scale.
"""

import struct

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

from undertone.types import Vector


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


def quantise(vectors: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Rows of shape (n, d) to int8 and a scale each: `row ~ int8 * scale`."""
    scales = np.abs(vectors).max(axis=1) / 127.0
    scales[scales == 0.0] = 1.0
    return np.rint(vectors / scales[:, None]).astype(np.int8), scales.astype(np.float32)
