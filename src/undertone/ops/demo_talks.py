"""What a few people of the demo month said, through the real engine: turns, readings, memories, and the days between.

    turns = await tell(engine, mark="demo-", now=now, say=print)

Each line is a turn of its own; then all that happened to that person is moved back in time, so that silence, breaks and
profiles are as they would be. What is said stands in `demo_talks.toml`. Knows no report.
"""

import tomllib
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any

from undertone.db import transaction
from undertone.engine import Engine, Said, turn
from undertone.engine.nouns import Begun
from undertone.errors import NotReady
from undertone.ops import demo_store
from undertone.people import Principal, consent, identity

BETWEEN = timedelta(seconds=80)
"""From one line to the next."""
PLATFORM = Principal(kind="key", scopes=frozenset({"chat"}), attests=frozenset({"adult"}), key_id="demo")
PURPOSES = ("chat", "memory", "typing")


def script() -> dict[str, dict[str, Any]]:
    """Who says what, and when."""
    return tomllib.loads((files("undertone.ops") / "demo_talks.toml").read_text("utf-8"))


async def tell(engine: Engine, *, mark: str, now: datetime, say: Callable[[int, int], None]) -> int:
    """Live it all; how many turns there were."""
    wanted = script()
    turns = 0
    for n, (name, person) in enumerate(wanted.items(), 1):
        turns += await _live(engine, f"{mark}{name}", person, now)
        say(n, len(wanted))
    return turns


async def _live(engine: Engine, name: str, person: dict[str, Any], now: datetime) -> int:
    async with transaction(engine.resources.db) as conn:
        user_id = (await identity.find_or_create_user(conn, name)).user_id
        for purpose in PURPOSES:
            await consent.answer(conn, user_id, purpose, "demo", True, "demo")
    talks = person["talks"]
    turns = 0
    for talk, following in zip(talks, [*talks[1:], None], strict=True):
        for text in talk["says"]:
            await _turn(engine, Said(user=name, persona=person["persona"], text=text, response_time_s=20))
            await _pass(engine, user_id, BETWEEN)
            turns += 1
        began = _time_of(talk, now)
        until = _time_of(following, now) if following else now
        await _pass(engine, user_id, until - began - len(talk["says"]) * BETWEEN)
    return turns


async def _turn(engine: Engine, said: Said) -> None:
    begun = await turn.begin(engine, PLATFORM, said)
    assert isinstance(begun, Begun)
    async for frame in turn.reply(engine, begun).follow():
        if frame.event == "turn.error":
            raise NotReady(f"A demo turn failed: {frame.data.get('detail', '')}")


async def _pass(engine: Engine, user_id: Any, time: timedelta) -> None:
    async with transaction(engine.resources.db) as conn:
        await demo_store.pass_time(conn, user_id, time)


def _time_of(talk: dict[str, Any], now: datetime) -> datetime:
    return (now - timedelta(days=talk["ago"])).replace(hour=talk["hour"], minute=12, second=0, microsecond=0)
