"""Reminders people ask for: "wish me luck on Friday" comes back on Friday, at a sensible hour of their own clock.

    wish = reminders.find("Wish me luck on Friday, I have my driving test!", now, place)

Careful: only a plain request with one plain day counts; a maybe is left alone. Reads English. Pure: whether one may be
set is consent's business, and `reminders_store` keeps it.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from undertone.errors import Unprocessable

Kind = Literal["luck", "ask", "remind"]

FURTHEST = timedelta(days=366)
MOST_OPEN = 20
"""Reminders a person may have waiting."""
LATE = timedelta(hours=12)
"""A reminder that could not come for so long is dropped: luck on Saturday for Friday is no luck."""
LONGEST = 200
USUAL = {"luck": time(9), "ask": time(18), "remind": time(9)}
"""When it comes on a day named without an hour."""
AHEAD = timedelta(hours=1)
"""Luck comes this long before an hour that was named."""
PARTS = {"morning": time(9), "noon": time(12), "afternoon": time(14), "evening": time(19), "night": time(20)}

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = {
    name: number
    for number, name in enumerate(
        (
            *("january", "february", "march", "april", "may", "june", "july", "august", "september"),
            *("october", "november", "december"),
        ),
        1,
    )
}
_REQUESTS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("luck", re.compile(r"\b(?:wish me luck|cross your fingers for me|keep your fingers crossed for me)\b", re.I)),
    (
        "ask",
        re.compile(
            r"\b(?:ask me (?:\w+ ){0,3}(?:how it (?:went|goes|was)|about it)"
            r"|check (?:in|up) (?:on|with) me|check on me)\b",
            re.I,
        ),
    ),
    ("remind", re.compile(r"\bremind me (?:to|about|on|at|tomorrow|tonight|next|this|in \w+ (?:day|week)s?)\b", re.I)),
)
_NO = re.compile(
    r"\b(?:don'?t|do not|never|no need to|stop|didn'?t|forgot to) (?:\w+ )?(?:remind|wish|ask|check)\b"
    r"|[*_~>“”\"]|\b(?:said|says|told|asked (?:her|him|them)|imagine|pretend|what if|if i)\b",
    re.I,
)
_WHEN = re.compile(
    r"\b(?P<today>today|tonight|this (?:morning|afternoon|evening))\b"
    r"|\b(?P<tomorrow>tomorrow)\b"
    r"|\bin (?P<n>\d{1,2}|a|one|two|three|four|five|six) (?P<unit>day|week)s?\b"
    rf"|\b(?P<which>next|this|on|coming)? ?(?P<day>{'|'.join(_DAYS)})\b"
    rf"|\b(?:(?P<d1>\d{{1,2}})(?:st|nd|rd|th)? (?:of )?(?P<m1>{'|'.join(_MONTHS)})"
    rf"|(?P<m2>{'|'.join(_MONTHS)}) (?P<d2>\d{{1,2}})(?:st|nd|rd|th)?)\b",
    re.I,
)
_CLOCK = re.compile(
    r"\b(?:at|around|by) (?P<h>\d{1,2})(?:[:.](?P<m>\d\d))? ?(?P<half>am|pm|a\.m\.|p\.m\.|o'clock)?(?![\d:%])", re.I
)
_PART = re.compile(r"\b(morning|noon|afternoon|evening|night|tonight)\b", re.I)
_NUMBERS = {"a": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}


@dataclass(frozen=True, slots=True)
class Place:
    """Somebody's clock and the hours in which they are not written to. Raises Unprocessable for an unknown zone."""

    time_zone: str = "UTC"
    quiet_from: int = 22
    quiet_to: int = 8
    """Quiet from the one hour to the other; the same hour twice means no quiet at all."""

    @property
    def zone(self) -> ZoneInfo:
        try:
            return ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise Unprocessable(
                f"Unknown time zone {self.time_zone!r}. Use a name such as Europe/Berlin or America/New_York."
            ) from error

    def quiet(self, at: datetime) -> bool:
        """Whether this moment lies in their quiet hours."""
        hour = at.astimezone(self.zone).hour
        if self.quiet_from <= self.quiet_to:
            return self.quiet_from <= hour < self.quiet_to
        return hour >= self.quiet_from or hour < self.quiet_to

    def loud(self, at: datetime) -> datetime:
        """This moment, or the end of the quiet hours it lies in."""
        if not self.quiet(at):
            return at
        local = at.astimezone(self.zone)
        end = datetime.combine(local.date(), time(self.quiet_to), self.zone)
        return (end if end > local else end + timedelta(days=1)).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Wish:
    """Something to come back to: what kind, in whose words, and when (UTC, outside quiet hours)."""

    kind: Kind
    words: str
    due_at: datetime


