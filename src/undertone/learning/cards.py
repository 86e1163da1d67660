"""A model card written from the run that made the model (Mitchell et al. 2019), so that it cannot drift from it.

    write(out / "README.md", title=..., facts=..., figures=..., notes=...)

Plain Markdown. Knows no task: whoever trains says what the model is for and what it is not.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def write(
    path: Path,
    *,
    title: str,
    purpose: str,
    not_for: str,
    data: Sequence[str],
    tables: Mapping[str, Mapping[str, Mapping[str, Any]]],
    pictures: Sequence[str] = (),
    facts: Mapping[str, Any] | None = None,
) -> None:
    """One card. `tables`: caption -> row -> column -> value; `pictures`: files that lie beside it."""
    parts = [f"# {title}", purpose, f"**Not for:** {not_for}", "## Trained on", "\n".join(f"- {line}" for line in data)]
    parts.append("## Figures, on people whose authors the heads never saw")
    parts += [f"{caption}\n\n{_table(rows)}" for caption, rows in tables.items() if rows]
    parts += [f"![{Path(name).stem}]({name})" for name in pictures]
    if facts:
        parts += ["## Facts", "\n".join(f"- {name}: {value}" for name, value in sorted(facts.items()))]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join(parts) + "\n", "utf-8")


def _table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    columns = list(dict.fromkeys(name for row in rows.values() for name in row))
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    lines += [
        f"| {name} | " + " | ".join(_cell(row.get(column)) for column in columns) + " |" for name, row in rows.items()
    ]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.3f}".lstrip("0") or "0" if isinstance(value, float) and 0 <= value < 1 else str(value)
