"""Learning: faults in a corpus are named by line, figures are right on small cases, models survive being saved."""

import json
from pathlib import Path

import numpy as np
import pytest

from undertone.errors import BadInput, NotReady
from undertone.learning import SequenceModel, Step, evaluation, read_openings, training
from undertone.learning.dataset import read_rows


def write(path: Path, *lines: object) -> Path:
    path.write_text("\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines), "utf-8")
    return path


def opening(label: str, *texts: str) -> dict[str, object]:
    messages = [{"role": "user", "content": text, "response_time_s": 5.0, "typing_stops": 0} for text in texts]
    return {"id": texts[0], "type": label, "messages": [*messages, {"role": "assistant", "content": label}]}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{not json", "corpus.jsonl:2: not JSON"),
        ("[1]", "corpus.jsonl:2: expected a JSON object"),
        ({"messages": []}, "corpus.jsonl:2: an opening needs a text `type`"),
        ({"type": "A", "messages": [{"role": "assistant", "content": "x"}]}, "corpus.jsonl:2: no message of the user"),
        ({"type": "A", "messages": [{"role": "user", "content": 3}]}, "corpus.jsonl:2: a message of the user has no"),
    ],
)
def test_a_fault_in_a_corpus_names_its_line(tmp_path: Path, line: object, says: str) -> None:
    file = write(tmp_path / "corpus.jsonl", opening("A", "hello"), line)
    with pytest.raises(BadInput, match=r"corpus\.jsonl:2") as caught:
        read_openings([file])
    assert says in caught.value.detail


def test_only_the_persons_own_turns_are_read(tmp_path: Path) -> None:
    found = read_openings([write(tmp_path / "c.jsonl", opening("A", "one", "two"))])
    assert [turn.text for turn in found[0].turns] == ["one", "two"]
    assert found[0].group == "c"


def test_rows_with_a_foreign_label_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="expected one of attack, benign"):
        read_rows([write(tmp_path / "r.jsonl", {"text": "x", "label": "y"})], ("attack", "benign"))


def test_a_line_ends_where_json_lines_end_and_nowhere_else(tmp_path: Path) -> None:
    row = json.dumps({"text": "one\u2028two\x85three", "label": "x"}, ensure_ascii=False)
    assert [r.text for r in read_rows([write(tmp_path / "r.jsonl", row, row)])] == ["one\u2028two\x85three"] * 2


def test_calibration_error_of_a_known_case() -> None:
    chances = np.array([[0.9, 0.1]] * 10)
    truth = np.array([0] * 5 + [1] * 5)
    assert evaluation.ece(chances, truth) == pytest.approx(0.4)


def test_the_first_committed_label_counts_not_a_later_one() -> None:
    chances = np.array([[[0.9, 0.1], [0.1, 0.9]]])
    figures = evaluation.figures_at(chances, np.array([1]), np.array([2]), 0.8, (1, 2))
    assert figures["2"]["accuracy"] == 1
    assert figures["2"]["decided"] == 1
    assert figures["2"]["decided_accuracy"] == 0


def test_rates_of_a_rail() -> None:
    found = evaluation.binary([True, False, True, False], [True, True, False, False])
    assert (found["recall"], found["false_positive_rate"], found["precision"]) == (0.5, 0.5, 0.5)


@pytest.fixture(scope="module")
def small() -> SequenceModel:
    """Two labels told apart by their words, eight openings by two authors."""
    from undertone.learning.dataset import Opening, Turn

    def turns(*texts: str) -> tuple[Turn, ...]:
        return tuple(Turn(text, 4.0, 0) for text in texts)

    cats = [turns(f"my cat sleeps {n}", f"the cat purrs {n}") for n in range(8)]
    dogs = [turns(f"my dog barks {n}", f"the dog runs {n}") for n in range(8)]
    openings = [Opening(str(i), "CAT", t, "ab"[i % 2]) for i, t in enumerate(cats)]
    openings += [Opening(str(i), "DOG", t, "ab"[i % 2]) for i, t in enumerate(dogs)]
    vectors = {turn.text: np.zeros(4, np.float32) for o in openings for turn in o.turns}
    return training.fit(openings, vectors, training.held_out(openings, vectors))


def test_evidence_adds_up(small: SequenceModel) -> None:
    zero = np.zeros(4, np.float32)
    state = small.start()
    assert small.posterior(state) == {"CAT": 0.5, "DOG": 0.5}
    state = small.step(state, Step("my cat", zero))
    first = small.posterior(state)["CAT"]
    assert first > 0.5
    again = small.restore(json.loads(json.dumps(state.as_json())))
    assert small.posterior(again)["CAT"] == pytest.approx(first, abs=1e-3)


def test_a_saved_model_reads_the_same_and_a_damaged_one_is_refused(small: SequenceModel, tmp_path: Path) -> None:
    small.save(tmp_path)
    loaded = SequenceModel.load(tmp_path)
    step = Step("the dog runs", np.zeros(4, np.float32))
    assert loaded.posterior(loaded.step(loaded.start(), step))["DOG"] == pytest.approx(
        small.posterior(small.step(small.start(), step))["DOG"], abs=0.01
    )
    (tmp_path / "whole.npz").write_bytes(b"not ours")
    with pytest.raises(NotReady):
        SequenceModel.load(tmp_path)


def test_one_label_cannot_be_trained() -> None:
    from undertone.learning.dataset import Opening, Turn

    lone = [Opening("1", "CAT", (Turn("cat", None, None),), "a")]
    with pytest.raises(BadInput, match="at least two labels"):
        training.held_out(lone, {"cat": np.zeros(4, np.float32)})
