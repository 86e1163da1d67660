"""Strategies: the catalogue of named ways of replying, read from `strategies.toml` and `prompts/<id>.md`.

    strategies.CATALOGUE["gentle"].block("none")        # what the model is told inside the last user turn

Data, loaded once and checked; which one is chosen is `policy.py`'s business. Knows nothing of people.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Literal

DEFAULT = "gentle"

Flirtation = Literal["none", "light"]
Offers = Literal["never", "asked", "may"]
FLIRTATION: tuple[Flirtation, ...] = ("none", "light")
OFFERS: tuple[Offers, ...] = ("never", "asked", "may")
"""Both from the narrowest to the widest."""

WARMTH = ("plain", "friendly", "warm", "close")
PACE = ("slow", "unhurried", "even", "brisk")
LENGTH = {"short": "one or two sentences", "medium": "two to four sentences", "long": "up to two paragraphs"}
MEMORY = {
    "none": "do not mention any",
    "light": "only where one answers or plainly fits this message",
    "warm": "pick one up where it fits, as a friend would",
}


@dataclass(frozen=True, slots=True)
class Strategy:
    """One way of replying. `temperature` is added to the persona's; `max_tokens` is an upper bound."""

    id: str
    summary: str
    words: str
    """What the model is told, the block inside the last user turn."""
    tone: str
    warmth: str
    pace: str
    length: Literal["short", "medium", "long"]
    questions: bool
    privacy: str
    memory: Literal["none", "light", "warm"]
    flirtation: Flirtation
    offers: Offers
    temperature: float
    max_tokens: int
    stop: tuple[str, ...] = ()
    types: Mapping[str, float] = field(default_factory=dict[str, float])
    """How well it suits each user type, in [0, 1]; so with the three below."""
    engagement: Mapping[str, float] = field(default_factory=dict[str, float])
    behaviour: Mapping[str, float] = field(default_factory=dict[str, float])
    strain: Mapping[str, float] = field(default_factory=dict[str, float])

    def block(self, flirtation: Flirtation) -> str:
        """The strategy as a model reads it, from the data above; `flirtation` as the policy left it."""
        ask = "one at most, at the end" if self.questions else "none"
        play = "a light touch, if they began it" if flirtation == "light" else "none"
        return (
            f"How to reply ({self.id}): {self.words}\n"
            f"Tone: {self.tone}. Warmth: {self.warmth}. Pace: {self.pace}. Length: {LENGTH[self.length]}."
            f" Questions back: {ask}. Memories: {MEMORY[self.memory]}. Flirting: {play}.\n"
            f"Private things: {self.privacy}"
        )


@cache
def prompt(name: str) -> str:
    """The text of `prompts/<name>.md`."""
    return resources.files("undertone.engine").joinpath("prompts", f"{name}.md").read_text("utf-8").strip()


def _load() -> Mapping[str, Strategy]:
    text = resources.files("undertone.engine").joinpath("strategies.toml").read_text("utf-8")
    catalogue: dict[str, Strategy] = {}
    for name, entry in tomllib.loads(text).items():
        fields: dict[str, Any] = dict(entry)
        fields["stop"] = tuple(fields.get("stop", ()))
        found = Strategy(id=name, words=prompt(name), **fields)
        _check(found)
        catalogue[name] = found
    if DEFAULT not in catalogue:
        raise ValueError(f"strategies.toml must have the default strategy '{DEFAULT}'")
    return MappingProxyType(catalogue)


def _check(found: Strategy) -> None:
    """A word that nothing understands is refused at the start, not found in a reply. Raises ValueError."""
    for name, value, known in (
        ("warmth", found.warmth, WARMTH),
        ("pace", found.pace, PACE),
        ("length", found.length, LENGTH),
        ("memory", found.memory, MEMORY),
        ("flirtation", found.flirtation, FLIRTATION),
        ("offers", found.offers, OFFERS),
    ):
        if value not in known:
            raise ValueError(f"strategies.toml: {found.id}.{name} is {value!r}; choose from {', '.join(known)}")


CATALOGUE: Mapping[str, Strategy] = _load()
