"""`undertone train TASK`: fit a model on labelled data and say how good it is on people it has not seen.

Tasks: user_type (any taxonomy in the opening format) and sentiment. Progress on stderr, figures on stdout.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from undertone.config import Settings
from undertone.errors import BadInput
from undertone.learning import dataset, training
from undertone.llm.embedder import default_embedder
from undertone.signals.training import train_sentiment

TASKS = ("user_type", "sentiment")


def train(
    task: Annotated[str, typer.Argument(help="user_type or sentiment.")],
    data: Annotated[list[Path], typer.Option(help="A JSONL file; give the option once for each.")],
    labels: Annotated[str, typer.Option(help="auto takes the labels from the data.")] = "auto",
    folds: Annotated[int, typer.Option(help="0 skips the cross-validation by author.")] = 5,
    out: Annotated[Path | None, typer.Option(help="Folder to write the model to.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object as the last line.")] = False,
) -> None:
    """Train a model, print honest figures, and write it to --out."""
    if task not in TASKS:
        raise BadInput(f"There is no task '{task}'. There are: {', '.join(TASKS)}.")
    console = Console(stderr=True)
    embedder = default_embedder(Settings().data_dir / "models")
    try:
        if task == "sentiment":
            model = train_sentiment(data, embedder.embed_now)
            result: dict[str, Any] = {"rows": model.facts["rows"], "labels": list(model.labels)}
            if out is not None:
                model.save(out / "sentiment.npz")
        else:
            openings = dataset.read_openings(data)
            texts = sorted({turn.text for opening in openings for turn in opening.turns})
            console.print(f"embedding {len(texts):,} messages")
            vectors = dict(zip(texts, np.asarray(embedder.embed_now(texts)), strict=True))
            held = training.held_out(openings, vectors, console.print)
            result = training.cross_validate(openings, held, (1, 2, 3, 4, 5)) if folds else {}
            if out is not None:
                training.fit(openings, vectors, held, console.print).save(out)
    finally:
        embedder.close()
    if as_json:
        typer.echo(json.dumps(result))
    else:
        Console().print_json(data=result)
