"""Reminders: found only where one is plainly asked for, at a sensible hour of the person's own clock."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertone.engine import greetings
from undertone.engine.personas import Persona
from undertone.engine.reminders import Place, find, mentions_one, spoken
from undertone.errors import Unprocessable

WEDNESDAY = datetime(2026, 6, 3, 12, tzinfo=UTC)
BERLIN = Place("Europe/Berlin")
NEW_YORK = Place("America/New_York")


@pytest.mark.parametrize(
    ("text", "kind", "due"),
    [
        ("Wish me luck on Friday, I have my driving test!", "luck", "2026-06-05 09:00"),
        ("wish me luck for friday at 14:30", "luck", "2026-06-05 13:30"),
        ("Wish me luck, my interview is on Friday at 9am", "luck", "2026-06-05 08:00"),
        ("Can you ask me on Monday how it went?", "ask", "2026-06-08 18:00"),
        ("check in with me tomorrow evening", "ask", "2026-06-04 19:00"),
        ("Please remind me to call my mum tomorrow", "remind", "2026-06-04 09:00"),
        ("remind me in two weeks to renew my passport", "remind", "2026-06-17 09:00"),
        ("Remind me to water the plants next Friday at 6pm", "remind", "2026-06-12 18:00"),
        ("remind me on 24 December to phone home", "remind", "2026-12-24 09:00"),
        ("remind me tonight to take the bread out", "remind", "2026-06-03 20:00"),
        ("remind me at 23:30 tomorrow about the film", "remind", "2026-06-05 08:00"),
    ],
)
def test_what_is_plainly_asked_for_comes_back_then(text: str, kind: str, due: str) -> None:
    wish = find(text, WEDNESDAY, BERLIN)
    assert wish is not None
    assert wish.kind == kind
    assert f"{wish.due_at.astimezone(BERLIN.zone):%Y-%m-%d %H:%M}" == due
    assert wish.words == text
    assert mentions_one(text)


@pytest.mark.parametrize(
    "text",
    [
        "I have my driving test on Friday",
        "Remind me what my sister is called",
        "That reminds me of Friday",
        "Don't remind me on Friday",
        "She said wish me luck on Friday",
        "*wish me luck on Friday*",
        "Wish me luck!",
        "Wish me luck on Friday or Saturday",
        "Wish me luck on Wednesday",
        "Remind me tomorrow at 5 to call",
        "remind me tomorrow at 31:00",
        "remind me on 31 February to laugh",
        "wish me luck on Friday and remind me on Monday",
        "wish me luck for Friday at 6:30",
        "",
    ],
)
def test_a_maybe_is_left_alone(text: str) -> None:
    """The last one: luck for half past six would wake them, and after it is no luck."""
    assert find(text, WEDNESDAY, BERLIN) is None


def test_the_day_is_the_persons_own() -> None:
    late = datetime(2026, 6, 4, 2, tzinfo=UTC)  # Wednesday evening in New York, Thursday in Berlin
    for place, day in ((NEW_YORK, 4), (BERLIN, 5)):
        wish = find("wish me luck tomorrow", late, place)
        assert wish is not None
        assert wish.due_at.astimezone(place.zone).day == day
        assert wish.due_at.astimezone(place.zone).hour == 9


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Chatham", "UTC"]),
    st.integers(0, 23),
    st.integers(0, 23),
    st.sampled_from(["wish me luck tomorrow", "remind me tonight to rest", "ask me on Sunday how it went"]),
)
def test_it_never_comes_in_quiet_hours_or_the_past(now: datetime, zone: str, start: int, end: int, text: str) -> None:
    place = Place(zone, start, end)
    wish = find(text, now, place)
    if wish is not None:
        assert wish.due_at > now
        assert not place.quiet(wish.due_at)
        assert place.loud(wish.due_at) == wish.due_at


@given(st.text(max_size=200))
def test_any_text_is_read_without_trouble(text: str) -> None:
    find(f"wish me luck on friday {text}", WEDNESDAY, BERLIN)
    find(text, WEDNESDAY, BERLIN)


def test_an_unknown_zone_is_refused_in_words() -> None:
    for name in ("Mars/Base", "../etc/passwd", ""):
        with pytest.raises(Unprocessable, match="time zone"):
            assert Place(name).zone


def test_what_is_said_quotes_them_and_wants_nothing() -> None:
    for kind in ("luck", "ask", "remind"):
        said = spoken(kind, "Wish me luck on Friday", WEDNESDAY, WEDNESDAY + timedelta(days=2), BERLIN)
        assert "“Wish me luck on Friday”" in said
        assert "on Wednesday, 3 June" in said
        assert not any(word in said.lower() for word in ("miss", "waiting", "come back to me", "buy"))


@pytest.mark.parametrize(
    ("gap", "away", "words"),
    [
        (None, "", ""),
        (timedelta(hours=3), "", ""),
        (timedelta(days=2), "days", "2 days"),
        (timedelta(hours=40), "days", "1 day"),
        (timedelta(days=15), "weeks", "2 weeks"),
        (timedelta(days=100), "months", "3 months"),
    ],
)
def test_a_greeting_goes_by_time_away(gap: timedelta | None, away: str, words: str) -> None:
    mira = Persona("mira", 1, "Mira", "", "Kind.", greeting="Come in.")
    assert greetings.away(gap) == away
    assert greetings.in_words(gap) == words
    said = greetings.hello(mira, gap)
    assert (said == "Come in.") == (gap is None)
    assert "miss" not in said.lower()
    assert "wait" not in said.lower()
