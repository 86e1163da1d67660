"""A worker that starts the job "write_down", says so in the table `runs`, and never ends it: made to be killed.

Run as: python stuck_worker.py DSN
"""

import asyncio
import sys
from typing import Any, cast

from undertone.db import open_pool
from undertone.jobs import job, work
from undertone.resources import Resources


@job("write_down")
async def write_down(resources: Resources, *, note: str) -> None:
    async with resources.db.connection() as conn:
        await conn.execute("insert into runs (note, state) values (%s, 'started')", (note,))
    await asyncio.Event().wait()


async def main(dsn: str) -> None:
    nothing = cast(Any, None)
    await work(Resources(db=await open_pool(dsn), chat=nothing, embed=nothing, recall_embed=nothing), dsn)


asyncio.run(main(sys.argv[1]))
