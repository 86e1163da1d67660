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


_ANCHORED = re.compile(
    r"\b(?:(?P<unit>day|night|evening|morning|week)s?\s+)?(?P<side>before|after)\s+(?:my|our|the|his|her|their)\s+"
    r"(?P<event>[^\W\d_]+(?:\s+[^\W\d_]+)?)",
    re.IGNORECASE,
)
_WEEKDAY = re.compile(r"\b(?:on|this|next|until|till)\s+(?P<day>" + "|".join(DAYS) + r")\b", re.IGNORECASE)
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
    reach = 7 if match["unit"].lower() == "week" else 1
    before = match["side"].lower() == "before"
    return Anchor(match["event"], -reach if before else 1, -1 if before else reach, match.group())


def anchored(found: Anchor, told: str, said_on: datetime) -> Span:
    """The span, where `told`, said on `said_on`, tells when the event was or would be; that very day else."""
    midnight = said_on.replace(hour=0, minute=0, second=0, microsecond=0)
    day = timedelta(days=1)
    at = midnight
    if soon := _SOON.search(told):
        at += {"tomorrow": 1, "yesterday": -1}.get(soon["word"].lower(), 0) * day
    elif weekday := _WEEKDAY.search(told):
        at += ((DAYS.index(weekday["day"].lower()) - midnight.weekday()) % 7 or 7) * day
    elif dated := next(_dates(told, said_on + 180 * day), None):  # half a year ahead is still to come
        at = dated[1]
    return Span(at + found.first * day, at + (found.last + 1) * day, found.words)


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
        number = NUMBERS.get(match["n"].lower()) or (int(match["n"]) if match["n"].isdigit() else 0)
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


def _month(name: str) -> int:
    return next(i for i, month in enumerate(MONTHS, 1) if month.startswith(name.lower()[:3]))


def _months_later(first: datetime, months: int) -> datetime:
    years, month = divmod(first.month - 1 + months, 12)
    return first.replace(year=first.year + years, month=month + 1)
