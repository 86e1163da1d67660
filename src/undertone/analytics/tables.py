"""A report as text for other programs: JSON, CSV that no spreadsheet runs, Parquet (the extra `parquet`).

Knows no query.
"""

import csv
import io
import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from undertone.analytics.reports import Report
from undertone.errors import NotReady

RUNS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet runs a text cell that begins with one of these; an apostrophe before it makes it text (OWASP)."""


def as_json(report: Report) -> str:
    """One object: name, question, columns, rows; days as ISO 8601, decimals as numbers."""
    rows = [[_plain(value) for value in row] for row in report.rows]
    return json.dumps(
        {"name": report.name, "question": report.question, "columns": report.columns, "rows": rows}, ensure_ascii=False
    )


def as_csv(report: Report) -> str:
    """RFC 4180, with a line of names; text that a spreadsheet would run is made harmless."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(report.columns)
    writer.writerows([_cell(value) for value in row] for row in report.rows)
    return out.getvalue()


def write_parquet(report: Report, file: Path) -> None:
    """Write a Parquet file. Raises NotReady where pyarrow is not installed."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise NotReady("Parquet needs an extra: pip install 'undertone[parquet]'.") from error
    columns = {
        name: [float(row[n]) if isinstance(row[n], Decimal) else row[n] for row in report.rows]
        for n, name in enumerate(report.columns)
    }
    parquet.write_table(pyarrow.table(columns), file)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value.isoformat() if isinstance(value, date | datetime) else value


def _cell(value: Any) -> Any:
    plain = _plain(value)
    return f"'{plain}" if isinstance(plain, str) and plain.startswith(RUNS) else plain
