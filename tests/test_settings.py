"""Settings as people write them, and what a wrong one says: one line that names it, and never its value."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from undertone.app import create_app
from undertone.config import Settings
from undertone.errors import BadInput

PROGRAM = Path(sys.executable).with_name("undertone")
WRONG = {
    "UNDERTONE_PORT": "secret-value",
    "UNDERTONE_TRUSTED_PROXIES": "10.0.0.0/8,secret-value",
    "UNDERTONE_VISIT_SITES": "[secret-value",
}


@pytest.mark.parametrize("text", ["a.test, *.b.test", '["a.test", "*.b.test"]', " a.test,,*.b.test, "])
def test_a_list_is_written_with_commas_or_as_json(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERTONE_VISIT_SITES", text)
    assert Settings().visit_sites == ["a.test", "*.b.test"]


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_setting_ends_with_one_line_that_names_it(name: str, tmp_path: Path) -> None:
    given = os.environ | {name: WRONG[name], "UNDERTONE_DATA_DIR": str(tmp_path)}
    run = subprocess.run([PROGRAM, "keys", "create"], env=given, capture_output=True, text=True)
    assert run.returncode == 2
    (line,) = run.stderr.splitlines()
    assert line.startswith(f"undertone: The setting {name} ")
    assert "secret-value" not in line


def test_a_file_of_countries_that_is_none_is_refused_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "wrong.mmdb").write_text("not a database")
    for file in ("wrong.mmdb", "missing.mmdb"):
        with pytest.raises(BadInput, match="UNDERTONE_COUNTRIES"):
            create_app(Settings(countries=tmp_path / file))
