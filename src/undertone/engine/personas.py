"""Personas: who speaks. Versioned in PostgreSQL, two samples shipped.

    persona = await personas.get(conn, "mira")
    version = await personas.put(conn, "mira", data, author="...", note="...")

A persona is data the creator agreed to, never code: its text is quoted into the request and its numbers are clamped
here. One modelled on a real person is served while that person's consent stands. Knows nothing of people, strategies or
models.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib import resources
from typing import Any

from undertone.engine import persona_store, store
from undertone.engine.persona_check import MAX_TOKENS, TEMPERATURE, check
from undertone.errors import Conflict, ConsentRequired, NotFound, Unprocessable
from undertone.resources import Connection

COVERS = ("likeness", "voice")
"""What a real person must have agreed to before a persona modelled on them speaks."""
BY_EXAMPLE = "How the character speaks, by example: "
AS_WISHED = "What the author wishes of the part, as far as the rules allow: "


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

    greetings: tuple[str, ...] = ()
    """Other ways to begin."""
    examples: str = ""
    """Lines as the character would say them."""
    direction: str = ""
    """What a card's author told the model; material, since nobody's card may instruct ours."""
    book: str = ""
    """The lorebook as JSON text, whole."""
    creator: str = ""
    real_person: str = ""
    """Whom the persona is modelled on; empty for an invented one."""

    @property
    def background(self) -> tuple[str, ...]:
        """The lines that stand under the character's background."""
        said = (BY_EXAMPLE + f"\u201c{self.examples}\u201d",) if self.examples else ()
        wished = (AS_WISHED + f"\u201c{self.direction}\u201d",) if self.direction else ()
        return (*self.lore, *said, *wished)

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
        greetings=tuple(map(str, card.get("greetings") or ())),
        **{name: str(card.get(name) or "") for name in ("examples", "direction", "book", "creator", "real_person")},
    )


async def get(conn: Connection, persona_id: str) -> Persona:
    """The active version, to be served. Raises NotFound with the names there are, ConsentRequired without consent."""
    persona = await look(conn, persona_id)
    if persona.real_person and not _agreed(persona, await persona_store.covered(conn)):
        raise ConsentRequired(
            f"'{persona_id}' is modelled on {persona.real_person}, whose consent to likeness and voice does not stand."
            f" Record it with POST /v1/personas/{persona_id}/consents, or choose another persona."
        )
    return persona


async def look(conn: Connection, persona_id: str, version: int | None = None) -> Persona:
    """The active version, or another, for who edits it. Raises NotFound."""
    if version is None:
        found = await store.active_persona(conn, persona_id)
    else:
        found = await persona_store.one_version(conn, persona_id, version)
    if found is None:
        names = ", ".join(row.persona_id for row in await store.active_personas(conn)) or "none yet"
        raise NotFound(
            f"There is no persona '{persona_id}'. There are: {names}."
            if version is None
            else f"'{persona_id}' has no version {version}."
        )
    return from_card(found.persona_id, found.version, found.card)


async def list_all(conn: Connection) -> list[Persona]:
    """Every active persona that may be served, by id."""
    found = [from_card(row.persona_id, row.version, row.card) for row in await store.active_personas(conn)]
    if not any(persona.real_person for persona in found):
        return found
    covered = await persona_store.covered(conn)
    return [persona for persona in found if not persona.real_person or _agreed(persona, covered)]


async def put(
    conn: Connection, persona_id: str, data: Mapping[str, Any], *, author: str, note: str = "", base: int | None = None
) -> int:
    """Store a new version and make it the active one; returns its number.

    `base`: the version that was edited. Raises Unprocessable naming the faults, Conflict when another is active by now.
    """
    check(persona_id, data)
    active = await persona_store.hold(conn, persona_id)
    if base is not None and base != active:
        raise Conflict(f"Version {active} of '{persona_id}' is active by now; you edited {base}. Look at it first.")
    card = from_card(persona_id, 0, data).card()
    return await persona_store.add_version(conn, persona_id, card, author=author, note=note)


async def rollback(conn: Connection, persona_id: str, version: int) -> None:
    """Make an older version the active one again. Raises NotFound."""
    await persona_store.hold(conn, persona_id)
    await look(conn, persona_id, version)
    await persona_store.activate(conn, persona_id, version)


def _agreed(persona: Persona, covered: set[tuple[str, str, str]]) -> bool:
    return all((persona.persona_id, persona.real_person, what) in covered for what in COVERS)


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
