"""The profile: kept, replaced as the person talks, corrected by them, exported and forgotten."""

from datetime import UTC, datetime
from uuid import uuid4

from undertone.db import Connection
from undertone.signals import HOLDINGS, load_profile, save_profile
from undertone.signals.store import correct_profile
from undertone.types import Reading, Signal

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def reading(label: str, baseline: float) -> Reading:
    signals = {"user_type": Signal("user_type", label, 0.9), "engagement": Signal("engagement", "warming", 0.7)}
    return Reading(signals, {"sentiment": {"baseline": baseline}, "user_type": {"label": label}})


async def test_a_profile_grows_with_each_message(conn: Connection) -> None:
    person = uuid4()
    assert await load_profile(conn, person) is None
    await save_profile(conn, person, reading("undecided", 0.1), now=NOW)
    await save_profile(conn, person, reading("LONELY_SINGLE", -0.2), now=NOW)
    found = await load_profile(conn, person)
    assert found is not None
    assert (found.user_type, found.messages, found.engagement) == ("LONELY_SINGLE", 2, "warming")
    assert found.state["user_type"] == {"label": "LONELY_SINGLE"}


async def test_a_correction_outlives_the_next_reading(conn: Connection) -> None:
    person = uuid4()
    assert not await correct_profile(conn, person, "CURIOUS_TOURIST")
    await save_profile(conn, person, reading("LONELY_SINGLE", 0.0), now=NOW)
    assert await correct_profile(conn, person, "CURIOUS_TOURIST")
    await save_profile(conn, person, reading("LONELY_SINGLE", 0.0), now=NOW)
    found = await load_profile(conn, person)
    assert found is not None
    assert found.corrected == "CURIOUS_TOURIST"


async def test_export_shows_it_and_erase_takes_it(conn: Connection) -> None:
    person = uuid4()
    await save_profile(conn, person, reading("LONELY_SINGLE", 0.0), now=NOW)
    export, erase = HOLDINGS["profiles"]
    assert (await export(conn, person))[0]["user_type"] == "LONELY_SINGLE"
    assert await erase(conn, person) == 1
    assert await export(conn, person) == []
