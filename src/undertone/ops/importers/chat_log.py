"""A chat log in JSONL: every row checked, in order of time, without holding the texts in memory.

    log = read_log(Path("chats.jsonl"), personas={"mira"}, now=datetime.now(UTC))
    for stream in log.streams(): ...           # all that one person and one persona said, oldest first

A row is `{"user", "persona", "role": "user"|"assistant", "text", "at", "conversation"?, "id"?}`. Bad rows are named
with their line and left out. Knows no database.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast
from uuid import UUID

from undertone.errors import BadInput, UndertoneError
from undertone.guardrails import limits
from undertone.people import identity
from undertone.types import Role

IDLE = timedelta(hours=6)
"""Rows without a conversation belong together until so long a silence."""
MOST_ID = 200
"""Characters of a row's or a conversation's own id."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One row that cannot be taken, and why."""

    line: int
    why: str


@dataclass(frozen=True, slots=True)
class Row:
    """One message of a log."""

    user: str
    persona: str
    role: Role
    text: str
    at: datetime
    conversation: str | None
    id: str | None


class Place(NamedTuple):
    """Where a good row stands; small, since there may be millions."""

    user: str
    persona: str
    at: datetime
    line: int
    offset: int


@dataclass(frozen=True, slots=True)
class Stream:
    """All that one person and one persona said, oldest first."""

    user: str
    persona: str
    places: Sequence[Place]


@dataclass(frozen=True, slots=True)
class Log:
    """A checked file: its good rows by their places, and its faults."""

    path: Path
    places: Sequence[Place]
    """By person, persona and time."""
    faults: Sequence[Fault]
    user: str | None = None
    """Who is meant where a row names nobody."""
    persona: str | None = None

    def streams(self) -> Iterator[Stream]:
        """Person by person, persona by persona."""
        for (user, persona), places in groupby(self.places, key=lambda place: (place.user, place.persona)):
            yield Stream(user, persona, list(places))

    def rows(self, places: Sequence[Place]) -> list[Row]:
        """The rows at these places, read from the file again. Raises BadInput when it changed meanwhile."""
        with self.path.open("rb") as file:
            return [self._row(file, place) for place in places]

    def _row(self, file: BinaryIO, place: Place) -> Row:
        file.seek(place.offset)
        try:
            row = _parse(file.readline(), self.user, self.persona)
        except (ValueError, UndertoneError) as error:
            raise BadInput(f"{self.path}, line {place.line}: the file changed while it was read.") from error
        if (row.user, row.persona, row.at) != place[:3]:
            raise BadInput(f"{self.path}, line {place.line}: the file changed while it was read.")
        return row


def read_log(
    path: Path, *, personas: Collection[str], now: datetime, user: str | None = None, persona: str | None = None
) -> Log:
    """Check every row of a file. `user` and `persona` stand in where a row has none. Raises BadInput for no file."""
    places: list[Place] = []
    faults: list[Fault] = []
    offset = 0
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    try:
                        row = _parse(line, user, persona)
                        _check(row, personas, now)
                        places.append(Place(row.user, row.persona, row.at, number, offset))
                    except ValueError as error:
                        faults.append(Fault(number, str(error)))
                    except UndertoneError as error:
                        faults.append(Fault(number, error.detail))
                offset += len(line)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    places.sort()
    return Log(path, places, faults, user, persona)


def _parse(line: bytes, user: str | None, persona: str | None) -> Row:
    """One row, its text as it may be stored. Raises ValueError or an UndertoneError in words."""
    try:
        data = json.loads(line)
    except ValueError as error:  # bad UTF-8 is one too
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(data, dict):
        raise ValueError("a row is an object: {...}")
    fields = cast(dict[str, Any], data)
    role = fields.get("role")
    if role not in ("user", "assistant"):
        raise ValueError(f'"role" is "user" or "assistant", not {json.dumps(role)[:40]}')
    return Row(
        user=_text(fields, "user", user),
        persona=_text(fields, "persona", persona),
        role=role,
        text=limits.check_text(_text(fields, "text")),
        at=_time(fields.get("at")),
        conversation=_name(fields, "conversation"),
        id=_name(fields, "id"),
    )


def _check(row: Row, personas: Collection[str], now: datetime) -> None:
    identity.check_external_id(row.user)
    if row.persona not in personas:
        raise ValueError(f'no persona is called "{row.persona[:60]}"; there are: {", ".join(sorted(personas))}')
    if row.at > now:
        raise ValueError(f'"at" lies in the future: {row.at.isoformat()}')


def _text(fields: dict[str, Any], name: str, instead: str | None = None) -> str:
    value = fields.get(name, instead)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f'"{name}" is missing' if value is None else f'"{name}" is no text')
    return value


def _name(fields: dict[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, str | int) or isinstance(value, bool) or not 1 <= len(str(value)) <= MOST_ID:
        raise ValueError(f'"{name}" is a text of 1 to {MOST_ID} characters, or left out')
    return str(value)


def _time(value: object) -> datetime:
    """ISO 8601 or seconds since 1970; without an offset it is UTC."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        at = datetime.fromisoformat(cast(str, value))
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        raise ValueError(f'"at" is a time such as 2025-03-01T18:02:00Z, not {json.dumps(value)[:40]}') from None


def message_id(user_id: UUID, row: Row) -> UUID:
    """The same row of the same person has the same id however often it comes: by its own id, or by all it says."""
    key = ["id", row.id] if row.id is not None else [row.persona, row.role, row.at.isoformat(), row.text]
    return _named(user_id, key)


def conversation_id(user_id: UUID, row: Row, first: UUID) -> UUID:
    """The same for a conversation: by its name, or by the first message of those that belong together."""
    return _named(user_id, ["conversation", row.persona, row.conversation or str(first)])


def _named(user_id: UUID, key: Sequence[object]) -> UUID:
    digest = hashlib.blake2b(json.dumps(key).encode(), key=user_id.bytes, digest_size=16).digest()
    return _as_uuid(digest)


def _as_uuid(digest: bytes) -> UUID:
    """Sixteen bytes as a UUID of version 8, which says that its maker chose the bits (RFC 9562)."""
    number = int.from_bytes(digest, "big") & ~(0xF << 76) & ~(0x3 << 62)
    return UUID(int=number | (0x8 << 76) | (0x2 << 62))
