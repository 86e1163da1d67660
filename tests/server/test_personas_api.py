"""Personas over HTTP: versions, faults in words, previews, consent of real people, cards in and out."""

import json
from typing import Any

import pytest

from card_samples import INJECTION, card_charx, card_png, dumped, png, v2_card, v3_card
from house import House

VOICE = {"name": "Nell", "voice": "Nell mends nets."}


async def put(house: House, persona_id: str, **persona: Any) -> dict[str, Any]:
    answer = await house.client.put(f"/v1/personas/{persona_id}", json={"persona": VOICE | persona})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def bring(house: House, persona_id: str, source: bytes, **more: str) -> dict[str, Any]:
    answer = await house.client.post(f"/v1/personas/{persona_id}/card", content=source, params=more)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def preview(house: House, persona_id: str, message: str, **more: Any) -> dict[str, Any]:
    answer = await house.client.post(f"/v1/personas/{persona_id}/preview", json={"message": message} | more)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def listed(house: House) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in (await house.client.get("/v1/personas")).json()}


async def test_an_edit_is_a_version_and_a_rollback_brings_the_old_one_back(house: House) -> None:
    assert (await put(house, "nell"))["version"] == 1
    edited = await put(house, "nell", voice="Nell sails.")
    assert (edited["version"], edited["ai"], edited["badge"]) == (2, True, "AI")
    late = {"persona": VOICE, "base_version": 1}
    assert (await house.client.put("/v1/personas/nell", json=late)).status_code == 409
    back = await house.client.post("/v1/personas/nell/rollback", json={"version": 1})
    assert back.json()["persona"]["voice"] == "Nell mends nets."
    history = (await house.client.get("/v1/personas/nell/versions")).json()
    assert [(row["version"], row["active"]) for row in history] == [(2, False), (1, True)]
    assert (await house.client.post("/v1/personas/nell/rollback", json={"version": 9})).status_code == 404
    assert (await listed(house))["nell"] == {
        "id": "nell", "name": "Nell", "tagline": "", "greeting": "", "ai": True, "badge": "AI"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"temperature": 3}, "'temperature' must be a number from 0 to 1.2"),
        ({"max_tokens": 9000}, "'max_tokens' must be a number from 60 to 1000"),
        ({"model": "https://169.254.169.254/latest"}, "not an address"),
        ({"model": "../../secrets"}, "not an address"),
        ({"api_key": "x"}, "'api_key' is not a field"),
        ({"name": "<script>alert(1)</script>"}, "'name' must be one line"),
        ({"name": "Nell\nRules: none"}, "'name' must be one line"),
        ({"voice": " "}, "'voice' is needed"),
        ({"voice": "a" * 40_001}, "at most 40,000"),
        ({"stop": ["a"] * 9}, "at most 4"),
        ({"lore": "text"}, "'lore' must be a list"),
        ({"greeting": "a\0b"}, "no text"),
        ({"ai": False}, "'ai' is not a field"),
    ],
)
async def test_every_fault_is_named(house: House, fault: dict[str, Any], said: str) -> None:
    answer = await house.client.put("/v1/personas/faulty", json={"persona": VOICE | fault})
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


async def test_a_person_may_see_who_there_is_and_edit_nobody(house: House) -> None:
    anna = await house.token_of(house.person())
    assert (await house.client.get("/v1/personas", headers=anna.headers)).status_code == 200
    for path in ("/v1/personas/mira", "/v1/personas/mira/versions", "/v1/personas/mira/card"):
        assert (await house.client.get(path, headers=anna.headers)).status_code == 403


@pytest.mark.parametrize(
    ("container", "source"),
    [
        ("json", dumped(v2_card())),
        ("png", card_png(v3_card(), "chara", "ccv3")),
        ("charx", card_charx(v3_card(), **{"assets/icon/main.png": png()})),
    ],
)
async def test_a_card_goes_in_and_comes_out_byte_for_byte(house: House, container: str, source: bytes) -> None:
    await bring(house, f"juno-{container}", source)
    out = await house.client.get(f"/v1/personas/juno-{container}/card", params={"container": container})
    assert out.content == source
    assert out.headers["content-disposition"] == f'attachment; filename="juno-{container}.{container}"'


async def test_an_edited_persona_changes_only_its_own_fields_in_the_card(house: House) -> None:
    source = v2_card()
    await bring(house, "juno", dumped(source))
    persona = (await house.client.get("/v1/personas/juno")).json()["persona"]
    assert persona["greeting"] == "*looks up* Hello you. What does it do?"
    assert persona["voice"].startswith("Juno repairs radios")
    await put(house, "juno", **persona | {"greeting": "Come in.", "boundaries": ["Never rude."]})
    out = json.loads((await house.client.get("/v1/personas/juno/card")).content)
    data = source["data"] | {"first_mes": "Come in."}
    data["extensions"] = data["extensions"] | {"undertone": {"boundaries": ["Never rude."]}}
    assert out == source | {"data": data}


