"""JSON from a model: found in its words, and checked against the schema."""

from typing import Any

import pytest

from undertone.llm.structured import extract, problem


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": 1}', {"a": 1}),
        ('Here:\n```json\n{"a": {"b": [1, 2]}}\n``` enjoy', {"a": {"b": [1, 2]}}),
        ('{not json} {"a": "}"}', {"a": "}"}),
        ('{"a": 1', None),
        ("none at all", None),
        ("{" * 5_000, None),
    ],
)
def test_the_first_whole_object_is_found(text: str, found: dict[str, Any] | None) -> None:
    assert extract(text) == found


@pytest.mark.parametrize(
    ("value", "schema", "wrong"),
    [
        (1, {"type": "string"}, "the answer is not of type string"),
        (True, {"type": "integer"}, "the answer is not of type integer"),
        (None, {"type": ["string", "null"]}, ""),
        (2.0, {"type": "integer"}, ""),
        (1.5, {"type": "number", "maximum": 1}, "the answer is above 1"),
        (-1, {"type": "number", "minimum": 0}, "the answer is below 0"),
        ([1, "x"], {"type": "array", "items": {"type": "integer"}}, "entry 2 of the answer is not of type integer"),
        ([1, 2], {"type": "array", "maxItems": 1}, "the answer has more than 1 entries"),
        ({"a": {}}, {"properties": {"a": {"required": ["b"]}}}, "'a' lacks 'b'"),
        ({"a": 1, "z": 1}, {"properties": {"a": {}}, "additionalProperties": False}, "the answer has 'z'"),
        ("c", {"enum": ["a", "b"]}, 'the answer is not one of ["a","b"]'),
    ],
)
def test_departures_from_a_schema_are_named(value: Any, schema: dict[str, Any], wrong: str) -> None:
    found = problem(value, schema)
    assert found.startswith(wrong) if wrong else found == ""
