"""`undertone train TASK`: fit a model on labelled data and say how good it is on people it has not seen.

Tasks: user_type (any taxonomy in the opening format), sentiment, emotion. Progress on stderr, figures on stdout; --out
also gets a model card and pictures.
"""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console

from undertone.config import Settings
from undertone.errors import BadInput
from undertone.learning import cards, dataset, judging, pictures, training
from undertone.llm.embedder import default_embedder
from undertone.signals import taxonomy
from undertone.signals.training import judge_sentiment, train_emotion, train_sentiment

AT = (1, 2, 3, 4, 5)
CURVE_SIZES, CURVE_AT = (10, 20, 40, 80, 120), 4
Embed = Callable[[Sequence[str]], npt.NDArray[np.float32]]
NOT_A_FACT = "prices, offers or urgency; and no decision about a person without them. A reading is a guess."


def train(
    task: Annotated[str, typer.Argument(help="user_type, sentiment or emotion.")],
    data: Annotated[list[Path], typer.Option(help="A JSONL file; give the option once for each. For emotion: a .tsv.")],
    labels: Annotated[str, typer.Option(help="auto takes the labels from the data.")] = "auto",
    folds: Annotated[int, typer.Option(help="0 skips the cross-validation by author.")] = 5,
    out: Annotated[Path | None, typer.Option(help="Folder to write the model, its card and pictures to.")] = None,
    taxonomy_file: Annotated[
        Path | None, typer.Option("--taxonomy", help="What the labels mean; goes beside the model.")
    ] = None,
    curve: Annotated[bool, typer.Option("--curve", help="Also train on 10 to 120 conversations a class.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object as the last line.")] = False,
) -> None:
    """Train a model, print honest figures, and write it to --out."""
    console = Console(stderr=True)
    tasks: Mapping[str, Callable[[Embed], dict[str, Any]]] = {
        "user_type": lambda embed: _user_type(data, embed, bool(folds), out, taxonomy_file, curve, console),
        "sentiment": lambda embed: _sentiment(data, embed, bool(folds), out),
        "emotion": lambda embed: _emotion(data, embed, out),
    }
    if task not in tasks:
        raise BadInput(f"There is no task '{task}'. There are: {', '.join(tasks)}.")
    embedder = default_embedder(Settings().data_dir / "models")
    try:
        result = tasks[task](embedder.embed_now)
    finally:
        embedder.close()
    if as_json:
        typer.echo(json.dumps(result))
    else:
        Console().print_json(data=result)


def _user_type(
    data: list[Path],
    embed: Embed,
    judged: bool,
    out: Path | None,
    taxonomy_file: Path | None,
    curve: bool,
    console: Console,
) -> dict[str, Any]:
    known = taxonomy.load(taxonomy_file) if taxonomy_file else None
    openings = dataset.read_openings(data)
    names = sorted({o.label for o in openings})
    if known and (strange := set(names) - set(known.types)):
        raise BadInput(f"{taxonomy_file} does not name {', '.join(sorted(strange))}, which the data has.")
    texts = sorted({turn.text for opening in openings for turn in opening.turns})
    console.print(f"embedding {len(texts):,} messages")
    vectors = dict(zip(texts, np.asarray(embed(texts)), strict=True))
    held = training.held_out(openings, vectors, console.print)
    result: dict[str, Any] = judging.cross_validate(openings, held, AT) if judged else {}
    if curve:
        result["curve"] = judging.learning_curve(openings, vectors, CURVE_SIZES, CURVE_AT, console.print)
    if out is None:
        return result
    model = training.fit(openings, vectors, held, console.print)
    model.save(out)
    if taxonomy_file:
        shutil.copyfile(taxonomy_file, out / taxonomy.FILE)
    if judged:
        drawn = _draw(openings, held, result, names, out)
        cards.write(
            out / "README.md",
            title="User type",
            purpose=f"Reads which of {len(names)} types somebody most likely is, message by message, or says not yet.",
            not_for=NOT_A_FACT,
            data=[f"{path.name}: {sum(o.group == path.stem for o in openings)} openings" for path in data],
            tables={
                "Words alone, after each number of messages:": result["text_only"],
                "With timing and typing:": result["at"],
                "Words alone, each person's messages shuffled:": result["text_only_shuffled"],
                "Words alone, the last message removed:": result["text_only_without_last"],
                "Words alone, the hard ones:": result.get("text_only_hard", {}),
            },
            pictures=drawn,
            facts={"threshold": model.threshold, "labels": ", ".join(names), **model.facts},
        )
    return result


def _draw(
    openings: Sequence[dataset.Opening],
    held: training.HeldOut,
    result: Mapping[str, Any],
    names: Sequence[str],
    out: Path,
) -> list[str]:
    """Pictures of what strangers' openings got after the last number of messages; returns the files' names."""
    chances = judging.read_by_others(openings, held)[:, AT[-1] - 1]
    pictures.reliability(chances, held.truth, out / "reliability.svg")
    pictures.confusion(chances.argmax(1), held.truth, names, out / "confusion.svg")
    if "curve" in result:
        pictures.curve(result["curve"], CURVE_AT, out / "curve.svg")
        return ["reliability.svg", "confusion.svg", "curve.svg"]
    return ["reliability.svg", "confusion.svg"]


def _sentiment(data: list[Path], embed: Embed, judged: bool, out: Path | None) -> dict[str, Any]:
    model = train_sentiment(data, embed)
    held = judge_sentiment(data, embed) if judged else {}
    result: dict[str, Any] = {"rows": model.facts["rows"], "labels": list(model.labels), "held_out": held}
    if out is not None:
        model.save(out / "sentiment.npz")
        cards.write(
            out / "sentiment.md",
            title="Sentiment",
            purpose="Says how one chat message sounds: negative, neutral or positive.",
            not_for=NOT_A_FACT,
            data=[f"{path.name}: hand-written chat lines" for path in data],
            tables={"Each file by a head trained on the others:": held},
            facts=model.facts,
        )
    return result


def _emotion(data: list[Path], embed: Embed, out: Path | None) -> dict[str, Any]:
    if len(data) != 1:
        raise BadInput("Give one --data, GoEmotions' train.tsv; labels.txt is read beside it.")
    model = train_emotion(data[0], data[0].parent / "labels.txt", embed)
    if out is not None:
        model.save(out / "emotion.npz")
    return {"rows": model.facts["rows"], "labels": list(model.labels)}
