"""Character cards as files: read from and written to JSON, PNG and CHARX, and the lorebook that a card may bring.

    card = cards.read(data)                      # any of the three containers, V1, V2 or V3
    data = cards.write(card.document, "png", picture=card)

Bytes in, data out. Whatever stands in a card is somebody else's words: nothing is run, fetched or unpacked to disk.
"""

from undertone.cards import strict_json
from undertone.cards.card import CONTAINERS, Card, Container, read, write
from undertone.cards.lorebook import Fired, trigger

__all__ = ["CONTAINERS", "Card", "Container", "Fired", "read", "strict_json", "trigger", "write"]
