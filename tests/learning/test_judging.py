"""Judging by authors not learned from, pictures and cards of it, and the verb that does all of it."""

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from typer.testing import CliRunner

from undertone import cli
from undertone.errors import BadInput
from undertone.learning import judging, training
from undertone.learning.dataset import Opening, Turn
from undertone.signals import reader
from undertone.signals.training import read_goemotions

AT = (1, 2)


def corpus(per_author: int = 4) -> list[Opening]:
    """Cats and dogs by three authors; the second message alone tells which."""
    found: list[Opening] = []
    for author in "abc":
        for n in range(per_author):
            for label, tell in (("CAT", "it purrs"), ("DOG", "it barks")):
                turns = (Turn(f"hello from {author} {n}", 4.0, 0), Turn(f"{tell} at {author}{n}", 6.0, 1))
                found.append(Opening(f"{author}{n}{label}", label, turns, author, "hard" if n % 2 else "easy"))
    return found


def vectors_of(openings: list[Opening]) -> dict[str, np.ndarray]:
    return {turn.text: np.zeros(4, np.float32) for o in openings for turn in o.turns}


def test_beside_the_headline_stand_shuffled_shortened_and_hard() -> None:
    openings = corpus()
    held = training.held_out(openings, vectors_of(openings))
    found = judging.cross_validate(openings, held, AT)
    assert found["text_only"]["1"]["accuracy"] == pytest.approx(0.5, abs=0.2)
    assert found["text_only"]["2"]["accuracy"] == 1.0
    assert not np.array_equal(held.shuffled[:, :, 0], held.views[:, :, 0])
    assert found["text_only_shuffled"]["2"]["accuracy"] == 1.0, "after all of them the order is as nothing"
    assert list(found["text_only_without_last"]) == ["1"]
    assert found["text_only_hard"]["2"]["n"] == sum(o.difficulty == "hard" for o in openings)


def test_a_curve_draws_evenly_and_leaves_out_what_the_data_cannot_fill() -> None:
    openings = corpus()
    curve = judging.learning_curve(openings, vectors_of(openings), (6, 12, 500), 2)
    assert list(curve) == ["6", "12"]
    assert curve["6"]["n"] == 12
    assert curve["12"]["accuracy"] == 1.0


def test_training_writes_a_model_its_taxonomy_a_card_and_pictures(tmp_path: Path) -> None:
    files = []
    for author in "abc":
        file = tmp_path / f"openings-{author}.jsonl"
        rows = [
            {"type": o.label, "messages": [{"role": "user", "content": t.text} for t in o.turns]}
            for o in corpus()
            if o.group == author
        ]
        file.write_text("\n".join(map(json.dumps, rows)), "utf-8")
        files += ["--data", str(file)]
    meaning = tmp_path / "pets.json"
    meaning.write_text(
        json.dumps({"name": "pets", "types": {"CAT": {"description": "Purrs."}, "DOG": {"description": "Barks."}}})
    )
    out = tmp_path / "out"
    asked = ["train", "user_type", *files, "--out", str(out), "--taxonomy", str(meaning), "--json"]
    answer = CliRunner().invoke(cli.build(), asked)
    assert answer.exit_code == 0, answer.output
    figures = json.loads(answer.stdout.splitlines()[-1])
    assert set(figures) >= {"at", "text_only", "text_only_shuffled", "text_only_without_last"}
    for picture in ("reliability.svg", "confusion.svg"):
        assert ElementTree.parse(out / picture).getroot().tag.endswith("svg")
    card = (out / "README.md").read_text("utf-8")
    assert "openings-a.jsonl: 8 openings" in card
    assert "shuffled" in card
    read = reader(out)
    assert read.taxonomy.name == "pets"
    assert read.model.labels == ("CAT", "DOG")
    file = files[1]
    again = CliRunner().invoke(cli.build(), ["evaluate", "user_type", file, "--at", "2", "--model", str(out), "--json"])
    assert json.loads(again.stdout.splitlines()[-1])["at"]["2"]["accuracy"] == 1.0


def test_a_taxonomy_that_lacks_a_label_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "o.jsonl"
    file.write_text('{"type": "BIRD", "messages": [{"role": "user", "content": "tweet"}]}')
    meaning = tmp_path / "pets.json"
    meaning.write_text('{"name": "pets", "types": {"CAT": {"description": ""}, "DOG": {"description": ""}}}')
    asked = ["train", "user_type", "--data", str(file), "--taxonomy", str(meaning)]
    assert isinstance(error := CliRunner().invoke(cli.build(), asked).exception, BadInput)
    assert "BIRD" in error.detail


def test_goemotions_tables_are_read_and_others_refused(tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("anger\ndisgust\nneutral\n")
    rows = tmp_path / "train.tsv"
    rows.write_text("[NAME] is rude\t0\tid\nyuck\t1\tid\nboth\t0,1\tid\nmonday\t2\tid\n")
    assert read_goemotions(rows, labels) == (["Alex is rude", "yuck", "monday"], ["anger", "anger", "none"])
    rows.write_text("no tabs here\n")
    with pytest.raises(BadInput, match="GoEmotions"):
        read_goemotions(rows, labels)
