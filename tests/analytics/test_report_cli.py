"""`undertone report` on a terminal, in a pipe, and where the terminal is too narrow for the table."""

from io import StringIO

import pytest
from rich.console import Console
from typer.testing import CliRunner

from undertone import cli
from undertone.analytics import REPORTS, Report
from undertone.cli import report_safety
from undertone.cli.report import print_table
from undertone.errors import BadInput

COLUMNS = tuple(f"a_rather_long_name_{n}" for n in range(12))
REPORT = Report("wide", "What is wide?", COLUMNS, [tuple(1234567890 + n for n in range(12)), (None,) * 12])


def shown(report: Report, *, width: int, terminal: bool) -> list[str]:
    out = StringIO()
    print_table(report, Console(file=out, width=width, force_terminal=terminal, color_system=None))
    return out.getvalue().splitlines()


def test_no_number_is_cut_short_on_a_narrow_terminal() -> None:
    lines = shown(REPORT, width=60, terminal=True)
    assert max(map(len, lines)) <= 60
    text = "\n".join(lines)
    for n, name in enumerate(COLUMNS):
        assert name in text
        assert str(1234567890 + n) in text


def test_a_table_that_fits_is_a_table() -> None:
    lines = shown(REPORT, width=400, terminal=True)
    assert sum("1234567890" in line and "1234567901" in line for line in lines) == 1


def test_names_are_there_once_and_what_has_no_table_says_so() -> None:
    assert not set(REPORTS) & set(report_safety.NAMES)
    with pytest.raises(BadInput, match="report notices"):
        CliRunner().invoke(cli.build(), ["report", "disclosure", "--format", "csv"], catch_exceptions=False)
