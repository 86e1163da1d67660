"""Wherever a reply is shown, it says that an AI wrote it, which model, and which version of which persona."""

from collections.abc import Iterator
from typing import Any

from house import House
from scripted_model import Scripted

WORDS = "The heron stood in the reeds all morning."
SHOWN_ELSEWHERE = {
    "/v1/turns/{turn_id}/sent": "what was sent to a model: the requests' own parts, by role",
    "/v1/turns/{turn_id}/alternatives": "texts beside the turn they belong to; each is read by /v1/turns",
    "/v1/users/{user}/memories": "quotations of what was said, by role and persona, with the place they stand",
    "/v1/admin/memories": "the same, for operators",
}
"""Addresses that quote a reply and are no message of it."""


def objects(data: Any) -> Iterator[dict[str, Any]]:
    """Every JSON object in `data`, the outer ones first."""
    if isinstance(data, dict):
        yield data
        for value in data.values():
            yield from objects(value)
    elif isinstance(data, list):
        for value in data:
            yield from objects(value)


def says_it(one: dict[str, Any]) -> bool:
    return one.get("ai_generated") is True and one.get("model") == "scripted" and bool(one.get("persona_version"))


async def test_every_message_says_what_wrote_it(house: House, model: Scripted) -> None:
    anna = house.person()
    model.will(WORDS)
    heard = await anna.say("Hello there.")
    assert says_it(heard.done)
    name, turn, conversation = str(anna.name), heard.turn, heard.done["conversation"]
    model.will(WORDS)
    body = {"model": "undertone/mira", "user": name, "messages": [{"role": "user", "content": "And now?"}]}
    asked = await house.client.post("/v1/chat/completions", json=body)
    assert says_it(asked.json()["undertone"])
    model.will(WORDS)
    streamed = await house.client.post("/v1/chat/completions", json=body | {"stream": True})
    assert '"ai_generated": true' in streamed.text
    assert '"persona_version"' in streamed.text
    values = {"turn_id": turn, "conversation_id": conversation, "user": name, "persona_id": "mira"}
    walked: list[str] = []
    for address, methods in house.app.openapi()["paths"].items():
        path = address if "get" in methods else "{"
        for field, value in values.items():
            path = path.replace(f"{{{field}}}", value)
        if "{" in path:
            continue
        answer = await house.client.get(path, params={"user": name})
        if answer.status_code != 200 or WORDS not in answer.text:
            continue
        walked.append(address)
        if address in SHOWN_ELSEWHERE:
            continue
        if answer.headers["content-type"].startswith("text/event-stream"):
            assert '"ai_generated": true' in answer.text.replace('":true', '": true'), path
            assert '"persona_version"' in answer.text
            continue
        found = [one for one in objects(answer.json()) if one.get("text", "") in (WORDS, heard.done["text"])]
        assert found, path
        assert all(says_it(one) for one in found if one.get("role") != "user"), path
    assert {"/v1/turns/{turn_id}", "/v1/conversations/{conversation_id}/messages", "/v1/users/{user}/export"} <= set(
        walked
    ), walked
