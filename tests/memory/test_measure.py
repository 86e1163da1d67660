"""Measuring recall: chats in LoCoMo's JSON go in by the public path, and each leg alone stands beside the whole."""

import json
from pathlib import Path

import pytest

from undertone.db import Pool
from undertone.errors import BadInput
from undertone.llm.embedder import MiniLM
from undertone.memory import locomo


def chat_file(path: Path) -> Path:
    lines = [
        "I planted seven lemon trees behind the shed",
        "Lovely! How is the weather there?",
        "My cousin Bela repairs old radios in Graz",
        "That sounds like a patient hobby",
        "We drove to the coast and it rained all day",
        "Was the sea rough?",
    ]
    turns = [
        {"speaker": "User" if n % 2 == 0 else "Assistant", "dia_id": f"D1:{n + 1}", "text": text}
        for n, text in enumerate(lines)
    ]
    conversation = {"speaker_a": "User", "speaker_b": "Assistant", "session_1": turns}
    conversation["session_1_date_time"] = "2:00 pm on 4 May, 2024"
    questions = [
        {"question": "How many lemon trees did I plant?", "evidence": ["D1:1"], "category": 1},
        {"question": "What does my cousin Bela repair?", "evidence": ["D1:3"], "category": 2},
        {"question": "Is nothing known?", "evidence": [], "category": 2},
    ]
    path.write_text(json.dumps([{"conversation": conversation, "qa": questions}]), "utf-8")
    return path


async def test_evidence_is_found_and_the_legs_are_ranked_alone(db: Pool, embedder: MiniLM, tmp_path: Path) -> None:
    chats = locomo.read_chats(chat_file(tmp_path / "chat.json"))
    found = await locomo.measure(db, embedder, chats, ks=(1, 5), baselines=True)
    assert (found["questions"], found["messages"]) == (2, 6)
    assert found["recall"] == {"1": 1.0, "5": 1.0}
    assert found["ndcg"]["5"] == 1.0
    one = {"recall": {"1": 1.0, "5": 1.0}, "ndcg": {"1": 1.0, "5": 1.0}}
    assert found["baselines"] == {"vector": one, "bm25": one}
    assert set(found["by_category"]) == {"1", "2"}


def test_conversations_are_chosen_by_number_and_others_refused(tmp_path: Path) -> None:
    chats = locomo.read_chats(chat_file(tmp_path / "chat.json"))
    assert list(locomo.choose(chats, "1")) == chats
    for wrong in ("2", "0", "1-9", "x"):
        with pytest.raises(BadInput, match="1-1"):
            list(locomo.choose(chats, wrong))


def test_a_file_of_another_kind_is_named(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text('{"a": 1}')
    with pytest.raises(BadInput, match=r"other\.json is not LoCoMo JSON"):
        locomo.read_chats(tmp_path)
