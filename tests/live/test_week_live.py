"""The scripted week through a connected engine (`make test-live`): the same strategies, a real server's replies."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from house import House, open_house
from undertone.llm.embedder import MiniLM
from undertone.llm.openai import OpenAIChat
from week import play

pytestmark = pytest.mark.live

GOLDEN = Path(__file__).resolve().parents[1] / "engine" / "golden" / "week.json"


@pytest.fixture
async def connected(
    new_database: Callable[..., str], migrated_template: str, embedder: MiniLM, live_server: tuple[str, str]
) -> AsyncIterator[House]:
    """The app with the live server's model."""
    url, model = live_server
    provider = OpenAIChat(url, model=model)
    settings = {"model": model, "model_base_url": url}
    async with open_house(new_database(migrated_template), embedder, provider, **settings) as house:
        async with house.db.connection() as conn:  # it babbles to the end of what it may
            await conn.execute("update personas set card = jsonb_set(card, '{max_tokens}', '60')")
        yield house


async def test_the_week_through_a_real_engine(connected: House) -> None:
    """Readings and strategies do not hang on the replies, so they are those of the page; a model wrote the replies."""
    week = await play(connected)
    golden = json.loads(GOLDEN.read_text("utf-8"))
    written = 0
    for name, turns in week.items():
        assert [turn.get("strategy") for turn in turns] == [turn.get("strategy") for turn in golden[name]], name
        assert all(turn["reply"] for turn in turns)
        written += sum(turn["reply"] != before["reply"] for turn, before in zip(turns, golden[name], strict=True))
    print(json.dumps({"turns": sum(map(len, week.values())), "written_by_the_model": written}))
    assert written > 50
