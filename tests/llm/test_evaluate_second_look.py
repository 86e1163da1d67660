"""`evaluate crisis --second-look` asks the connected model over HTTP, and says what it took."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from scripted import Endpoint
from typer.testing import CliRunner

from undertone import cli

REPOSITORY = Path(__file__).resolve().parent.parent.parent
ROWS = (
    ("it would be easier for all of them if I wasn't around", "crisis"),
    ("I want to kill myself tonight", "crisis"),
    ("I gave my guitar to my cousin, he will get more use out of it than me", "none"),
    ("hello", "none"),
)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"text": t, "label": label}) + "\n" for t, label in ROWS), "utf-8")
    return path


async def evaluate(rows: Path, **settings: str) -> Any:
    environment = {f"UNDERTONE_{name.upper()}": value for name, value in settings.items()}
    environment["UNDERTONE_DATA_DIR"] = str(REPOSITORY / "var")
    asked = ["evaluate", "crisis", str(rows), "--second-look", "--json"]
    return await asyncio.to_thread(CliRunner().invoke, cli.build(), asked, env=environment)


async def test_the_model_is_asked_about_what_comes_near_and_about_nothing_else(endpoint: Endpoint, rows: Path) -> None:
    endpoint.plays(Endpoint.says('{"level": "none", "kind": "none", "about": "self"}'))
    answer = await evaluate(rows, model="grok-4.3", model_base_url=endpoint.url, model_api_key="k")
    assert answer.exit_code == 0, answer.output
    found = json.loads(answer.stdout.splitlines()[-1])
    asked = [json.loads(b["messages"][-1]["content"].split("\n")[1]) for b in endpoint.bodies]
    assert found["looks"] == len(asked)
    assert found["looks_failed"] == 0
    assert "I want to kill myself tonight" not in asked, "plain words need no look"
    assert "hello" not in asked
    assert found["recall"] >= 0.5, "a model that always says none undoes no plain words"


async def test_a_model_that_babbles_is_counted_as_failed(endpoint: Endpoint, rows: Path) -> None:
    endpoint.plays(Endpoint.says("Hello! How can I help?"))
    answer = await evaluate(rows, model="grok-4.3", model_base_url=endpoint.url, model_api_key="k")
    found = json.loads(answer.stdout.splitlines()[-1])
    assert found["looks_failed"] == found["looks"] > 0


async def test_without_a_model_it_says_what_to_set(rows: Path) -> None:
    answer = await evaluate(rows, model="offline")
    assert answer.exit_code != 0
