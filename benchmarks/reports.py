"""How fast every report answers: `.venv/bin/python benchmarks/reports.py [--quick] [--turns N]`.

Fills an embedded PostgreSQL in a scratch folder with turns of 90 days (a million; 20 000 with --quick), rolls them up,
asks every report over the last 30 days, and prints p50 and p95 in milliseconds as one JSON object. Deletes the folder.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString

from undertone.analytics import REPORTS, roll_up, run_report
from undertone.db import Connection, migrate, open_pool
from undertone.postgres import start

FILL: tuple[LiteralString, ...] = (
    "insert into users (user_id, external_id) select gen_random_uuid(), 'p' || n from generate_series(1, %(people)s) n",
    """
    insert into events (id, user_id, kind, version, at, data)
    select gen_random_uuid(), u.user_id, k.kind, 1, t.at, jsonb_build_object('turn_id', gen_random_uuid(),
        'conversation_id', md5(t.n / 8 || ''), 'state', 'done', 'strategy', 'companion', 'mood', 'neutral',
        'user_type', (array['undecided', 'LONELY_SINGLE', 'MARRIED_GUILTY'])[1 + t.n %% 3], 'valence', random() - 0.5,
        'engagement', 'steady', 'memories', t.n %% 3, 'model', 'grok', 'prompt_tokens', 3000, 'cached_tokens', 2400,
        'completion_tokens', 90, 'cost_usd', 0.002, 'ttft_ms', 300 + 900 * random(), 'reason', 'start')
    from (select n, now() - interval '90 days' * random() as at, 1 + (random() * (%(people)s - 1))::int as p
        from generate_series(1, %(turns)s) n) t
    join (select user_id, row_number() over () as p from users) u using (p)
    cross join (values ('TurnStarted'), ('TurnFinished')) k(kind)
    """,
    """
    insert into outcomes (user_id, id, kind, value, currency, at)
    select user_id, gen_random_uuid(), 'purchase', 9.90, 'EUR', now() - interval '30 days' * random()
    from users where random() < 0.2
    """,
)


async def measure(dsn: str, turns: int, runs: int) -> dict[str, Any]:
    """Fill, roll up, ask."""
    pool = await open_pool(dsn, max_size=2)
    try:
        async with pool.connection() as conn:
            await conn.execute("set statement_timeout = 0")
            began = time.perf_counter()
            for query in FILL:
                await conn.execute(query, {"turns": turns, "people": max(50, turns // 50)})
            await conn.execute("vacuum analyze")
            print(f"filled in {time.perf_counter() - began:.0f} s", file=sys.stderr)
            began = time.perf_counter()
            async with conn.transaction():
                await roll_up(conn)
            whole = time.perf_counter() - began
            await conn.execute("vacuum analyze")
            began = time.perf_counter()
            await conn.execute(
                "insert into events (id, user_id, kind, version, at, data) select gen_random_uuid(),"
                " user_id, kind, version, now(), data from events where kind = 'TurnFinished' limit 100"
            )
            async with conn.transaction():
                await roll_up(conn)
            again = time.perf_counter() - began
            print(f"rolled up in {whole:.0f} s, then a day in {again:.2f} s", file=sys.stderr)
            found = {name: await _ask(conn, name, runs) for name in REPORTS}
        return {"turns": turns, "rollup_s": round(whole, 1), "day_again_s": round(again, 2), "ms": found}
    finally:
        await pool.close()


async def _ask(conn: Connection, name: str, runs: int) -> dict[str, float]:
    last = datetime.now(UTC).date()
    took: list[float] = []
    for _ in range(runs):
        began = time.perf_counter()
        await run_report(conn, name, last - timedelta(days=30), last)
        took.append((time.perf_counter() - began) * 1000)
    cuts = statistics.quantiles(took, n=20, method="inclusive")
    print(f"{name:18} p50 {cuts[9]:8.1f} ms  p95 {cuts[18]:8.1f} ms", file=sys.stderr)
    return {"p50": round(cuts[9], 1), "p95": round(cuts[18], 1)}


def main() -> None:
    """Fill, ask, print, delete."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--turns", type=int, default=1_000_000)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="undertone-reports-") as folder:
        Path(folder).chmod(0o755)
        embedded = start(Path(folder) / "postgres")
        try:
            migrate(embedded.dsn)
            turns = 20_000 if wanted.quick else wanted.turns
            print(json.dumps(asyncio.run(measure(embedded.dsn, turns, 10 if wanted.quick else 30))))
        finally:
            embedded.stop()


if __name__ == "__main__":
    main()
