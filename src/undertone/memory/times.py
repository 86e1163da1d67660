"""Time expressions in words to spans of time: "last spring", "in May", "on 7 May 2023", "two weeks ago".

    spans("What did we do last spring?", now)     # [Span(1 March, 1 June, "last spring")]

Reads English and the Gregorian calendar, northern seasons, weeks from Monday; works in the time zone of `now`. "The day
before my exam" is an `Anchor`: recall finds where the exam was spoken of, and `anchored` makes a span of it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

MONTHS = (
    "january february march april may june july august september october november december".split()  # noqa: SIM905
)
DAYS: tuple[str, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
NUMBERS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "ten": 10}
_MONTH = "|".join(f"{month}|{month[:3]}" for month in MONTHS)
_DATE = re.compile(
    rf"\b(?:(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<month>{_MONTH})"
    rf"|(?P<month2>{_MONTH})\s+(?P<day2>\d{{1,2}})(?:st|nd|rd|th)?(?!\d))(?:,?\s+(?P<year>(?:19|20)\d\d))?\b",
    re.IGNORECASE,
)
_IN_MONTH = re.compile(
    rf"\b(?P<last>(?:last|this|in|since|during|of|early|late)\s+(?:early\s+|late\s+)?)?(?P<month>{_MONTH})"
    r"(?:,?\s+(?P<year>(?:19|20)\d\d))?\b",
    re.IGNORECASE,
)
_YEAR = re.compile(r"\b(?:in|during|since|of)\s+(?P<year>(?:19|20)\d\d)\b", re.IGNORECASE)
_AGO = re.compile(r"\b(?P<n>\d{1,3}|[a-z]+)\s+(?P<unit>day|week|month|year)s?\s+ago\b", re.IGNORECASE)
_LAST = re.compile(
    r"\b(?P<which>last|this|past)\s+(?P<unit>night|weekend|week|month|year|" + "|".join([*SEASONS, *DAYS]) + r")\b",
    re.IGNORECASE,
)
_IN_SEASON = re.compile(r"\bin\s+(?:the\s+)?(?P<season>" + "|".join(SEASONS) + r")\b", re.IGNORECASE)
_DAY_WORD = re.compile(r"\b(?P<word>today|yesterday|tonight|this morning|the day before yesterday)\b", re.IGNORECASE)


_NOT_EVENT = (
    r"(?:and|or|but|so|did|do|does|was|were|is|are|had|have|has|i|we|you|he|she|they|it|that|when|where|what|who|in|on|at"
    r"|last|this|started|began|came|went)\b"
)
"""Words that end the name of an event: "before my exam did I ..." is about an exam."""
_ANCHORED = re.compile(
    r"\b(?:(?P<n>\d{1,2}|two|three|four|five|six|seven|ten)\s+)?(?:(?P<unit>day|night|evening|morning|week)s?\s+)?"
    r"(?P<side>before|after)\s+(?:my|our|the|his|her|their)\s+"
    r"(?P<event>[^\W\d_]+(?:\s+(?!" + _NOT_EVENT + r")[^\W\d_]+)?)",
    re.IGNORECASE,
)
_WEEKDAY = re.compile(r"\b(?:on|this|next|until|till)\s+(?P<day>" + "|".join(DAYS) + r")\b", re.IGNORECASE)
_NEXT = re.compile(r"\b(?:next|coming)\s+(?P<unit>week|month)\b", re.IGNORECASE)
_AHEAD = re.compile(r"\bin\s+(?P<n>\d{1,2}|[a-z]+)\s+(?P<unit>day|week|month)s?\b", re.IGNORECASE)
_SOON = re.compile(r"\b(?P<word>tomorrow|today|tonight|yesterday)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Anchor:
    """A time named by an event of the person's own: so many days from it."""

    event: str
    first: int
    """Days from the event's day to the span's first and last day; negative is before."""
    last: int
    words: str


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` up to, not including, `end`; `words` as they were said."""

    start: datetime
    end: datetime
    words: str


def spans(text: str, now: datetime) -> list[Span]:
    """The spans of time that a text names, none in the future; without a year the latest such time that has begun."""
    taken: list[tuple[int, int]] = []
    found: list[Span] = []
    for match, start, end in (*_dates(text, now), *_relative(text, now)):
        if start > now or any(a < match.end() and match.start() < b for a, b in taken):
            continue
        taken.append(match.span())
        found.append(Span(start, end, match.group().strip()))
    return found


def anchor(text: str) -> Anchor | None:
    """The event whose time a text leans on: "the day before my exam"; None for none, or for one without a unit."""
    match = _ANCHORED.search(text)
    if match is None or not match["unit"]:
        return None
    week = match["unit"].lower() == "week"
    number = _number(match["n"] or "one")
    first, last = (1 if week else number, 7 * number if week else number)
    before = match["side"].lower() == "before"
    return Anchor(match["event"], -last if before else first, -first if before else last, match.group())


def anchored(found: Anchor, told: str, said_on: datetime) -> Span:
    """The span, where `told`, said on `said_on`, tells when the event was or would be; that very day else.

    An event told of as some time in May, or next week, gives a span of all days it may lean on.
    """
    first, end = _told_time(told, said_on)
    day = timedelta(days=1)
    return Span(first + found.first * day, end + found.last * day, found.words)


def _told_time(told: str, said_on: datetime) -> tuple[datetime, datetime]:
    """When an event is, by the message that tells of it: from a day up to, not including, another."""
    midnight = said_on.replace(hour=0, minute=0, second=0, microsecond=0)
    day = timedelta(days=1)
    if soon := _SOON.search(told):
        at = midnight + {"tomorrow": 1, "yesterday": -1}.get(soon["word"].lower(), 0) * day
        return at, at + day
    if weekday := _WEEKDAY.search(told):
        at = midnight + ((DAYS.index(weekday["day"].lower()) - midnight.weekday()) % 7 or 7) * day
        return at, at + day
    if coming := _NEXT.search(told):
        if coming["unit"].lower() == "week":
            monday = midnight + (7 - midnight.weekday()) * day
            return monday, monday + 7 * day
        return _months_later(midnight.replace(day=1), 1), _months_later(midnight.replace(day=1), 2)
    if (ahead := _AHEAD.search(told)) and (number := _number(ahead["n"])):
        unit = {"day": 1, "week": 7, "month": 30}[ahead["unit"].lower()]
        slack = unit // 2 * day
        return midnight + number * unit * day - slack, midnight + number * unit * day + slack + day
    if dated := next(_dates(told, said_on + 180 * day), None):  # half a year ahead is still to come
        return dated[1], dated[2]
    if past := next((span for span in _relative(told, said_on) if span[1] <= said_on), None):
        return past[1], past[2]
    return midnight, midnight + day


def _dates(text: str, now: datetime) -> Iterator[tuple[re.Match[str], datetime, datetime]]:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for match in _DATE.finditer(text):
        month, day = _month(match["month"] or match["month2"]), int(match["day"] or match["day2"])
        if not 1 <= day <= 28 + (month != 2) * 2 + (month in {1, 3, 5, 7, 8, 10, 12}):
            continue
        start = midnight.replace(year=int(match["year"] or now.year), month=month, day=day)
        if not match["year"] and start > now:
            start = start.replace(year=start.year - 1)
        yield match, start, start + timedelta(days=1)
    for match in _IN_MONTH.finditer(text):
        if not match["last"] and not match["year"]:
            continue  # "may" and "march" are words too
        start = midnight.replace(year=int(match["year"] or now.year), month=_month(match["month"]), day=1)
        if not match["year"] and start > now:
            start = start.replace(year=start.year - 1)
        yield match, start, _months_later(start, 1)
    for match in _YEAR.finditer(text):
        start = midnight.replace(year=int(match["year"]), month=1, day=1)
        yield match, start, start.replace(year=start.year + 1)


def _relative(text: str, now: datetime) -> Iterator[tuple[re.Match[str], datetime, datetime]]:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    day = timedelta(days=1)
    for match in _AGO.finditer(text):
        number = _number(match["n"])
        unit = {"day": 1, "week": 7, "month": 30, "year": 365}[match["unit"].lower()]
        if number and number * unit < 36_500:
            middle = midnight - number * unit * day
            slack = max(0, unit // 2) * day
            yield match, middle - slack, middle + slack + day
    for match in _LAST.finditer(text):
        yield match, *_last(match["which"].lower(), match["unit"].lower(), midnight)
    for match in _IN_SEASON.finditer(text):
        yield match, *_season(match["season"].lower(), midnight)
    for match in _DAY_WORD.finditer(text):
        back = {"yesterday": 1, "the day before yesterday": 2}.get(match["word"].lower(), 0)
        yield match, midnight - back * day, midnight - (back - 1) * day


def _last(which: str, unit: str, midnight: datetime) -> tuple[datetime, datetime]:
    day, back = timedelta(days=1), which != "this"
    monday = midnight - midnight.weekday() * day
    if unit in SEASONS:
        start, end = _season(unit, midnight)
        return (_months_later(start, -12), _months_later(end, -12)) if back and end > midnight else (start, end)
    if unit in DAYS:
        ago = (midnight.weekday() - DAYS.index(unit)) % 7 or 7 * back
        return midnight - ago * day, midnight - (ago - 1) * day
    if unit == "night":
        return midnight - back * day, midnight + (1 - back) * day
    if unit == "week":
        return monday - 7 * back * day, monday + 7 * (1 - back) * day
    if unit == "weekend":
        return monday + (5 - 7 * back) * day, monday + 7 * (1 - back) * day
    start = midnight.replace(day=1) if unit == "month" else midnight.replace(month=1, day=1)
    months = 1 if unit == "month" else 12
    return _months_later(start, -months * back), _months_later(start, months * (1 - back))


def _season(season: str, midnight: datetime) -> tuple[datetime, datetime]:
    """The latest one that has begun."""
    start = midnight.replace(month=SEASONS[season], day=1)
    if start > midnight:
        start = start.replace(year=start.year - 1)
    return start, _months_later(start, 3)


def _number(word: str) -> int:
    """A number in digits or words; 0 for another word."""
    return NUMBERS.get(word.lower()) or (int(word) if word.isdigit() else 0)


def _month(name: str) -> int:
    return next(i for i, month in enumerate(MONTHS, 1) if month.startswith(name.lower()[:3]))


def _months_later(first: datetime, months: int) -> datetime:
    years, month = divmod(first.month - 1 + months, 12)
    return first.replace(year=first.year + years, month=month + 1)
