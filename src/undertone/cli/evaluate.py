"""`undertone evaluate ...`: the shipped readers and rails on labelled rows; a model only where `--second-look` asks."""

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console

from undertone import guardrails
from undertone.app import build_chat, look_of
from undertone.config import Settings
from undertone.errors import BadInput
from undertone.learning import dataset, evaluation
from undertone.llm.embedder import default_embedder
from undertone.signals import Observation, readable, sentiment, user_type
from undertone.types import Vector, Verdict

app = typer.Typer(help="Measure on labelled data.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object as the last line.")]
File = Annotated[Path, typer.Argument(help="A JSONL file.")]
SIDE_BY_SIDE = 8
"""Looks asked for at once."""
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
    _print(_rail(*_verdicts(file, ("attack", "benign")), "attack", lambda v: v.injection), as_json)


@app.command("human")
def evaluate_human(file: File, as_json: AsJson = False) -> None:
    """The "are you human" rail: recall, false-positive rate, precision."""
    _print(_rail(*_verdicts(file, ("asks_human", "other")), "asks_human", lambda v: v.asks_human), as_json)


@app.command("crisis")
def evaluate_crisis(
    file: File,
    second_look: Annotated[
        bool, typer.Option("--second-look", help="Let the connected model look at what comes near, as in a chat.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """The crisis rail: concern or crisis counts as fired; the crisis level alone stands beside it."""
    rows, verdicts = _verdicts(file, ("crisis", "none"))
    looks: dict[str, Any] = {}
    if second_look:
        verdicts, looks = asyncio.run(_looked_at(rows, verdicts))
    result = _rail(rows, verdicts, "crisis", lambda v: v.crisis != "none")
    level = _rail(rows, verdicts, "crisis", lambda v: v.crisis == "crisis", slices=False)
    result |= {"crisis_recall": level["recall"], "crisis_false_positive_rate": level["false_positive_rate"]}
    _print(result | looks, as_json)


async def _looked_at(rows: Sequence[dataset.Row], verdicts: Sequence[Verdict]) -> tuple[list[Verdict], dict[str, Any]]:
    """The verdicts after the connected model's second look, and what it took. Raises BadInput without a model."""
    settings = Settings()
    if settings.model == "offline":
        raise BadInput("--second-look needs a connected model: set UNDERTONE_MODEL and UNDERTONE_MODEL_API_KEY.")
    chat = build_chat(settings)
    clerk = look_of(settings, chat)
    if clerk is None:
        raise BadInput("UNDERTONE_SECOND_LOOK_MODEL is `none`: there is nobody to take a second look.")
    at_once = asyncio.Semaphore(SIDE_BY_SIDE)

    async def one(row: dataset.Row, verdict: Verdict) -> tuple[Verdict, guardrails.second_look.Asked | None]:
        if not guardrails.second_look.wanted(verdict, calm=True):
            return verdict, None
        async with at_once:
            asked = await guardrails.second_look.ask(clerk, row.text)
        return guardrails.second_look.settle(verdict, asked.look, calm=True), asked

    try:
        found = await asyncio.gather(*(one(row, verdict) for row, verdict in zip(rows, verdicts, strict=True)))
    finally:
        await chat.close()
    taken = [asked for _, asked in found if asked is not None]
    times = sorted(asked.ms for asked in taken)
    return [verdict for verdict, _ in found], {
        "looks": len(taken),
        "look_rate": round(len(taken) / len(rows), 4),
        "looks_failed": sum(asked.look is None for asked in taken),
        "look_ms_p50": round(times[len(times) // 2], 1) if times else None,
        "look_cost_usd": round(sum(asked.usage.cost_usd or 0.0 for asked in taken), 6),
    }


def _verdicts(file: Path, labels: tuple[str, str]) -> tuple[list[dataset.Row], list[Verdict]]:
    rows = dataset.read_rows([file], labels)
    vectors = _vectors([row.text for row in rows])
    return rows, [guardrails.check_input(r.text, vectors[r.text], readable=readable(r.text)) for r in rows]


def _rail(
    rows: Sequence[dataset.Row],
    verdicts: Sequence[Verdict],
    positive_label: str,
    fired: Callable[[Verdict], bool],
    *,
    slices: bool = True,
) -> dict[str, Any]:
    hits = [fired(verdict) for verdict in verdicts]
    positive = [row.label == positive_label for row in rows]
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
