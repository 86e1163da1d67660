"""`undertone report` on a terminal, in a pipe, and where the terminal is too narrow for the table."""

from io import StringIO

from rich.console import Console

from undertone.analytics import Report
from undertone.cli.report import print_table

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
