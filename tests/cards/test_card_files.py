"""Cards come back as they were in each container, and hostile files are refused in words."""

import base64
import json
import zipfile
from io import BytesIO
from typing import Any

import pytest

from card_samples import card_charx, card_png, dumped, hostile, png, v1_card, v2_card, v3_card
from undertone import cards
from undertone.cards import Container
from undertone.errors import BadInput, TooLarge

HOSTILE = list(hostile())

WRITTEN: list[tuple[str, bytes, Container, str]] = [
    ("V1 JSON", dumped(v1_card()), "json", "v1"),
    ("V2 JSON", dumped(v2_card()), "json", "v2"),
    ("V3 JSON", dumped(v3_card()), "json", "v3"),
    ("V2 PNG", card_png(v2_card()), "png", "v2"),
    ("V3 PNG with both chunks", card_png(v3_card(), "chara", "ccv3"), "png", "v3"),
    ("V3 CHARX", card_charx(v3_card(), **{"assets/icon/main.png": png()}), "charx", "v3"),
]


@pytest.mark.parametrize(("source", "container", "spec"), [row[1:] for row in WRITTEN], ids=[row[0] for row in WRITTEN])
def test_an_unchanged_card_comes_back_byte_for_byte(source: bytes, container: Container, spec: str) -> None:
    card = cards.read(source)
    assert (card.container, card.spec) == (container, spec)
    assert cards.write(card.document, container, picture=card) == source


@pytest.mark.parametrize("source", [row[1] for row in WRITTEN], ids=[row[0] for row in WRITTEN])
def test_every_container_carries_the_whole_document(source: bytes) -> None:
    card = cards.read(source)
    for container in ("json", "png", "charx"):
        again = cards.read(cards.write(card.document, container, picture=card))
        assert again.document == card.document
        assert json.dumps(again.document) == json.dumps(card.document), "keys keep their order"


def test_a_changed_card_leaves_every_other_chunk_as_it_was() -> None:
    source = card_png(v2_card())
    card = cards.read(source)
    changed = card.document | {"data": card.data | {"name": "Juniper"}}
    written = cards.write(changed, "png", picture=card)
    old, new = base64.b64encode(dumped(v2_card())), base64.b64encode(_compact(changed))
    assert written.replace(new, b"") != written, "the new card stands in the file"
    head, tail = source.split(old)
    assert written.startswith(head[: head.rindex(b"tEXtchara") - 4])
    assert written.endswith(tail[4:]), "from the card's checksum on"


def _compact(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def test_a_changed_charx_keeps_its_files() -> None:
    source = card_charx(v3_card(), **{"assets/icon/main.png": png(), "module.risum": b"\0\1\2"})
    card = cards.read(source)
    written = cards.write(card.document | {"new": 1}, "charx", picture=card)
    with zipfile.ZipFile(BytesIO(source)) as old, zipfile.ZipFile(BytesIO(written)) as new:
        assert old.namelist() == new.namelist()
        for name in ("assets/icon/main.png", "module.risum"):
            assert new.read(name) == old.read(name)
    assert cards.read(written).document == card.document | {"new": 1}


def test_there_are_thirty_hostile_files() -> None:
    assert len(HOSTILE) >= 30


@pytest.mark.parametrize("source", [source for _, source in HOSTILE], ids=[name for name, _ in HOSTILE])
def test_a_hostile_file_is_refused_in_words(source: bytes) -> None:
    with pytest.raises((BadInput, TooLarge)) as refused:
        cards.read(source)
    assert 20 < len(refused.value.detail) < 300
    assert refused.value.detail.endswith(".")
