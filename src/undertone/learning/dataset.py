"""Reading labelled rows: the opening corpus (a conversation a line) and plain `{"text", "label"}` rows.

    openings = read_openings([Path("openings-C.jsonl")])

Every fault names file and line and says what is expected. Only the person's own turns are kept: replies leak labels.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from undertone.errors import BadInput


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a person, with its timing where known."""

    text: str
    response_time_s: float | None
    typing_stops: int | None


@dataclass(frozen=True, slots=True)
class Opening:
    """The person's side of one conversation, labelled. `group` is its author or file: splits never cut through it."""

    id: str
    label: str
    turns: tuple[Turn, ...]
    group: str
    difficulty: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled text and whatever else its line carried."""

    text: str
    label: str
    facts: dict[str, Any]


def read_openings(paths: Iterable[Path]) -> list[Opening]:
    """Read opening-corpus files. Raises BadInput naming file and line."""
    found: list[Opening] = []
    for path in paths:
        for where, entry in _lines(path):
            messages = entry.get("messages")
            if not isinstance(entry.get("type"), str) or not isinstance(messages, list):
                raise BadInput(f"{where}: an opening needs a text `type` and a list `messages`.")
            turns = tuple(_turn(where, m) for m in messages if isinstance(m, dict) and m.get("role") == "user")
            if not turns:
                raise BadInput(f"{where}: no message of the user (role `user`) in `messages`.")
            found.append(Opening(str(entry.get("id", where)), entry["type"], turns, path.stem, entry.get("difficulty")))
    return found


def read_rows(paths: Iterable[Path], labels: Sequence[str] = ()) -> list[Row]:
    """Read `{"text", "label"}` lines; `labels` limits what a label may be. Raises BadInput naming file and line."""
    found: list[Row] = []
    for path in paths:
        for where, entry in _lines(path):
            text, label = entry.get("text"), entry.get("label")
            if not isinstance(text, str) or not isinstance(label, str):
                raise BadInput(f"{where}: a row needs a text `text` and a text `label`.")
            if labels and label not in labels:
                raise BadInput(f"{where}: the label is '{label}'; expected one of {', '.join(labels)}.")
            found.append(Row(text, label, {k: v for k, v in entry.items() if k not in ("text", "label")}))
    return found


def _lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        content = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read: {error}. Give a UTF-8 file with one JSON object a line.") from error
    empty = True
    for number, line in enumerate(content.split("\n"), 1):
        if not line.strip():
            continue
        empty = False
        where = f"{path.name}:{number}"
        try:
            entry = json.loads(line)
        except json.JSONDecodeError as error:
            raise BadInput(f"{where}: not JSON ({error.msg}). Expected one JSON object a line.") from error
        if not isinstance(entry, dict):
            raise BadInput(f"{where}: expected a JSON object.")
        yield where, entry
    if empty:
        raise BadInput(f"{path} is empty: expected one JSON object a line.")


def _turn(where: str, message: dict[str, Any]) -> Turn:
    content = message.get("content")
    if not isinstance(content, str):
        raise BadInput(f"{where}: a message of the user has no text `content`.")
    seconds, stops = message.get("response_time_s"), message.get("typing_stops")
    return Turn(
        content,
        float(seconds) if isinstance(seconds, int | float) else None,
        int(stops) if isinstance(stops, int) else None,
    )
