"""A taxonomy: the labels that user types have, a sentence on each, and the cues that explain a reading in words.

    taxonomy = load(folder / "taxonomy.json")      # {"name", "types": {LABEL: {"description", "cues": {words: regex}}}}

Cues explain and do not decide: the posterior comes from the model alone. Any taxonomy that is written like this loads
the same way; `undertone train user_type --taxonomy FILE` puts it beside the model it trains.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from undertone.errors import BadInput

SHIPPED = Path(__file__).parent / "taxonomy.json"
FILE = "taxonomy.json"


@dataclass(frozen=True, slots=True)
class UserType:
    """One label of a taxonomy."""

    description: str
    cues: tuple[tuple[str, re.Pattern[str]], ...]
    """(words for a person, what they are read from)."""


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """The labels and what each one means."""

    name: str
    types: Mapping[str, UserType]

    def cues(self, text: str, label: str) -> list[str]:
        """The cues of `label` that the text shows; empty for a label without any."""
        known = self.types.get(label)
        return [words for words, pattern in known.cues if pattern.search(text)] if known else []


@lru_cache(maxsize=8)
def load(path: Path = SHIPPED) -> Taxonomy:
    """Read a taxonomy. Raises BadInput that names the file and the fault."""
    try:
        found = json.loads(path.read_text("utf-8"))
        types = {str(label): _type(fields) for label, fields in found["types"].items()}
        name = str(found["name"])
    except OSError as error:
        raise BadInput(f"The taxonomy {path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError, re.error) as error:
        raise BadInput(
            f'{path} is no taxonomy ({error}); it looks like {{"name": "...", "types": {{"LABEL":'
            ' {"description": "...", "cues": {"words": "regular expression"}}}}.'
        ) from error
    if len(types) < 2:
        raise BadInput(f"{path} names {len(types)} types; a taxonomy needs at least two.")
    return Taxonomy(name, types)


def beside(folder: Path, labels: tuple[str, ...]) -> Taxonomy:
    """The taxonomy that lies beside a model, the shipped one where it has the same labels, or bare labels."""
    if (folder / FILE).exists():
        return load(folder / FILE)
    shipped = load()
    if set(shipped.types) == set(labels):
        return shipped
    return Taxonomy("unnamed", {label: UserType("", ()) for label in labels})


def _type(fields: Mapping[str, Any]) -> UserType:
    cues = {str(words): re.compile(str(pattern), re.IGNORECASE) for words, pattern in fields.get("cues", {}).items()}
    return UserType(str(fields["description"]), tuple(cues.items()))
