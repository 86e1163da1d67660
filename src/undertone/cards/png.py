"""The card in a picture: PNG's text chunks `ccv3` and `chara`, read and replaced without touching the rest.

    found = texts(data)                          # {"chara": b"...", "ccv3": b"..."}
    data = with_texts(data, {"chara": encoded})

The picture is never decoded, so nothing of a picture decoder's faults can be reached. Every checksum is checked. Forty
lines rather than a library: Pillow would decode pixels, and rewrites what we must keep byte for byte.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from undertone.errors import BadInput, TooLarge

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST_BYTES = 24_000_000
MOST_CHUNKS = 20_000
CARD_KEYS = ("ccv3", "chara")
"""V3 first: where both stand, it is the one that counts."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    kind: bytes
    body: bytes
    raw: bytes
    """As it stood in the file, length and checksum included."""


def texts(data: bytes) -> dict[str, bytes]:
    """The card texts (`ccv3`, `chara`) as they stand, in base64. Raises BadInput or TooLarge for a broken file."""
    found: dict[str, bytes] = {}
    for chunk in _chunks(data):
        key = _key(chunk)
        if key not in CARD_KEYS:
            continue
        if chunk.kind != b"tEXt":
            raise BadInput(f"The PNG keeps '{key}' in a {chunk.kind.decode()} chunk; cards are read from tEXt alone.")
        if key in found:
            raise BadInput(f"The PNG has two '{key}' chunks; which one counts is anybody's guess.")
        found[key] = chunk.body.partition(b"\0")[2]
    return found


def with_texts(data: bytes, wanted: Mapping[str, bytes]) -> bytes:
    """The same picture with these card texts instead of those it had; each other chunk stays byte for byte.

    A text that was there stays in its place, a new one goes before the end, and one that is not wanted goes.
    """
    parts, left = [SIGNATURE], dict(wanted)
    for chunk in _chunks(data):
        key = _key(chunk)
        if chunk.kind == b"tEXt" and key in CARD_KEYS:
            if key in left:
                parts.append(_text_chunk(key, left.pop(key)))
            continue
        if chunk.kind == b"IEND":
            parts += [_text_chunk(name, left[name]) for name in reversed(CARD_KEYS) if name in left]
        parts.append(chunk.raw)
    return b"".join(parts)


def plain(width: int = 400, height: int = 600, shade: bytes = b"\x5b\x4b\x8a") -> bytes:
    """A picture of one colour, for a persona that has none."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress((b"\0" + shade * width) * height, 9)
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _chunks(data: bytes) -> Iterator[_Chunk]:
    if not data.startswith(SIGNATURE):
        raise BadInput("This is not a PNG.")
    if len(data) > MOST_BYTES:
        raise TooLarge(f"The PNG has {len(data):,} bytes; at most {MOST_BYTES:,} are read.")
    at, number, kind = len(SIGNATURE), 0, b""
    while kind != b"IEND":
        number += 1
        if number > MOST_CHUNKS:
            raise BadInput(f"The PNG has more than {MOST_CHUNKS:,} chunks.")
        if at + 12 > len(data):
            raise BadInput("The PNG ends in the middle: a chunk is missing.")
        length = int.from_bytes(data[at : at + 4])
        kind, end = data[at + 4 : at + 8], at + 12 + length
        if end > len(data):
            raise BadInput(f"The PNG says that its chunk {number} has {length:,} bytes, and the file ends before.")
        if not (kind.isalpha() and kind.isascii()) or (number == 1) != (kind == b"IHDR"):
            raise BadInput(f"Chunk {number} of the PNG is not one that may stand there.")
        body = data[at + 8 : end - 4]
        if zlib.crc32(data[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end]):
            raise BadInput(f"Chunk {number} of the PNG ({kind.decode()}) has a wrong checksum: the file is damaged.")
        yield _Chunk(kind, body, data[at:end])
        at = end
    if at != len(data):
        raise BadInput(f"{len(data) - at:,} bytes follow the end of the PNG; a card has nothing there.")


def _key(chunk: _Chunk) -> str:
    if chunk.kind not in (b"tEXt", b"zTXt", b"iTXt"):
        return ""
    return chunk.body[:80].partition(b"\0")[0].decode("latin-1").lower()


def _text_chunk(key: str, text: bytes) -> bytes:
    return _chunk(b"tEXt", key.encode("latin-1") + b"\0" + text)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
