"""The models and endpoints we know: windows, prices, retirement dates and dialects, as dated data in `models.json`.

    check("grok-3", date.today())           # Unprocessable: retired on 2026-05-15, use grok-4.3
    cost(find("grok-4.3"), usage)           # dollars, or None where the price is unknown

A name that is not here is allowed (self-hosted models have names of their own) and has no known price. Prices change:
each entry carries the day it was read, and what a provider bills is what its invoice says.
"""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from undertone.errors import Unprocessable
from undertone.types import Usage

PER_MILLION = 1_000_000
_SNAPSHOT = re.compile(r"-(latest|\d{4}-\d{2}-\d{2}|\d{4})$")


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens."""

    prompt: float
    cached: float
    completion: float


@dataclass(frozen=True, slots=True)
class Model:
    """One model as its provider documents it."""

    name: str
    family: str
    window: int
    """Tokens a request may hold, prompt and reply together."""
    read: date
    """The day these facts were read."""
    price: Price | None = None
    step_from: int | None = None
    """From this many prompt tokens on, the whole request costs `step_times` as much."""
    step_times: float = 1.0
    retired: date | None = None
    successor: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """How one provider's dialect of Chat Completions differs from the common one."""

    id: str
    hosts: Collection[str] = ()
    cache_header: str = ""
    cache_field: str = ""
    tokens_field: str = "max_tokens"
    usage_option: bool = True
    """Whether `stream_options` may be sent."""
    json_schema: bool = True
    """Whether `response_format` may carry a JSON schema."""


def find(name: str) -> Model | None:
    """Return what is known of a model; a dated snapshot (`gpt-5-2025-08-07`) is read as its model."""
    models = _models()
    return models.get(name) or models.get(_SNAPSHOT.sub("", name))


def known() -> tuple[Model, ...]:
    """All models of the catalogue, retired ones included."""
    return tuple(_models().values())


def check(name: str, today: date) -> Model | None:
    """Return the model, or None for an unknown name. Raises Unprocessable for one its provider has retired."""
    if not name.strip():
        raise Unprocessable("No model is named. Name one, for example grok-4.3.")
    model = find(name)
    if model and model.retired and model.retired <= today:
        instead = f" Use {model.successor} instead." if model.successor else ""
        raise Unprocessable(f"The model {name} was retired by its provider on {model.retired}.{instead}")
    return model


def cost(model: Model | None, usage: Usage) -> float | None:
    """Return dollars for one request, None where the price is unknown.

    Uncached prompt, cached prompt and completion tokens each at their price; all doubled (or as `step_times` says) once
    the prompt reaches `step_from` tokens.
    """
    if model is None or model.price is None:
        return None
    cached = min(usage.cached_tokens, usage.prompt_tokens)
    dollars = (
        (usage.prompt_tokens - cached) * model.price.prompt
        + cached * model.price.cached
        + usage.completion_tokens * model.price.completion
    ) / PER_MILLION
    stepped = model.step_from is not None and usage.prompt_tokens >= model.step_from
    return dollars * model.step_times if stepped else dollars


def family_of(base_url: str) -> Family:
    """Return the dialect spoken at an address; `other`, the common one, for hosts we do not know."""
    host = urlsplit(base_url).hostname or ""
    families = _families()
    return next((family for family in families.values() if host in family.hosts), families["other"])


@cache
def _data() -> dict[str, Any]:
    return json.loads(files("undertone.llm").joinpath("models.json").read_text(encoding="utf-8"))


@cache
def _models() -> dict[str, Model]:
    return {entry["name"]: _model(entry) for entry in _data()["models"]}


@cache
def _families() -> dict[str, Family]:
    return {entry["id"]: Family(**entry) for entry in _data()["families"]}


def _model(entry: dict[str, Any]) -> Model:
    price, step = entry.get("price"), entry.get("step")
    return Model(
        name=entry["name"],
        family=entry["family"],
        window=entry["window"],
        read=date.fromisoformat(entry["read"]),
        price=Price(price["in"], price["cached"], price["out"]) if price else None,
        step_from=step["from"] if step else None,
        step_times=step["times"] if step else 1.0,
        retired=date.fromisoformat(entry["retired"]) if "retired" in entry else None,
        successor=entry.get("successor", ""),
    )
