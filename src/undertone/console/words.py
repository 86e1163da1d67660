"""Numbers, durations and times as an operator reads them. Pure."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

MINUTE, HOUR, DAY = 60, 3600, 86_400


def duration(seconds: float) -> str:
    """12 s, 4 m 05 s, 1 h 12 m, 2 d 3 h."""
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} m {whole % MINUTE:02} s"
    if whole < DAY:
        return f"{whole // HOUR} h {whole % HOUR // MINUTE:02} m"
    return f"{whole // DAY} d {whole % DAY // HOUR} h"


def number(value: float) -> str:
    """1 234 with a thin space, 12.4 below a hundred where it has a fraction."""
    if value == int(value) or abs(value) >= 100:
        return f"{round(value):,}".replace(",", "\u2009")
    return f"{value:.1f}"


def ago(at: datetime, now: datetime) -> str:
    """now, 3 min ago, 2 h ago, 5 days ago."""
    seconds = (now - at).total_seconds()
    if seconds < MINUTE:
        return "now"
    if seconds < HOUR:
        return f"{int(seconds // MINUTE)} min ago"
    if seconds < 2 * DAY:
        return f"{int(seconds // HOUR)} h ago"
    return f"{int(seconds // DAY)} days ago"


def clock(at: datetime, zone: str, now: datetime | None = None) -> str:
    """14:03 for today, 27 Nov 14:03 for other days, with the year where it is another one."""
    here = at.astimezone(ZoneInfo(zone))
    today = (now or at).astimezone(ZoneInfo(zone))
    if now is not None and here.date() == today.date():
        return f"{here:%H:%M}"
    return f"{here.day} {here:%b %H:%M}" if here.year == today.year else f"{here.day} {here:%b %Y %H:%M}"


def wall(at: datetime) -> str:
    """27 Nov 14:00, of a time that is one on the wall already."""
    return f"{at.day} {at:%b %H:%M}"


def change(now: float, before: float) -> str:
    """+12 % or −3 % against before; nothing where there was nothing to compare with."""
    if not before or round(100 * (now / before - 1)) == 0:
        return ""
    percent = round(100 * (now / before - 1))
    return f"+{percent} %" if percent > 0 else f"−{-percent} %"


def spoken(step: timedelta) -> str:
    """How long a step of a picture is: 2 minutes, 30 minutes, 3 hours, day."""
    minutes = round(step.total_seconds() / MINUTE)
    if minutes < 60:
        return f"{minutes} minutes"
    hours = minutes // 60
    if hours == 24:
        return "day"
    return "hour" if hours == 1 else f"{hours} hours"


FILTERS: dict[str, Callable[..., Any]] = {"duration": duration, "number": number, "ago": ago, "clock": clock}
