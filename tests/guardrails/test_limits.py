"""What may be sent, how often, and that a pause holds whatever the order of requests."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertone import guardrails
from undertone.errors import BadInput, LimitReached, TooLarge
from undertone.guardrails import limits, store
from undertone.resources import Connection

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\x00\x07", "\u200b\u2060", "\U000e0041\U000e0042"])
def test_a_message_without_anything_to_read_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="empty"):
        limits.check_text(text)


def test_invalid_unicode_and_long_messages_say_what_is_wrong() -> None:
    with pytest.raises(BadInput, match="UTF-8"):
        limits.check_text("hi \ud83d there")
    with pytest.raises(TooLarge, match="8,000"):
        limits.check_text("a" * 8_001)
    assert limits.check_text("a" * 8_000) == "a" * 8_000


def test_invisible_letters_go_and_emoji_stay() -> None:
    family, flag = "👨‍👩‍👧", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
    assert limits.check_text(f" hi\x00 {family}\r\n{flag} ") == f"hi {family}\n{flag}"
    assert limits.check_text("he\u202ello\U000e0049\U000e0047") == "hello"
    assert limits.check_text("e\u0301") == "é"


@given(st.text(max_size=300))
def test_what_is_accepted_is_stable(text: str) -> None:
    try:
        once = limits.check_text(text)
    except BadInput:
        return
    assert limits.check_text(once) == once


async def refused(conn: Connection, person: UUID, now: datetime, **rate: int) -> LimitReached:
    with pytest.raises(LimitReached) as caught:
        await limits.admit(conn, person, now, **rate)
    return caught.value


async def test_the_rate_is_per_person_and_says_when_to_come_back(conn: Connection) -> None:
    person = uuid4()
    for i in range(20):
        await limits.admit(conn, person, T0 + timedelta(seconds=i))
    error = await refused(conn, person, T0 + timedelta(seconds=20))
    assert error.extra["retry_after"] == 40
    await limits.admit(conn, uuid4(), T0 + timedelta(seconds=20))
    await limits.admit(conn, person, T0 + timedelta(seconds=60))


async def test_a_day_has_its_own_limit(conn: Connection) -> None:
    person = uuid4()
    for i in range(3):
        await limits.admit(conn, person, T0 + timedelta(minutes=2 * i), per_day=3)
    error = await refused(conn, person, T0 + timedelta(hours=1), per_day=3)
    assert error.extra["retry_after"] == 23 * 3600
    await limits.admit(conn, person, T0 + timedelta(days=1), per_day=3)


async def test_setting_the_clock_back_opens_nothing(conn: Connection) -> None:
    person = uuid4()
    for i in range(3):
        await limits.admit(conn, person, T0 + timedelta(seconds=i), per_minute=3)
    await refused(conn, person, T0 - timedelta(hours=5), per_minute=3)


async def test_a_break_can_be_made_longer_and_not_shorter(conn: Connection) -> None:
    person = uuid4()
    await limits.set_cooldown(conn, person, T0 + timedelta(hours=3))
    assert await limits.set_cooldown(conn, person, T0 + timedelta(hours=1)) == T0 + timedelta(hours=3)
    error = await refused(conn, person, T0 + timedelta(hours=2))
    assert error.extra["retry_after"] == 3600
    assert limits.HELP in error.detail
    await limits.admit(conn, person, T0 + timedelta(hours=3))


async def test_self_exclusion_holds_until_its_day(conn: Connection) -> None:
    person = uuid4()
    await limits.self_exclude(conn, person, T0 + timedelta(days=30))
    await limits.self_exclude(conn, person, T0)
    error = await refused(conn, person, T0 + timedelta(days=29))
    assert "asked us" in error.detail


async def test_export_shows_and_erase_removes_every_row(conn: Connection) -> None:
    person = uuid4()
    await limits.admit(conn, person, T0)
    await guardrails.save_care(conn, person, guardrails.care.CareState(disclosed_at=T0))
    for export, erase in (store.HOLDINGS[table] for table in ("care_states", "admissions")):
        assert len(await export(conn, person)) == 1
        assert await erase(conn, person) == 1
        assert await export(conn, person) == []
