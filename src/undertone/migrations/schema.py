"""The sum of the migrations as one readable text, `schema.sql`, made with pg_dump. `runs/schema.sh` writes it anew.

Left out: procrastinate's own objects, and the partitions themselves (their number is said at the end).
Knows nothing of how migrations are applied; runs at no time in production.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg

from undertone.db import migrate
from undertone.postgres import start
from undertone.postgres_home import find_binaries

HEADER = "-- The sum of all migrations. Written by runs/schema.sh; do not edit.\n"


def schema_text(dsn: str) -> str:
    """The schema of the migrated database `dsn`, without anything that differs from run to run."""
    dump = subprocess.run(  # noqa: S603
        [
            find_binaries() / "pg_dump",
            "--schema-only",
            "--no-owner",
            "--no-privileges",
            "--exclude-table=procrastinate_*",
            "--exclude-table=*_[0-9]+",
            dsn,
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    _preamble, *blocks = re.split(r"^--\n-- Name: ", dump, flags=re.MULTILINE)
    kept = [_without_title(block) for block in blocks if not re.match(r"procrastinate_|EXTENSION vector", block)]
    return "\n".join([HEADER, *kept, *_partitions(dsn)]) + "\n"


def _without_title(block: str) -> str:
    _title, body = block.split("\n--\n", 1)
    body = re.sub(r"^--\n-- PostgreSQL database dump complete.*", "", body, flags=re.MULTILINE | re.DOTALL)
    return body.strip().replace("public.", "") + "\n"


def _partitions(dsn: str) -> list[str]:
    with psycopg.connect(dsn) as conn:
        rows = conn.execute(
            """
            select parent.relname, count(*)
            from pg_inherits join pg_class parent on parent.oid = inhparent
            where parent.relkind = 'p'
            group by parent.relname order by parent.relname
            """
        ).fetchall()
    return [f"-- {name}: {number} hash partitions" for name, number in rows]


def main() -> None:
    """Migrate a new embedded database and write schema.sql beside this file."""
    with tempfile.TemporaryDirectory(prefix="undertone-schema-") as folder:
        Path(folder).chmod(0o755)
        server = start(Path(folder))
        try:
            migrate(server.dsn)
            text = schema_text(server.dsn)
        finally:
            server.stop()
    written = Path(__file__).with_name("schema.sql")
    written.write_text(text, encoding="utf-8")
    sys.stderr.write(f"wrote {written}\n")


if __name__ == "__main__":
    main()
