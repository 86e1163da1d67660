"""Between character cards and personas: what of a card we use, and how a persona becomes a card again.

    data, notes = persona_of(card)
    document = document_of(data, card)

Fields that were not changed keep the card's own words, macros included; fields that a card does not know travel in
`extensions.undertone`. Nothing that a card says can choose a model. Knows no container and no SQL.
"""

import copy
import json
import re
from collections.abc import Mapping
from typing import Any, cast

from undertone import cards
from undertone.cards import Card
from undertone.cards.lorebook import faults
from undertone.engine import persona_store, personas
from undertone.resources import Connection

OURS = ("tagline", "boundaries", "languages", "temperature", "max_tokens", "stop", "flirts", "offers", "phrases")
"""What a card has no field for."""
THEM = "the other person"
YOU = "you"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_CHOICE = re.compile(r"\{\{(?:random|pick)\s*:{1,2}([^{},]*)[^{}]*\}\}", re.IGNORECASE)
_SILENT = re.compile(r"\{\{(?://|comment\s*:|hidden_key\s*:)[^{}]*\}\}|\{\{original\}\}", re.IGNORECASE)
_CHAR = re.compile(r"\{\{char\}\}|<BOT>", re.IGNORECASE)
_USER = re.compile(r"\{\{user\}\}|<USER>", re.IGNORECASE)


def fill(text: str, name: str, user: str = THEM) -> str:
    """A card's text with its macros put in: the same each time, so a choice becomes its first."""
    text = _CHOICE.sub(lambda found: found[1].strip(), _SILENT.sub("", _CONTROL.sub("", text)))
    return _USER.sub(lambda _: user, _CHAR.sub(lambda _: name, text)).strip()


def persona_of(card: Card) -> tuple[dict[str, Any], list[str]]:
    """A persona's data, and what of the card is not used, in words."""
    data = card.data
    notes: list[str] = []
    name = re.sub(r"[<>{}\s\x00-\x1f\x7f-\x9f]+", " ", _text(data, "name")).strip()
    if name != _text(data, "name").strip():
        notes.append("the name was made one line without < > { }")
    called = re.sub(r"[<>{}\s]+", " ", _text(data, "nickname")).strip()[:80] or name

    def filled(field: str, user: str = THEM) -> str:
        return fill(_text(data, field), called, user)

    voice = "\n\n".join(filter(None, (filled("description"), filled("personality"))))
    if not voice:
        notes.append("the card does not describe anybody; the name stands in")
    greetings = [fill(line, called, YOU) for line in _list(data, "alternate_greetings") if isinstance(line, str)]
    persona: dict[str, Any] = {
        "name": name,
        "tagline": fill(_text(data, "creator_notes"), called).partition("\n")[0][:300],
        "voice": voice or name,
        "lore": [line for line in (filled("scenario"),) if line],
        "greeting": filled("first_mes", YOU),
        "greetings": [line for line in greetings if line],
        "examples": filled("mes_example"),
        "direction": "\n\n".join(filter(None, (filled("system_prompt"), filled("post_history_instructions")))),
        "creator": _CONTROL.sub("", _text(data, "creator")),
        "book": "",
    }
    book = data.get("character_book")
    if isinstance(book, dict):
        persona["book"] = json.dumps(book, ensure_ascii=True, separators=(",", ":"))
        notes += faults(persona["book"])
    extensions = data.get("extensions")
    own = extensions.get("undertone") if isinstance(extensions, dict) else None
    if isinstance(own, dict):
        kept = cast(dict[str, Any], own)
        persona |= {field: kept[field] for field in OURS if field in kept}
    if data.get("assets"):
        notes.append("pictures and sounds stay in the file; no address in a card is ever fetched")
    return persona, notes


def document_of(persona: Mapping[str, Any], original: Card | None) -> dict[str, Any]:
    """A card document that says what the persona says; made as V3 where there was none."""
    before: dict[str, Any] = persona_of(original)[0] if original else {}
    document: dict[str, Any] = copy.deepcopy(original.document) if original else _blank()
    data: dict[str, Any] = document if original and original.spec == "v1" else document["data"]

    def changed(field: str) -> bool:
        return _plain(persona.get(field)) != _plain(before.get(field)) and bool(persona.get(field) or before)

    for field, places in (
        ("name", ("name",)),
        ("voice", ("description", "personality")),
        ("greeting", ("first_mes",)),
        ("examples", ("mes_example",)),
        ("direction", ("system_prompt", "post_history_instructions")),
        ("creator", ("creator",)),
    ):
        if changed(field):
            data[places[0]] = persona.get(field) or ""
            for place in places[1:]:
                data[place] = ""
    if changed("lore"):
        data["scenario"] = "\n".join(persona.get("lore") or ())
    if changed("greetings"):
        data["alternate_greetings"] = list(persona.get("greetings") or ())
    if changed("book"):
        data.pop("character_book", None)
        if persona.get("book"):
            data["character_book"] = json.loads(persona["book"])
    ours = {field: _plain(persona[field]) for field in OURS if field in persona and changed(field)}
    ours = {field: value for field, value in ours.items() if field in before or value != DEFAULTS.get(field)}
    if ours:
        extensions = data.get("extensions")
        kept = cast(dict[str, Any], extensions) if isinstance(extensions, dict) else {}
        own = kept.get("undertone")
        data["extensions"] = kept | {"undertone": (cast(dict[str, Any], own) if isinstance(own, dict) else {}) | ours}
    return document


async def bring_in(
    conn: Connection, persona_id: str, card: Card, *, author: str, real_person: str = ""
) -> tuple[int, list[str]]:
    """Store a card as a persona's new version, and its file beside it. Returns the version and what is not used."""
    data, notes = persona_of(card)
    data["real_person"] = real_person
    note = f"imported from a {card.spec.upper()} card ({card.container})"
    version = await personas.put(conn, persona_id, data, author=author, note=note)
    await persona_store.keep_file(conn, persona_id, version, card.source)
    return version, notes


async def give_out(
    conn: Connection, persona_id: str, container: cards.Container, *, version: int | None = None
) -> bytes:
    """A persona as a card: the very file it came as while nothing was changed. Raises NotFound."""
    persona = await personas.look(conn, persona_id, version)
    source = await persona_store.file_for(conn, persona_id, persona.version)
    original = cards.read(source) if source else None
    return cards.write(document_of(persona.card(), original), container, picture=original)


DEFAULTS: Mapping[str, Any] = {
    "tagline": "",
    "boundaries": [],
    "languages": ["en"],
    "temperature": 0.85,
    "max_tokens": 600,
    "stop": [],
    "flirts": True,
    "offers": True,
    "phrases": {},
}


def _blank() -> dict[str, Any]:
    texts = ("name", "description", "personality", "scenario", "first_mes", "mes_example", "creator_notes")
    more = ("system_prompt", "post_history_instructions", "creator", "character_version")
    data: dict[str, Any] = dict.fromkeys((*texts, *more), "")
    data |= {"alternate_greetings": [], "group_only_greetings": [], "tags": [], "extensions": {}}
    return {"spec": "chara_card_v3", "spec_version": "3.0", "data": data}


def _plain(value: Any) -> Any:
    """Tuples as lists, so that what was stored compares with what was read."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _text(data: Mapping[str, Any], field: str) -> str:
    value = data.get(field)
    return value if isinstance(value, str) else ""


def _list(data: Mapping[str, Any], field: str) -> list[Any]:
    value = data.get(field)
    return value if isinstance(value, list) else []
