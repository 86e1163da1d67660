"""`undertone evaluate ...`: the shipped readers and rails on labelled rows, without a model connected."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console

from undertone import guardrails
from undertone.config import Settings
from undertone.errors import BadInput
from undertone.learning import dataset, evaluation
from undertone.llm.embedder import default_embedder
from undertone.signals import Observation, readable, sentiment, user_type
from undertone.types import Vector, Verdict

app = typer.Typer(help="Measure on labelled data.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object as the last line.")]
File = Annotated[Path, typer.Argument(help="A JSONL file.")]
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@app.command("user_type")
def evaluate_user_type(
    file: File,
    at: Annotated[str, typer.Option(help="After how many messages, by comma.")] = "1,2,3,4,5",
    text_only: Annotated[bool, typer.Option("--text-only", help="Leave timing and typing out.")] = False,
    model: Annotated[Path | None, typer.Option(help="A folder that `train` wrote; the shipped one else.")] = None,
    as_json: AsJson = False,
) -> None:
    """User type on openings: accuracy, calibration, and what was committed to."""
    steps = _numbers(at)
    openings = dataset.read_openings([file])
    reader = user_type.reader(model)
    labels = reader.model.labels
    unknown = sorted({o.label for o in openings} - set(labels))
    if unknown:
        raise BadInput(f"The model does not know {', '.join(unknown)}; it knows {', '.join(labels)}.")
    vectors = _vectors([turn.text for o in openings for turn in o.turns])
    chances = np.zeros((len(openings), max(steps), len(labels)), np.float32)
    for i, opening in enumerate(openings):
        state: dict[str, Any] = {}
        seen: list[Observation] = []
        for n in range(max(steps)):
            if n < len(opening.turns):
                turn = opening.turns[n]
                seen.append(Observation(turn.text, vectors[turn.text], EPOCH, turn.response_time_s, turn.typing_stops))
                signal, kept = user_type.read_type(reader, seen, state, with_timing=not text_only)
                state = dict(kept)
                chances[i, n] = [signal.detail["probabilities"][label] for label in labels]
            else:
                chances[i, n] = chances[i, n - 1]
    truth = np.array([labels.index(o.label) for o in openings])
    count = np.array([len(o.turns) for o in openings])
    _print({"at": evaluation.figures_at(chances, truth, count, reader.model.threshold, steps)}, as_json)


@app.command("sentiment")
def evaluate_sentiment(file: File, as_json: AsJson = False) -> None:
    """Sentiment: accuracy and macro-recall."""
    rows = dataset.read_rows([file], ("negative", "neutral", "positive"))
    vectors = _vectors([row.text for row in rows])
    guesses = [sentiment.detect([Observation(r.text, vectors[r.text], EPOCH)], {})[0].label for r in rows]
    truth = [row.label for row in rows]
    right = sum(g == t for g, t in zip(guesses, truth, strict=True))
    macro = round(evaluation.macro_recall(guesses, truth), 4)
    _print({"n": len(rows), "accuracy": round(right / len(rows), 4), "macro_recall": macro}, as_json)


@app.command("injection")
def evaluate_injection(file: File, as_json: AsJson = False) -> None:
    """The injection rail: recall, false-positive rate, precision."""
    _print(_rail(file, ("attack", "benign"), lambda v: v.injection), as_json)


@app.command("human")
def evaluate_human(file: File, as_json: AsJson = False) -> None:
    """The "are you human" rail: recall, false-positive rate, precision."""
    _print(_rail(file, ("asks_human", "other"), lambda v: v.asks_human), as_json)


@app.command("crisis")
def evaluate_crisis(file: File, as_json: AsJson = False) -> None:
    """The crisis rail: concern or crisis counts as fired; the crisis level alone stands beside it."""
    result = _rail(file, ("crisis", "none"), lambda v: v.crisis != "none")
    level = _rail(file, ("crisis", "none"), lambda v: v.crisis == "crisis", slices=False)
    result |= {"crisis_recall": level["recall"], "crisis_false_positive_rate": level["false_positive_rate"]}
    _print(result, as_json)


def _rail(
    file: Path, labels: tuple[str, str], fired: Callable[[Verdict], bool], *, slices: bool = True
) -> dict[str, Any]:
    rows = dataset.read_rows([file], labels)
    vectors = _vectors([row.text for row in rows])
    hits = [fired(guardrails.check_input(row.text, vectors[row.text], readable=readable(row.text))) for row in rows]
    positive = [row.label == labels[0] for row in rows]
    result = evaluation.binary(hits, positive)
    for name in ("difficulty", "kind", "language") if slices else ():
        values = sorted({str(row.facts[name]) for row in rows if name in row.facts})
        picked = {v: [i for i, row in enumerate(rows) if str(row.facts.get(name)) == v] for v in values}
        if values:
            result[f"by_{name}"] = {
                v: evaluation.binary([hits[i] for i in ids], [positive[i] for i in ids]) for v, ids in picked.items()
            }
    return result


def _vectors(texts: list[str]) -> dict[str, Vector]:
    """The built-in embedder's vector of each text, shape (384,)."""
    distinct = sorted(set(texts))
    embedder = default_embedder(Settings().data_dir / "models")
    try:
        with Console(stderr=True).status(f"Embedding {len(distinct):,} texts"):
            found: npt.NDArray[np.float32] = embedder.embed_now(distinct)
    finally:
        embedder.close()
    return dict(zip(distinct, found, strict=True))


def _numbers(text: str) -> list[int]:
    try:
        numbers = sorted({int(part) for part in text.split(",")})
    except ValueError as error:
        raise BadInput("--at takes whole numbers by comma, for example 1,2,3.") from error
    if numbers[0] < 1 or numbers[-1] > 50:
        raise BadInput("--at takes numbers of messages from 1 to 50.")
    return numbers


def _print(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(result))
    else:
        Console().print_json(data=result)
