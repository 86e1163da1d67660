"""Personas: who speaks. Versioned in PostgreSQL, two samples shipped, read through a small cache.

    persona = await personas.get(conn, "mira")

A persona is data the creator agreed to, never code: its text is quoted into the request and its numbers are clamped
here. Knows nothing of people, strategies or models.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib import resources
from typing import Any

from undertone.engine import store
from undertone.errors import NotFound, Unprocessable
from undertone.resources import Connection

TEMPERATURE = (0.0, 1.2)
MAX_TOKENS = (60, 1000)


@dataclass(frozen=True, slots=True)
class Persona:
    """One version of one persona, as the creator wrote it."""

    persona_id: str
    version: int
    name: str
    tagline: str
    voice: str
    boundaries: tuple[str, ...] = ()
    lore: tuple[str, ...] = ()
    greeting: str = ""
    languages: tuple[str, ...] = ("en",)
    model: str | None = None
    temperature: float = 0.85
    max_tokens: int = 600
    stop: tuple[str, ...] = ()
    flirts: bool = True
    """False keeps every reply free of flirting; True leaves it to the strategy."""
    offers: bool = True
    """False keeps the platform's offers away from this persona's replies."""
    phrases: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Ready phrases for the offline composer: greet, reflect, ask, comfort, farewell, plain."""

    def card(self) -> dict[str, Any]:
        """The persona as JSON-ready data, without its id and version."""
        data = asdict(self)
        del data["persona_id"], data["version"]
        return data


def from_card(persona_id: str, version: int, card: Mapping[str, Any]) -> Persona:
    """Read a stored or shipped card. Raises Unprocessable naming the field that is missing."""
    for needed in ("name", "voice"):
        if not isinstance(card.get(needed), str) or not card[needed].strip():
            raise Unprocessable(f"The persona '{persona_id}' needs a text field '{needed}'.")
    phrases = {str(kind): tuple(map(str, lines)) for kind, lines in dict(card.get("phrases") or {}).items()}
    low, high = TEMPERATURE
    few, many = MAX_TOKENS
    return Persona(
        persona_id=persona_id,
        version=version,
        name=card["name"].strip(),
        tagline=str(card.get("tagline", "")),
        voice=card["voice"].strip(),
        boundaries=tuple(map(str, card.get("boundaries") or ())),
        lore=tuple(map(str, card.get("lore") or ())),
        greeting=str(card.get("greeting", "")),
        languages=tuple(map(str, card.get("languages") or ("en",))),
        model=card.get("model"),
        temperature=min(max(float(card.get("temperature", 0.85)), low), high),
        max_tokens=min(max(int(card.get("max_tokens", 600)), few), many),
        stop=tuple(str(words)[:40] for words in card.get("stop") or () if str(words))[:4],
        flirts=bool(card.get("flirts", True)),
        offers=bool(card.get("offers", True)),
        phrases=phrases,
    )


async def get(conn: Connection, persona_id: str) -> Persona:
    """The active version. Raises NotFound with the names there are."""
    found = await store.active_persona(conn, persona_id)
    if found is None:
        names = ", ".join(row.persona_id for row in await store.active_personas(conn)) or "none yet"
        raise NotFound(f"There is no persona '{persona_id}'. There are: {names}.")
    return from_card(found.persona_id, found.version, found.card)


async def list_all(conn: Connection) -> list[Persona]:
    """Every active persona, by id."""
    return [from_card(row.persona_id, row.version, row.card) for row in await store.active_personas(conn)]


async def load_samples(conn: Connection) -> list[str]:
    """Store the shipped samples that are not there yet; returns the ids that were added."""
    added: list[str] = []
    for entry in sorted(resources.files("undertone.engine").joinpath("samples").iterdir(), key=lambda e: e.name):
        if not entry.name.endswith(".json"):
            continue
        persona_id = entry.name.removesuffix(".json")
        card = from_card(persona_id, 1, json.loads(entry.read_text("utf-8"))).card()
        if await store.add_persona(conn, persona_id, card):
            added.append(persona_id)
    return added
