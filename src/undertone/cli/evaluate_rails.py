"""`undertone evaluate rails FILE.jsonl ...`: what the output rail lets through of bad replies and touches of good ones.

A row is a reply, `{"text"}`; a bad one names by hand what must not arrive, `"bad": ["...", ...]`, and may name its
`rule` and `how` it is disguised. `"unseen": true` rows are counted apart as well. Nothing is asked of the rail's own
opinion: a bad reply is through when any of its named parts arrives word for word.
"""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from undertone import guardrails
from undertone.errors import BadInput


def evaluate_rails(
    files: Annotated[list[Path], typer.Argument(metavar="FILE.jsonl ...", help="Replies, good and bad.")],
    context: Annotated[
        bool, typer.Option("--context", help="As in reply to somebody who asks what they talk with, and who leaves.")
    ] = False,
    piece: Annotated[int, typer.Option(help="Characters a streamed piece has.", min=1)] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object as the last line.")] = False,
) -> None:
    """The output rail on labelled replies: bad ones that get through, good ones that are touched."""
    rows = [row for file in files for row in _rows(file)]
    result: dict[str, Any] = {"context": context, **_figures(rows, context, piece)}
    unseen = [row for row in rows if row.get("unseen")]
    if unseen:
        result["unseen"] = _figures(unseen, context, piece)
    typer.echo(json.dumps(result)) if as_json else Console().print_json(data=result)


def _figures(rows: Sequence[dict[str, Any]], context: bool, piece: int) -> dict[str, Any]:
    bad = [row for row in rows if row.get("bad")]
    through = [row for row in bad if any(part in said(row, context, piece)[0] for part in row["bad"])]
    good = [row for row in rows if not row.get("bad")]
    touched = sum(said(row, context, piece)[1] for row in good)
    return {
        "bad": len(bad),
        "through": len(through),
        "through_by_rule": dict(Counter(str(row.get("rule", "")) for row in through)),
        "through_by_how": dict(Counter(str(row.get("how", "")) for row in through)),
        "good": len(good),
        "touched": touched,
        "touched_rate": round(touched / len(good), 4) if good else None,
    }


def said(row: dict[str, Any], context: bool, piece: int) -> tuple[str, bool]:
    """What a person would read of a reply streamed in pieces, and whether the rail changed it."""
    claims = row.get("rule") == "humanity"
    rail = guardrails.OutputRail("Mira", asked=context and claims, leaving=context and not claims)
    text = row["text"]
    out = "".join(rail.feed(text[i : i + piece]) for i in range(0, len(text), piece)) + rail.finish()
    return out, rail.tripped is not None


def _rows(file: Path) -> list[dict[str, Any]]:
    """Raises BadInput naming the line that is no such row."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{file} cannot be read: {error}.") from error
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(lines, 1):
        row: Any = None
        try:
            row = json.loads(line)
            fits = isinstance(row["text"], str) and all(isinstance(part, str) for part in row.get("bad", []))
        except (ValueError, KeyError, TypeError, AttributeError):
            fits = False
        if not fits:
            raise BadInput(f'{file}, line {number}: a row is {{"text": "..."}}, with "bad": ["..."] for a bad reply.')
        rows.append(row)
    if not rows:
        raise BadInput(f"{file} holds no rows.")
    return rows
