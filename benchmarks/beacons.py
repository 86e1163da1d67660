"""What visits cost: beacons a second through the real server, microseconds to read a User-Agent, bytes of the tracker.

    .venv/bin/python benchmarks/beacons.py [--seconds 20] [--quick]    # progress on stderr, JSON as the last line

A real server in a process of its own on one core, with its own database; clients here keep their connections and speak
for visitors who open pages and send heartbeats. `beacons_per_core` is beacons by the server's own CPU seconds, which
survive a busy machine; `beacons_per_second` is what came through beside the client and PostgreSQL. User agents are all
different, so that nothing is remembered; `user-agents` is the usual wrapper round the same patterns.
"""

import argparse
import asyncio
import gzip
import json
import os
import secrets
import sys
import time
from collections.abc import Callable
from importlib.resources import files
from itertools import count
from typing import Any

import aiohttp
import psycopg
import user_agents
from crawleruseragents import is_crawler
from turn import Server, folder_of_our_own, serving, tell

from undertone.analytics.user_agent import read_agent
from undertone.postgres import dsn_of, find_home

SITE = "shop.test"
CLIENTS = 32
A_VISIT = 12
"""Beacons of one visitor: four pages, and two heartbeats on each."""
AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{n}.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_{n} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5"
    " Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{n}.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{n}.1"
    " Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:{n}.0) Gecko/20100101 Firefox/{n}.0",
    "Mozilla/5.0 (compatible; Googlebot/2.{n}; +http://www.google.com/bot.html)",
)


async def load(address: str, seconds: float) -> tuple[int, int, float]:
    """Visitors until the time is over; beacons taken, visitors, seconds."""
    until, visitors, taken = time.perf_counter() + seconds, count(), 0

    async def visit(http: aiohttp.ClientSession, n: int) -> int:
        number = secrets.token_hex(16)
        headers = {"Origin": f"https://{SITE}", "User-Agent": AGENTS[n % 5].format(n=90 + n % 40),
                   "X-Forwarded-For": f"198.18.{n >> 8 & 255}.{n & 255}", "Content-Type": "text/plain"}  # fmt: skip
        for beacon in range(A_VISIT):
            page = beacon // 3
            body = {"v": number, "c": 1, "p": n * 8 + page, "u": f"/page/{page}", "t": f"Page {page}", "r": "", "d": 0,
                    "a": beacon % 3, "e": beacon % 3}  # fmt: skip
            async with http.post("/v1/collect", data=json.dumps(body), headers=headers) as answer:
                if answer.status != 204:
                    raise SystemExit(f"{answer.status}: {await answer.text()}")
        return A_VISIT

    async def client(http: aiohttp.ClientSession) -> None:
        nonlocal taken
        while time.perf_counter() < until:
            more = await visit(http, next(visitors))
            taken += more

    began = time.perf_counter()
    async with aiohttp.ClientSession(address, connector=aiohttp.TCPConnector(limit=CLIENTS)) as http:
        await asyncio.gather(*(client(http) for _ in range(CLIENTS)))
    return taken, next(visitors), time.perf_counter() - began


def through_the_server(seconds: float) -> dict[str, Any]:
    """Load a real server, then look whether everything is there."""
    with folder_of_our_own() as folder, serving(
        folder, visit_sites=json.dumps([SITE]), trusted_proxies='["127.0.0.0/8"]', beacons_per_minute=10**9
    ) as server:  # fmt: skip
        server.wait_for(r"(http://\S+/enter\?code=\S+)")
        os.sched_setaffinity(server.process.pid, {min(os.sched_getaffinity(0))})
        asyncio.run(load(server.address, 2))
        before, before_db = server.cpu_s()
        taken, visitors, took = asyncio.run(load(server.address, seconds))
        stored = _stored(server, visitors)
        after, after_db = server.cpu_s()
    cpu, cpu_db = after - before, after_db - before_db
    return {
        "beacons": taken,
        "beacons_per_second": round(taken / took),
        "beacons_per_core": round(taken / cpu),
        "cpu_us_per_beacon": {"server": round(cpu / taken * 1e6), "database": round(cpu_db / taken * 1e6)},
        "lost_pages": visitors * A_VISIT // 3 - stored,
    }


def _stored(server: Server, visitors: int) -> int:
    """Pages of the last so many visitors in the database, once nothing more is coming."""
    dsn, found = dsn_of(find_home(server.folder / "postgres", tell), "undertone"), -1
    while True:
        with psycopg.connect(dsn) as conn:
            rows = conn.execute(
                "select coalesce(sum(pages), 0)::int from"
                " (select pages from sessions order by started_at desc, id desc limit %s) latest",
                [visitors],
            ).fetchone()
        assert rows is not None
        if rows[0] == found:
            return found
        found = rows[0]
        time.sleep(1.5)


def microseconds(read: Callable[[str], object], number: int) -> float:
    """Per header, none of which was seen before."""
    mark = secrets.randbelow(10**6)
    headers = [AGENTS[n % len(AGENTS)].format(n=f"{100 + n}.{mark}") for n in range(number)]
    read("Mozilla/5.0 (warm)")
    began = time.process_time()
    for header in headers:
        read(header)
    return round((time.process_time() - began) / number * 1e6, 1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--quick", action="store_true")
    wanted = parser.parse_args()
    number = 300 if wanted.quick else 3000
    script = files("undertone.server").joinpath("static/tracker.js").read_bytes()
    found = {
        "user_agent_us": {
            "undertone": microseconds(read_agent, number),
            "of_that_bots": microseconds(is_crawler, number),
            "user_agents": microseconds(user_agents.parse, number),
        },
        "tracker_bytes": {"plain": len(script), "gzip": len(gzip.compress(script, 9))},
    }
    print(json.dumps(found), file=sys.stderr)
    print(json.dumps(through_the_server(4 if wanted.quick else wanted.seconds) | found))


if __name__ == "__main__":
    main()