def find(text: str, now: datetime, place: Place) -> Wish | None:
    """The one plain request in a message, or None. `now` is aware."""
    plain = " ".join(text.replace("’", "'").split())
    asked: list[Kind] = [kind for kind, pattern in _REQUESTS if pattern.search(plain)]
    if len(asked) != 1 or _NO.search(plain):
        return None
    kind: Kind = asked[0]
    when = {match.group().strip().lower(): match for match in _WHEN.finditer(plain)}
    clocks = list(_CLOCK.finditer(plain))
    if len(when) != 1 or len(clocks) > 1:
        return None
    local = now.astimezone(place.zone)
    day = _day(next(iter(when.values())), local.date())
    if day is None:
        return None
    at = _hour(clocks[0]) if clocks else None
    if clocks and at is None:
        return None
    due = _due(kind, day, at, _PART.search(plain), local, place)
    return Wish(kind, _sentence(plain), due) if due is not None else None


def mentions_one(text: str) -> bool:
    """Whether a message may hold a request at all: cheap, for skipping what the rest needs."""
    return any(pattern.search(text.replace("’", "'")) for _, pattern in _REQUESTS)


def spoken(kind: Kind, words: str, asked_on: datetime, due_at: datetime, place: Place) -> str:
    """The message itself: what they asked for, in their own words, and nothing that wants an answer."""
    quote = f"“{words}”"
    asked, due = asked_on.astimezone(place.zone), due_at.astimezone(place.zone)
    day = "earlier today" if asked.date() == due.date() else f"on {asked:%A}, {asked.day} {asked:%B}"
    said = {
        "luck": f"Good luck! You asked me {day}: {quote} No need to answer.",
        "ask": f"You asked me {day} to come back to this: {quote} How did it go? Only if you feel like telling.",
        "remind": f"A reminder you asked for {day}: {quote}",
    }
    return said[kind]


def _day(match: re.Match[str], today: date) -> date | None:
    if match["today"]:
        return today
    if match["tomorrow"]:
        return today + timedelta(days=1)
    if match["n"]:
        number = int(match["n"]) if match["n"].isdigit() else _NUMBERS[match["n"].lower()]
        return today + timedelta(days=number * (7 if match["unit"].lower() == "week" else 1))
    if match["day"]:
        ahead = (_DAYS.index(match["day"].lower()) - today.weekday()) % 7
        if ahead == 0:
            return None  # today, or in a week: not for us to guess
        if (match["which"] or "").lower() == "next" and today.weekday() + ahead < 7:
            ahead += 7
        return today + timedelta(days=ahead)
    month = _MONTHS[(match["m1"] or match["m2"]).lower()]
    for year in (today.year, today.year + 1):
        try:
            day = date(year, month, int(match["d1"] or match["d2"]))
        except ValueError:
            return None
        if day > today:
            return day
    return None


def _hour(match: re.Match[str]) -> time | None:
    hour, minute, half = int(match["h"]), int(match["m"] or 0), (match["half"] or "").lower().replace(".", "")
    if half in ("am", "pm"):
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "pm" else 0)
    elif not match["m"] and hour < 8:
        return None  # "at 5": morning or afternoon is not for us to guess
    return time(hour, minute) if hour < 24 and minute < 60 else None


def _due(
    kind: Kind, day: date, at: time | None, part: re.Match[str] | None, local: datetime, place: Place
) -> datetime | None:
    """The moment it comes, in UTC; None when that is over, too far, or only possible after the thing itself."""
    if at is not None:
        event = datetime.combine(day, at, place.zone)
        due = event - AHEAD if kind == "luck" else event
        latest = event if kind == "luck" else event + timedelta(hours=24)
    else:
        named = PARTS.get(part.group(1).lower().replace("tonight", "night")) if part else None
        due = datetime.combine(day, named or USUAL[kind], place.zone)
        latest = datetime.combine(day, time(23, 59), place.zone)
    if day == local.date() and due <= local:
        due = local + timedelta(hours=1)
    moved = place.loud(due.astimezone(UTC))
    if moved > latest.astimezone(UTC) and kind == "luck":
        return None
    now = local.astimezone(UTC)
    return moved if now < moved <= now + FURTHEST else None


def _sentence(plain: str) -> str:
    return plain if len(plain) <= LONGEST else plain[: LONGEST - 1].rstrip() + "…"
