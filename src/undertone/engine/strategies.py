"""Strategies: the catalogue of named ways of replying, read from `strategies.toml` and `prompts/<id>.md`.

    strategies.CATALOGUE["gentle"].words

Data, loaded once and checked; which one is chosen is `policy.py`'s business. Knows nothing of people.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from types import MappingProxyType
from typing import Any, Literal

DEFAULT = "gentle"


@dataclass(frozen=True, slots=True)
class Strategy:
    """One way of replying. `temperature` is added to the persona's; `max_tokens` is an upper bound."""

    id: str
    summary: str
    words: str
    """What the model is told, the block inside the last user turn."""
    tone: str
    length: Literal["short", "medium", "long"]
    questions: bool
    memory: Literal["none", "light", "warm"]
    offers: Literal["never", "may"]
    temperature: float
    max_tokens: int
    types: Mapping[str, float] = field(default_factory=dict[str, float])
    """How well it suits each user type, in [0, 1]."""


def prompt(name: str) -> str:
    """The text of `prompts/<name>.md`."""
    return resources.files("undertone.engine").joinpath("prompts", f"{name}.md").read_text("utf-8").strip()


def _load() -> Mapping[str, Strategy]:
    text = resources.files("undertone.engine").joinpath("strategies.toml").read_text("utf-8")
    catalogue: dict[str, Strategy] = {}
    for name, entry in tomllib.loads(text).items():
        fields: dict[str, Any] = dict(entry)
        catalogue[name] = Strategy(id=name, words=prompt(name), **fields)
    if DEFAULT not in catalogue:
        raise ValueError(f"strategies.toml must have the default strategy '{DEFAULT}'")
    return MappingProxyType(catalogue)


CATALOGUE: Mapping[str, Strategy] = _load()
