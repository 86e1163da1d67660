"""From `undertone serve` to the first reply, as somebody who opens the printed link has it: cold, then warm; memory.

    .venv/bin/python benchmarks/start.py [--quick]          # progress on stderr, one JSON object as the last line

Cold makes the database and converts the embedder's weights; warm finds both. `ready_s` is when the link is printed,
`first_reply_s` when the first reply has ended after opening the link and agreeing. Installing packages is not in it.
`--quick` starts warm once instead of three times.
"""

import argparse
import asyncio
import json
import os
import time
from typing import Any

import aiohttp
import numpy as np
import psutil
from turn import Server, folder_of_our_own, serving, tell


async def first_reply(server: Server, code: str) -> float:
    """Seconds from the start of the process until the first reply is whole."""
    jar = aiohttp.CookieJar(unsafe=True)  # keeps the cookie of an address without a name
    headers = {"Origin": server.address}
    async with aiohttp.ClientSession(server.address, cookie_jar=jar, headers=headers) as session:
        async with session.get("/enter", params={"code": code}, allow_redirects=False) as entered:
            assert entered.status == 303, await entered.text()
        for purpose in ("chat", "memory", "typing"):
            agreed = {"purpose": purpose, "version": "bench", "granted": True}
            async with session.post("/v1/users/me/consents", json=agreed) as answer:
                assert answer.status == 201, await answer.text()
        async with session.post("/v1/chat", json={"message": "My sister is called Ana."}) as reply:
            assert reply.status == 200, await reply.text()
            assert "event: turn.done" in await reply.text()
    return time.perf_counter() - server.started


def memory_mb(process: psutil.Process) -> float:
    """Proportional set size, which counts PostgreSQL's shared memory once; resident size where it is not known."""
    info = process.memory_full_info()
    return float(getattr(info, "pss", info.rss)) / 1e6


def one_start(server: Server) -> dict[str, float]:
    code = server.wait_for(r"/enter\?code=(\S+)")
    ready = time.perf_counter() - server.started
    replied = asyncio.run(first_reply(server, code))
    api, database = server.processes()
    return {
        "ready_s": round(ready, 2),
        "first_reply_s": round(replied, 2),
        "rss_mb": round(api.memory_info().rss / 1e6),
        "server_mb": round(memory_mb(api)),
        "postgresql_mb": round(sum(map(memory_mb, database))),
        "postgresql_processes": len(database),
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true")
    starts = 1 if arguments.parse_args().quick else 3
    with folder_of_our_own(weights=False) as folder:
        tell("cold")
        with serving(folder) as server:
            cold = one_start(server)
        tell(f"warm, {starts} times")
        warm: list[dict[str, float]] = []
        for _ in range(starts):
            with serving(folder) as server:
                warm.append(one_start(server))
    result: dict[str, Any] = {
        "cold": cold,
        "warm": {name: round(float(np.median([one[name] for one in warm])), 2) for name in cold},
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
