"""One character card, V1, V2 or V3, out of its container and back into one.

    card = read(data)                            # card.document is the whole JSON, unknown fields included
    data = write(document, "charx", picture=card)

What a tool wrote comes back byte for byte as long as nothing was changed. Says what is in a card, not what it means.
Sources: character-card-spec-v2 (malfoyslastname) and character-card-spec-v3 (kwaroran).
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Any, Literal

from undertone.cards import charx, png, strict_json
from undertone.errors import BadInput

Container = Literal["json", "png", "charx"]
CONTAINERS: tuple[Container, ...] = ("json", "png", "charx")
SPECS = {"chara_card_v2": "v2", "chara_card_v3": "v3"}


@dataclass(frozen=True, slots=True)
class Card:
    """A card as it was read."""

    container: Container
    spec: str
    """v1, v2 or v3."""
    document: dict[str, Any]
    source: bytes
    """The file itself."""

    @property
    def data(self) -> dict[str, Any]:
        """Where the character's fields stand: V1 has them at the top."""
        return self.document if self.spec == "v1" else self.document["data"]


def read(source: bytes) -> Card:
    """Read a card in whichever container. Raises BadInput or TooLarge with what is wrong."""
    container: Container
    if source.startswith(png.SIGNATURE):
        container, encoded = "png", _from_png(source)
    elif source.startswith(charx.SIGNATURE):
        container, encoded = "charx", charx.document_of(source, strict_json.MOST_BYTES)
    elif source.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":
        container, encoded = "json", source
    else:
        raise BadInput("This is no character card: a JSON object, a PNG or a CHARX (zip) file is.")
    document = strict_json.parse(encoded, "The card")
    return Card(container, _spec(document), document, source)


def write(document: dict[str, Any], container: Container, *, picture: Card | None = None) -> bytes:
    """Put a document into a container. The pictures of `picture` are kept where it has the same container.

    Returns the file that `picture` was read from, byte for byte, when it says the same in the same container.
    """
    if picture is not None and picture.container == container and picture.document == document:
        return picture.source
    encoded = strict_json.dump(document)
    same = picture.source if picture is not None and picture.container == container else None
    if container == "json":
        return encoded
    if container == "charx":
        return charx.with_document(same, encoded)
    key = "ccv3" if _spec(document) == "v3" else "chara"
    return png.with_texts(same or png.plain(), {key: base64.b64encode(encoded)})


def _from_png(source: bytes) -> bytes:
    found = png.texts(source)
    for key in png.CARD_KEYS:
        if key in found:
            try:
                return base64.b64decode(found[key], validate=True)
            except binascii.Error:
                raise BadInput(f"The PNG's '{key}' chunk is not base64.") from None
    raise BadInput("The PNG holds no character card: it has neither a 'ccv3' nor a 'chara' chunk.")


def _spec(document: dict[str, Any]) -> str:
    named = document.get("spec")
    if named is None:
        if isinstance(document.get("name"), str) and isinstance(document.get("description"), str):
            return "v1"
        raise BadInput("This JSON is no character card: it has no 'spec', and no 'name' and 'description' either.")
    if not isinstance(named, str) or named not in SPECS:
        raise BadInput(f"The card's spec is {str(named)[:60]!r}; chara_card_v2 and chara_card_v3 are read.")
    if not isinstance(document.get("data"), dict):
        raise BadInput("The card has no object 'data', where its fields should stand.")
    return SPECS[named]
