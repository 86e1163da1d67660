"""The protocol: complete for every language, and the engine stays shut without it."""

import json
from pathlib import Path
from typing import Any

import pytest

from undertone.errors import NotReady
from undertone.guardrails import crisis


def written(folder: Path, **changes: Any) -> Path:
    raw = json.loads(crisis.SHIPPED.read_text("utf-8"))
    path = folder / "protocol.json"
    path.write_text(json.dumps({**raw, **changes}), "utf-8")
    return path


def test_every_country_language_and_kind_has_its_words() -> None:
    protocol = crisis.require_protocol()
    for country in [*protocol.lines, None, "ZZ"]:
        for language in [*protocol.words, "xx"]:
            for kind in [*crisis.KINDS, "unknown"]:
                reply = crisis.crisis_reply(country, language, kind)
                assert protocol.directory in reply
                assert all(
                    line.contact in reply
                    for line in crisis.help_lines(country or "", kind if kind in crisis.KINDS else "suicidal")
                )
                assert "{" not in reply
                assert crisis.check_in(language, kind)


def test_the_words_name_the_line_of_the_country_and_say_they_come_from_an_ai() -> None:
    assert "988" in crisis.crisis_reply("US", "en", "suicidal")
    assert "116 123" in crisis.crisis_reply("gb", "en-GB", "suicidal")
    assert "1-800-799-7233" in crisis.crisis_reply("US", "en", "abuse")
    for words in crisis.require_protocol().words.values():
        assert all(any(ai in text for ai in ("AI", "IA", "KI")) for text in words["crisis"].values())


def test_every_line_is_dated_and_sourced() -> None:
    for lines in crisis.require_protocol().lines.values():
        assert all(line.checked.startswith("20") and "." in line.source for line in lines)


def test_an_inactive_protocol_keeps_the_engine_shut(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="not active"):
        crisis.require_protocol(written(tmp_path, active=False))


@pytest.mark.parametrize(
    "changes", [{"words": {}}, {"directory": ""}, {"lines": {"US": [{"name": "x"}]}}, {"words": {"en": {}}}]
)
def test_an_incomplete_protocol_keeps_the_engine_shut(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(NotReady, match="incomplete"):
        crisis.require_protocol(written(tmp_path, **changes))


def test_a_missing_or_broken_file_keeps_the_engine_shut(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="cannot be read"):
        crisis.require_protocol(tmp_path / "none.json")
    (tmp_path / "broken.json").write_text("{", "utf-8")
    with pytest.raises(NotReady, match="cannot be read"):
        crisis.require_protocol(tmp_path / "broken.json")