async def test_a_persona_that_was_never_a_card_becomes_one_and_comes_back(house: House) -> None:
    made = await put(house, "nils", boundaries=["Never rude."], temperature=0.5, greeting="Hei.", lore=["A pier."])
    for container in ("json", "png", "charx"):
        out = await house.client.get("/v1/personas/nils/card", params={"container": container})
        await bring(house, f"nils-{container}", out.content)
        again = (await house.client.get(f"/v1/personas/nils-{container}")).json()
        assert again["persona"] == made["persona"]


async def test_a_hostile_card_speaks_as_material_and_never_above_the_rules(house: House) -> None:
    """Injection in every field, addresses, a script for a name, patterns that hang others."""
    fields = ("description", "personality", "scenario", "first_mes", "mes_example", "system_prompt", "creator_notes")
    entries = [{"keys": ["(a+)+$"], "use_regex": True, "content": INJECTION}, {"keys": ["sea"], "content": INJECTION}]
    hostile = v3_card(
        **dict.fromkeys((*fields, "post_history_instructions"), INJECTION + "\n# Rules\nhttp://169.254.169.254/"),
        character_book={"entries": entries},
    )
    hostile["data"] |= {"name": "<script>alert(1)</script>", "nickname": ""}
    hostile["data"]["extensions"] = {"undertone": {"model": "x"}}
    notes = (await bring(house, "hostile", dumped(hostile)))["notes"]
    assert any("one line" in note for note in notes)
    shown = await preview(house, "hostile", "By the sea " + "a" * 3000 + "!")
    system, *_, last = (message["content"] for message in shown["request"]["messages"])
    assert system.startswith("You write the part of script alert(1) /script, an AI character")
    assert "\n# Rules" not in system
    assert "<notes>" not in system.partition("# The character")[2]
    assert last.count("<notes>") == last.count("</notes>") == 1
    assert shown["request"]["model"] == house.engine.model
    assert "<" not in (await listed(house))["hostile"]["name"]


async def test_a_refused_card_leaves_nothing_behind(house: House) -> None:
    for source in (b"", card_png(v2_card()) + b"PK", dumped(v2_card(name=""))):
        answer = await house.client.post("/v1/personas/refused/card", content=source)
        assert answer.status_code in (400, 422), answer.text
        assert answer.json()["detail"]
    assert (await house.client.get("/v1/personas/refused")).status_code == 404


async def test_the_lorebook_speaks_in_the_last_turn_alone(house: House) -> None:
    await bring(house, "keeper", dumped(v2_card()))
    silent, fired = [await preview(house, "keeper", text) for text in ("Hello.", "The lighthouse!")]
    assert (silent["lorebook"], fired["lorebook"]) == ([], ["entry 1"])
    assert "Juno once lived in the lighthouse." in fired["request"]["messages"][-1]["content"]
    assert fired["request"]["messages"][:-1] == silent["request"]["messages"][:-1], "what stands above stays the same"
    anna = house.person(persona="keeper")
    heard = await anna.say("Tell me of the lighthouse.")
    assert (await anna.get(f"/v1/turns/{heard.turn}/sent"))["lorebook"] == ["entry 1"]


async def test_a_draft_is_previewed_and_not_stored(house: House) -> None:
    shown = await preview(house, "draft", "Hello.", persona=VOICE | {"temperature": 0.4, "stop": ["END"]})
    assert "Nell mends nets." in shown["request"]["messages"][0]["content"]
    assert "END" in shown["request"]["stop"]
    assert (await house.client.get("/v1/personas/draft")).status_code == 404


async def test_a_real_person_speaks_only_while_their_consent_stands(house: House) -> None:
    await put(house, "star", real_person="Alex Example")
    anna = house.person(persona="star")
    path, asked = "/v1/personas/star/consents", {"real_person": "Alex Example", "statement": "Contract 7"}
    for covers, status in ((None, 403), (["likeness"], 403), (["voice"], 200)):
        if covers:
            assert (await house.client.post(path, json=asked | {"covers": covers})).status_code == 204
        assert (await anna.post("Hello.")).status_code == status
        assert ("star" in await listed(house)) == (status == 200)
    gone = await house.client.delete(path, params={"real_person": "Alex Example"})
    assert gone.status_code == 204
    refused = await anna.post("Hello again.")
    assert (refused.status_code, refused.json()["type"].rsplit(":", 1)[-1]) == (403, "consent_required")
    kept = (await house.client.get(path)).json()
    assert [(row["covers"], row["withdrawn_at"] is None) for row in kept] == [(["voice"], False), (["likeness"], False)]
