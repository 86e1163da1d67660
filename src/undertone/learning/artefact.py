"""Model files: one .npz with a tag, facts and a checksum, refused unless we wrote it.

    save(path, "undertone-linear-text-1", {"bias": bias}, {"labels": [...]})
    arrays, facts = load(path, "undertone-linear-text-1", ("bias",))

Never a pickle. The checksum finds damage and foreign files, not a forger: model files belong to the installation.
"""

import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from undertone.errors import NotReady

Arrays = dict[str, npt.NDArray[Any]]
Facts = dict[str, Any]

_HEADER = "header"


def save(path: Path, kind: str, arrays: Mapping[str, npt.NDArray[Any]], facts: Mapping[str, Any]) -> None:
    """Write `arrays` and JSON-ready `facts`. Equal content gives equal bytes, so reruns can be compared."""
    header = {"kind": kind, "checksum": _checksum(arrays), "facts": dict(facts)}
    content: Arrays = {_HEADER: np.frombuffer(json.dumps(header, sort_keys=True).encode(), np.uint8), **arrays}
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        for name, array in content.items():
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            with file.open(entry, "w") as out:
                np.lib.format.write_array(out, np.ascontiguousarray(array), allow_pickle=False)


def load(path: Path, kind: str, names: Sequence[str]) -> tuple[Arrays, Facts]:
    """Read a file of this `kind` holding exactly the arrays `names`. Raises NotReady with what is wrong with it."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays: Arrays = {name: file[name] for name in file.files}
        header = json.loads(arrays.pop(_HEADER).tobytes())
    except FileNotFoundError:
        raise NotReady(f"The model file {path} is missing: reinstall, or train it with `undertone train`.") from None
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise NotReady(f"{path} is not an Undertone model file: {error}.") from error
    found = header.get("kind") if isinstance(header, dict) else None
    if found != kind:
        raise NotReady(f"{path} holds {found!r}, not {kind!r}: train it again with this version.")
    if set(arrays) != set(names) or header.get("checksum") != _checksum(arrays):
        raise NotReady(f"{path} is damaged: its checksum does not fit its content.")
    return arrays, header["facts"]


def _checksum(arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
