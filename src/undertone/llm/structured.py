"""Answers as JSON from models that may or may not keep to a schema: ask, extract, check, one repair, else ModelFailed.

    facts = await ask(say, request, schema)      # say: a request in, the whole reply's text out

Checks the part of JSON Schema our prompts use (type, properties, required, additionalProperties, items, enum,
minimum, maximum, maxItems); other keywords are ignored, so do not rely on them.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from undertone.errors import ModelFailed
from undertone.llm.protocol import ChatMessage, ChatRequest

Say = Callable[[ChatRequest], Awaitable[str]]

_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


async def ask(say: Say, request: ChatRequest, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return one object that fits `schema`. Raises ModelFailed when the second try does not fit either."""
    wish = f"Answer with one JSON object and nothing else. It must fit this JSON schema:\n{_compact(schema)}"
    asked = replace(request, messages=_with_wish(request.messages, wish))
    answer = await say(asked)
    found, wrong = read(answer, schema)
    if wrong:
        repair = (
            ChatMessage("assistant", answer or "(nothing)"),
            ChatMessage("user", f"That does not fit: {wrong}. {wish}"),
        )
        found, wrong = read(await say(replace(asked, messages=asked.messages + repair)), schema)
    if wrong:
        raise ModelFailed(f"The model {request.model} did not answer in the JSON asked for: {wrong}.")
    return found


def read(text: str, schema: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the object in a reply and "", or {} and what is wrong. Prose and code fences around it are forgiven."""
    found = extract(text)
    if found is None:
        return {}, "there is no complete JSON object in it"
    wrong = problem(found, schema)
    return ({}, wrong) if wrong else (found, "")


def extract(text: str) -> dict[str, Any] | None:
    """Return the first complete JSON object in a text, None when there is none."""
    decoder = json.JSONDecoder()
    at = text.find("{")
    while at >= 0:
        try:
            found, _ = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            at = text.find("{", at + 1)
            continue
        return cast(dict[str, Any], found)
    return None


def problem(value: Any, schema: Mapping[str, Any], at: str = "the answer") -> str:
    """Say in words where `value` first departs from `schema`; "" when it fits."""
    wanted = schema.get("type")
    names = [wanted] if isinstance(wanted, str) else list(cast(Sequence[str], wanted or ()))
    if names and not any(_is(value, name) for name in names):
        return f"{at} is not of type {' or '.join(names)}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{at} is not one of {_compact(schema['enum'])}"
    if isinstance(value, dict):
        return _object_problem(cast(dict[str, Any], value), schema, at)
    if isinstance(value, list):
        return _array_problem(cast(list[Any], value), schema, at)
    if _is(value, "number"):
        if value < schema.get("minimum", value):
            return f"{at} is below {schema['minimum']}"
        if value > schema.get("maximum", value):
            return f"{at} is above {schema['maximum']}"
    return ""


def _object_problem(value: dict[str, Any], schema: Mapping[str, Any], at: str) -> str:
    properties: Mapping[str, Any] = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            return f"{at} lacks {name!r}"
    if schema.get("additionalProperties") is False and (extra := sorted(value.keys() - properties.keys())):
        return f"{at} has {extra[0]!r}, which is not asked for"
    wrong = (problem(value[name], part, f"{name!r}") for name, part in properties.items() if name in value)
    return next(filter(None, wrong), "")


def _array_problem(value: list[Any], schema: Mapping[str, Any], at: str) -> str:
    if len(value) > schema.get("maxItems", len(value)):
        return f"{at} has more than {schema['maxItems']} entries"
    items: Mapping[str, Any] = schema.get("items", {})
    wrong = (problem(entry, items, f"entry {number} of {at}") for number, entry in enumerate(value, 1))
    return next(filter(None, wrong), "")


def _is(value: Any, name: str) -> bool:
    """Whether a value has a JSON type; True and False are no numbers there, though they are in Python."""
    if isinstance(value, bool):
        return name == "boolean"
    if name == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES.get(name, ()))


def _with_wish(messages: tuple[ChatMessage, ...], wish: str) -> tuple[ChatMessage, ...]:
    """Put the wish at the end of the last user message, so that a cached prefix stays a prefix."""
    if messages and messages[-1].role == "user":
        return (*messages[:-1], ChatMessage("user", f"{messages[-1].content}\n\n{wish}"))
    return (*messages, ChatMessage("user", wish))


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
