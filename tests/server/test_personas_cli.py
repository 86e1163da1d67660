"""Personas and cards from the command line: in, edited, rolled back, previewed, out again; bad files in words."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from card_samples import card_png, v2_card
from undertone import cli
from undertone.errors import BadInput


def run(*asked: str) -> dict[str, object]:
    answer = CliRunner().invoke(cli.build(), [*asked, "--json"], catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.stdout.splitlines()[-1])


def test_a_card_goes_through_the_terminal(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", dsn)
    card, edited, out = tmp_path / "juno.png", tmp_path / "juno.json", tmp_path / "out.png"
    card.write_bytes(card_png(v2_card()))
    assert run("import", "card", str(card), "--as", "juno")["version"] == 1
    edited.write_text(json.dumps({"name": "Juno", "voice": "Juno sings."}))
    assert run("personas", "set", "juno", str(edited))["version"] == 2
    assert "Juno sings." in json.dumps(run("personas", "preview", "juno", "Hello"))
    run("personas", "rollback", "juno", "1")
    run("export", "card", "juno", str(out))
    assert out.read_bytes() == card.read_bytes()
    with pytest.raises(BadInput, match="must end in"):
        run("export", "card", "juno", str(tmp_path / "out.exe"))
