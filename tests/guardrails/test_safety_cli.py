"""The verbs of proof: a year's report, a ledger verified, one whose end was cut off, replies that are judged."""

import json
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from undertone import cli
from undertone.errors import BadInput
from undertone.guardrails.ledger import LedgerError


def run(*asked: str) -> dict[str, object]:
    answer = CliRunner().invoke(cli.build(), [*asked, "--json"], catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.stdout.splitlines()[-1])


def test_a_year_is_reported_and_a_cut_off_end_is_found(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", dsn)
    line = "insert into referral_ledger (day, kind, level, country) values ('2026-05-04', 'abuse', 'crisis', 'DE')"
    with psycopg.connect(dsn, autocommit=True) as conn:
        for _ in range(3):
            conn.execute(line)
    year = run("report", "ca-sb243", "--year", "2026")
    assert (year["total"], year["ledger_lines"]) == (3, 3)
    assert year["counts"] == {"ledger": 3, "incidents": 0, "crisis_incidents": 0, "alerts": 0, "agree": False}
    assert run("report", "disclosure")["conversations"] == 0
    assert run("report", "incidents")["incidents"] == []
    proof = run("ledger", "verify")
    kept = f"{proof['count']}:{proof['seal']}"
    assert run("ledger", "verify", "--expect", kept)["whole"] is True
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("alter table referral_ledger disable trigger user")
        conn.execute("delete from referral_ledger where number = 3")
    with pytest.raises(LedgerError, match="end was cut off"):
        run("ledger", "verify", "--expect", kept)
    for wrong in (("report", "ca-sb243"), ("report", "turns", "--year", "2026"), ("ledger", "verify", "--expect", "3")):
        with pytest.raises(BadInput):
            run(*wrong)


def test_replies_are_judged_by_what_was_marked(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    bad = {"text": "Hm. I'm a real woman.", "rule": "humanity", "bad": ["I'm a real woman."]}
    rows.write_text("\n".join(json.dumps(row) for row in (bad, {"text": "Good night!"})), "utf-8")
    found = run("evaluate", "rails", str(rows))
    assert (found["bad"], found["through"], found["good"], found["touched"]) == (1, 0, 1, 0)
    rows.write_text('{"reply": 1}\n', "utf-8")
    with pytest.raises(BadInput, match="line 1"):
        run("evaluate", "rails", str(rows))
