"""The card in a CHARX file: a zip with `card.json` and its pictures and sounds, none of which is unpacked to disk.

    document = document_of(data)
    data = with_document(data, encoded)

Names, sizes and ratios are checked before a byte is inflated, and inflating stops at the size that was promised.
Knows nothing of what the document says.
"""

import io
import stat
import zipfile
import zlib

from undertone.errors import BadInput, TooLarge

SIGNATURE = b"PK\x03\x04"
CARD = "card.json"
MOST_BYTES = 50_000_000
MOST_INFLATED = 200_000_000
MOST_RATIO = 200
RATIO_FROM = 1_000_000
"""Small files of one letter may shrink as they like."""
MOST_ENTRIES = 2_000
_END_BYTES = 22
_MOST_DIRECTORY = 400 * MOST_ENTRIES
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MADE_AT = (2026, 1, 1, 0, 0, 0)
"""One time for what we write, so that the same card gives the same file."""


def document_of(data: bytes, most: int) -> bytes:
    """The bytes of `card.json`, at most `most`. Raises BadInput or TooLarge for anything a card would not be."""
    with _opened(data) as archive:
        return _inflate(archive, CARD, most)


def with_document(data: bytes | None, document: bytes) -> bytes:
    """The same archive with this `card.json`; the other entries keep name, order, time and content."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        if data is None:
            new.writestr(zipfile.ZipInfo(CARD, _MADE_AT), document, zipfile.ZIP_DEFLATED)
            return _closed(new, made)
        with _opened(data) as old:
            for entry in old.infolist():
                kept = zipfile.ZipInfo(entry.filename, entry.date_time)
                kept.external_attr = entry.external_attr
                body = document if entry.filename == CARD else _inflate(old, entry.filename, entry.file_size)
                new.writestr(kept, body, entry.compress_type)
    return made.getvalue()


def _closed(archive: zipfile.ZipFile, made: io.BytesIO) -> bytes:
    archive.close()
    return made.getvalue()


def _opened(data: bytes) -> zipfile.ZipFile:
    if len(data) > MOST_BYTES:
        raise TooLarge(f"The CHARX file has {len(data):,} bytes; at most {MOST_BYTES:,} are read.")
    _check_end(data)
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError) as error:
        raise BadInput(f"The CHARX file is not a whole zip: {error}.") from None
    entries = archive.infolist()
    if len(entries) > MOST_ENTRIES:
        raise TooLarge(f"The CHARX file has {len(entries):,} entries; at most {MOST_ENTRIES:,} are read.")
    if entries and min(entry.header_offset for entry in entries) != 0:
        raise BadInput("Something stands before the zip in the CHARX file; a card has nothing there.")
    names = [entry.filename for entry in entries]
    if len(set(names)) < len(names):
        raise BadInput("The CHARX file has two entries of one name; which one counts is anybody's guess.")
    for entry in entries:
        _check(entry)
    inflated = sum(entry.file_size for entry in entries)
    if inflated > MOST_INFLATED or sum(entry.compress_size for entry in entries) > len(data):
        raise TooLarge(f"The CHARX file would inflate to {inflated:,} bytes, or its entries overlap: it is not read.")
    if CARD not in names:
        raise BadInput(f"The CHARX file has no {CARD}.")
    return archive


def _check_end(data: bytes) -> None:
    """The zip's last record, looked at before its directory is read: one of a million names costs a gigabyte."""
    end = data[-_END_BYTES:]
    if not end.startswith(b"PK\x05\x06"):
        raise BadInput("The CHARX file is not a whole zip, or something follows its end; a card has nothing there.")
    if int.from_bytes(end[12:16], "little") > _MOST_DIRECTORY:
        raise TooLarge(f"The CHARX file lists too many entries; at most {MOST_ENTRIES:,} are read.")


def _check(entry: zipfile.ZipInfo) -> None:
    name = entry.filename
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or "\\" in entry.orig_filename or ":" in name or not name.isprintable():
        raise BadInput(f"The CHARX file has an entry with the path {name[:80]!r}, which leads out of it.")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise BadInput(f"The CHARX file has a link, {name[:80]!r}; links are not read.")
    if entry.flag_bits & 0x1:
        raise BadInput("The CHARX file is encrypted.")
    if entry.compress_type not in _METHODS:
        raise BadInput(f"The CHARX file packs {name[:80]!r} by a method other than stored or deflated.")
    if entry.file_size > RATIO_FROM and entry.file_size > MOST_RATIO * max(1, entry.compress_size):
        raise TooLarge(f"The CHARX file's {name[:80]!r} would grow more than {MOST_RATIO} times: it is not inflated.")


def _inflate(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    try:
        with archive.open(name) as file:
            body = file.read(most + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise BadInput(f"The CHARX file's {name[:80]!r} is damaged: {error}.") from None
    if len(body) > most:
        raise TooLarge(f"The CHARX file's {name[:80]!r} is larger than {most:,} bytes.")
    return body
