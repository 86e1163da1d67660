"""What the words tell: language, emotion, wishes; taxonomies and priors; and what is not read without a language."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertone.errors import BadInput
from undertone.llm.embedder import MiniLM
from undertone.signals import Observation, language, read, reader, stated, taxonomy, user_type
from undertone.types import Reading

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
PRICED = {"HORNY_ADDICT": 0.65, "LONELY_SINGLE": 0.2, "MARRIED_GUILTY": 0.1, "CURIOUS_TOURIST": 0.05}


def converse(embedder: MiniLM, *texts: str, **options: object) -> list[Reading]:
    turns = [
        Observation(text, vector, NOON + timedelta(minutes=n))
        for n, (text, vector) in enumerate(zip(texts, embedder.embed_now(list(texts)), strict=True))
    ]
    state, found = None, []
    for n in range(1, len(turns) + 1):
        found.append(read(turns[:n], state, **options))  # pyright: ignore[reportArgumentType]
        state = found[-1].state
    return found


def test_a_language_is_named_once_it_is_plain_and_the_others_say_they_cannot_read_it(embedder: MiniLM) -> None:
    hola, day, more = converse(embedder, "hola", "mi hermana me llamó anoche desde Sevilla", "y no supe qué decirle")
    assert hola.label("language") == language.UNKNOWN
    assert hola.signals["sentiment"].detail.get("readable") is None, "a short word is given the benefit"
    assert day.label("language") == "es"
    for name in ("user_type", "sentiment", "emotion"):
        assert day.signals[name].detail["readable"] is False
    assert more.state["user_type"] == hola.state["user_type"], "nothing was learned from what nobody could read"
    assert day.signals["behaviour"].detail, "times need no language"


def test_english_stays_readable_through_a_foreign_word(embedder: MiniLM) -> None:
    last = converse(embedder, "we had such a lovely evening by the river", "qué bonito, I said, and she laughed at me")[
        -1
    ]
    assert last.label("language") == "en"
    assert last.label("sentiment") == "positive"


def test_emoji_and_stretched_words_are_heard(embedder: MiniLM) -> None:
    assert converse(embedder, "😭😭😭 she left 💔")[0].label("sentiment") == "negative"
    assert converse(embedder, "yessssss we won 🥳")[0].label("sentiment") == "positive"
    assert converse(embedder, "I am so scared of tomorrow")[0].label("emotion") == "fear"
    assert converse(embedder, "the bus leaves at eight")[0].label("emotion") == "none"


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("please don't flirt with me", "no_flirting"),
        ("Can we keep it friendly? keep things platonic ok", "no_flirting"),
        ("stop calling me babe", "no_pet_names"),
        ("can you keep your answers shorter", "short_replies"),
        ("I'd like longer answers from you", "long_replies"),
        ("please don't ask so many questions", "no_questions"),
        ("no reminders please", "no_reminders"),
        ("she told me to stop flirting with waiters", "none"),
        ("imagine I said don't flirt", "none"),
        ("the summer was too short for us", "none"),
        ("no, the questions in the exam were fine", "none"),
    ],
)
def test_wishes_are_kept_when_they_are_the_persons_own(text: str, wish: str) -> None:
    signal, state = stated.detect([Observation(text, reader().model.text.dense[:, 0], NOON)], {})
    assert signal.label == wish
    assert text not in json.dumps(state)


def test_the_newest_word_on_a_wish_holds(embedder: MiniLM) -> None:
    readings = converse(embedder, "please don't flirt", "tell me about the sea", "you can flirt again, it's fine")
    assert "no_flirting" in readings[1].signals["stated"].detail["active"]
    assert readings[2].signals["stated"].detail["active"] == {}


def test_the_history_says_what_moved_the_reading_and_holds_no_words(embedder: MiniLM) -> None:
    texts = ("hi", "my wife must not see this on the bank statement", "I feel guilty, she's asleep upstairs")
    history = converse(embedder, *texts)[-1].state["user_type"]["history"]
    assert [line["message"] for line in history] == sorted({line["message"] for line in history})
    assert history[-1]["label"] == "MARRIED_GUILTY"
    assert "mentions a partner" in [cue for line in history for cue in line["cues"]]
    assert "bank statement" not in json.dumps(history)


def test_a_person_who_changes_is_read_anew(embedder: MiniLM) -> None:
    guilty = [
        "does this show up on the bank statement, my wife does our accounts",
        "she's upstairs, I only have ten minutes, I feel guilty",
        "please delete the chat, my husband checks my phone and I feel ashamed",
        "I never lied to my wife before, I have to hide this app",
        "she is coming down, hide the notification",
    ]
    alone = [
        "the house is so quiet since the divorce, nobody calls me any more",
        "I eat alone at the counter and talk to the cat, I miss having company",
        "thank you for asking how I slept, no one else does",
        "it is nice that somebody remembers me, will you be here tomorrow evening",
    ] * 5
    readings = converse(embedder, *guilty, *alone)
    assert readings[len(guilty) - 1].label("user_type") == "MARRIED_GUILTY"
    assert readings[-1].label("user_type") == "LONELY_SINGLE"


def test_priors_move_the_first_guess_and_not_what_was_plainly_said(embedder: MiniLM) -> None:
    believed = reader(priors={"CURIOUS_TOURIST": 7.0, "LONELY_SINGLE": 1.0, "MARRIED_GUILTY": 1.0, "HORNY_ADDICT": 1.0})
    assert believed.priors["CURIOUS_TOURIST"] == pytest.approx(0.7)
    plain, moved = converse(embedder, "hello")[0], converse(embedder, "hello", types=believed)[0]
    share = "CURIOUS_TOURIST"
    before = plain.signals["user_type"].detail["probabilities"][share]
    assert moved.signals["user_type"].detail["probabilities"][share] > before


def test_priors_are_equal_until_an_operator_sets_them_and_nobodys_revenue_is_among_them() -> None:
    assert set(reader().priors.values()) == {0.25}
    source = Path(user_type.__file__).parent
    text = " ".join(f.read_text("utf-8").lower() for f in source.iterdir() if f.suffix in {".py", ".json", ".toml"})
    assert not [word for word in ("revenue", "lifetime value", "arpu", "turnover") if word in text]
    assert not [share for share in map(str, PRICED.values()) if f'"{share}"' in text]


@pytest.mark.parametrize("priors", [{"LONELY_SINGLE": 1.0}, dict.fromkeys(PRICED, 0.0), {**PRICED, "OTHER": 1.0}])
def test_priors_that_do_not_fit_are_refused_in_words(priors: dict[str, float]) -> None:
    with pytest.raises(BadInput, match=r"[Pp]rior"):
        reader(priors=priors)


def test_another_taxonomy_loads_and_a_broken_one_is_named(tmp_path: Path) -> None:
    file = tmp_path / "taxonomy.json"
    types = {"NEW": {"description": "Just came."}, "OLD": {"description": "Stays.", "cues": {"says again": "again"}}}
    file.write_text(json.dumps({"name": "two", "types": types}))
    assert taxonomy.load(file).cues("here AGAIN", "OLD") == ["says again"]
    assert taxonomy.beside(tmp_path, ("NEW", "OLD")).name == "two"
    assert taxonomy.beside(tmp_path / "none", ("A", "B")).types["A"].description == ""
    for broken in ("{", "[]", '{"name": "x", "types": {"A": {}}}', '{"name": "x", "types": {}}'):
        other = tmp_path / f"{abs(hash(broken))}.json"
        other.write_text(broken)
        with pytest.raises(BadInput, match=r"\.json"):
            taxonomy.load(other)


@given(st.text(max_size=300))
def test_any_text_gets_a_language_and_a_wish_or_none(text: str) -> None:
    likely = language.identify(text)
    assert sum(likely.values()) == pytest.approx(1.0, abs=1e-3)
    turn = Observation(text, reader().model.text.dense[:, 0], NOON)
    assert stated.detect([turn], {})[0].label in {"none", *stated.WISHES}
