"""The catalogue: retired names, prices, and endpoints by their address."""

from datetime import date

import pytest

from undertone.errors import Unprocessable
from undertone.llm import catalogue
from undertone.types import Usage


def test_a_retired_name_is_refused_with_its_successor() -> None:
    with pytest.raises(Unprocessable, match=r"grok-3 was retired by its provider on 2026-05-15\. Use grok-4\.3"):
        catalogue.check("grok-3", date(2026, 5, 15))
    assert catalogue.check("grok-3", date(2026, 5, 14)) is not None


def test_unknown_names_are_allowed_and_have_no_price() -> None:
    assert catalogue.check("my-lora-7b", date(2026, 11, 25)) is None
    assert catalogue.cost(None, Usage(1000, 0, 1000)) is None
    with pytest.raises(Unprocessable, match="No model is named"):
        catalogue.check(" ", date(2026, 11, 25))


def test_a_snapshot_is_read_as_its_model() -> None:
    assert catalogue.find("gpt-5-mini-2025-08-07") == catalogue.find("gpt-5-mini")


@pytest.mark.parametrize(
    ("prompt", "cached", "out", "dollars"),
    [(1_000_000 // 8, 0, 0, 0.15625), (100_000, 100_000, 1_000, 0.0225), (200_000, 0, 1_000, 0.505), (10, 20, 0, 2e-6)],
)
def test_cost_counts_cached_tokens_and_the_long_prompt_step(prompt: int, cached: int, out: int, dollars: float) -> None:
    assert catalogue.cost(catalogue.find("grok-4.3"), Usage(prompt, cached, out)) == pytest.approx(dollars)


def test_every_entry_is_sound() -> None:
    for model in catalogue.known():
        assert model.window >= 32_000
        assert model.retired is None or catalogue.find(model.successor)
        if model.price:
            assert 0 < model.price.cached < model.price.prompt < model.price.completion


def test_dialects_go_by_the_exact_host() -> None:
    assert catalogue.family_of("https://api.x.ai/v1").cache_header == "x-grok-conv-id"
    assert catalogue.family_of("https://api.openai.com/v1").cache_field == "prompt_cache_key"
    assert catalogue.family_of("https://api.x.ai.example.org/v1").id == "other"
    assert catalogue.family_of("http://127.0.0.1:8000/v1").cache_header == ""
