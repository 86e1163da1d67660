"""What a person may send, how often, and when they asked us (or we decided) to stop for a while.

    text = check_text(text)
    await admit(conn, user_id, now)        # raises LimitReached, whose `retry_after` says how many seconds to wait

Kept on the person, so a new window, conversation or client changes nothing. A pause can be made longer, never shorter.
Knows nothing of money: what is spent only ever closes offers (`own_limits.left`).
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from undertone.errors import BadInput, LimitReached, TooLarge
from undertone.guardrails import limits_store, own_limits, store
from undertone.guardrails.own_limits import Kept, Limits
from undertone.resources import Connection

MAX_CHARACTERS: Final = 8_000
PER_MINUTE: Final = 20
PER_DAY: Final = 1_500
TOGETHER: Final = timedelta(minutes=5)
"""Between two messages so close somebody is taken to be talking."""
PAUSE: Final = timedelta(minutes=15)
"""After so long a silence they have had a break."""
HELP: Final = "findahelpline.com"
"""A closed door must not be a dead end for someone in danger."""

# Control characters other than tab and line feed, direction overrides, and the invisible "tag" letters used to smuggle
# text past a reader; a flag emoji built from tags (England, Scotland, Wales) is kept.
_FLAG: Final = "\U0001f3f4[\U000e0061-\U000e007a]{2,6}\U000e007f"
_INVISIBLE: Final = re.compile(
    f"({_FLAG})|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]"
)


def check_text(text: str) -> str:
    """The text as it may be stored: composed (NFC), plain line feeds, no invisible characters, no blank ends.

    Raises BadInput when nothing readable is left or the text is not valid Unicode, TooLarge above MAX_CHARACTERS.
    """
    if len(text) > MAX_CHARACTERS:
        raise TooLarge(f"The message has {len(text):,} characters; the limit is {MAX_CHARACTERS:,}. Send it in parts.")
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise BadInput("The message is not valid Unicode text. Send it as UTF-8.")
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = unicodedata.normalize("NFC", _INVISIBLE.sub(lambda m: m.group(1) or "", lines)).strip()
    if not kept:
        raise BadInput("The message is empty. Write at least one visible character.")
    return kept


@dataclass(frozen=True, slots=True)
class Admitted:
    """What stands beside a message that was let in."""

    break_due: int = 0
    """Minutes of talking without a pause after which a break is to be suggested now; 0 for none."""
    contact_stopped: bool = False


async def admit(
    conn: Connection,
    user_id: UUID,
    now: datetime,
    *,
    per_minute: int = PER_MINUTE,
    per_day: int = PER_DAY,
    minutes_a_day: int | None = None,
    break_after: int = 0,
) -> Admitted:
    """Count one message of this person, or refuse it. One round trip; roll back to give the place back.

    `minutes_a_day` and `break_after` are the installation's own; a person's and their platform's stand beside them.
    Raises LimitReached with `retry_after` in whole seconds: during self-exclusion or a cool-down, and above a limit.
    """
    seen = await store.count_message(conn, user_id, now, together=TOGETHER, pause=PAUSE)
    if seen.excluded_until is not None and now < seen.excluded_until:
        raise _refuse("You asked us to keep this closed to you", now, seen.excluded_until)
    if seen.cooldown_until is not None and now < seen.cooldown_until:
        raise _refuse("A break is running", now, seen.cooldown_until)
    tomorrow = seen.day_began + timedelta(days=1)
    if seen.day_count > per_day:
        raise _refuse(f"The limit of {per_day:,} messages a day is reached", now, tomorrow)
    if seen.minute_count > per_minute:
        until = seen.minute_began + timedelta(minutes=1)
        raise _refuse(f"That was more than {per_minute} messages in a minute", now, until)
    default = Limits(minutes_a_day=minutes_a_day, break_after=break_after)
    minutes, after = held(limits_store.kept_from(seen.limits), now, default)
    if minutes is not None and seen.active_s >= minutes * 60:
        raise _refuse(f"Today's limit of {minutes} minutes is reached", now, tomorrow)
    return Admitted(_break_due(seen, after, now), seen.contact_stopped)


def held(kept: Mapping[limits_store.Side, Kept], now: datetime, default: Limits) -> tuple[int | None, int]:
    """Minutes a day and minutes to a break that hold now, of the person's, the platform's and the installation's."""
    platform = kept.get("platform", Kept()).at(now)
    minutes, after = own_limits.holding(platform, default)
    return own_limits.holding(kept.get("person", Kept()).at(now), Limits(minutes_a_day=minutes, break_after=after))


def _break_due(seen: store.Admission, after: int, now: datetime) -> int:
    """Once a period: counted from where the talking began, or from the last time it was said."""
    since = seen.unbroken_since
    if seen.break_said_at is not None:
        since = max(since, seen.break_said_at)
    if after <= 0 or now - since < timedelta(minutes=after):
        return 0
    return int((now - seen.unbroken_since).total_seconds() // 60)


async def last_break(conn: Connection, user_id: UUID) -> datetime | None:
    """When the person's latest break ends or ended, whoever began it; None when there never was one."""
    return await store.last_break(conn, user_id)


async def use(conn: Connection, user_id: UUID) -> store.Use:
    """How much the person has been here today, and what is closed to them."""
    return await store.use(conn, user_id)


async def set_cooldown(conn: Connection, user_id: UUID, until: datetime) -> datetime:
    """Start a break that runs until `until`, or extend the one that runs. Returns when it really ends."""
    return await store.extend_cooldown(conn, user_id, until)


async def self_exclude(conn: Connection, user_id: UUID, until: datetime) -> datetime:
    """Close the service to this person, at their wish, until `until`. It can be extended, not shortened or undone."""
    return await store.extend_exclusion(conn, user_id, until)


def _refuse(why: str, now: datetime, until: datetime) -> LimitReached:
    seconds = max(1, -int((now - until).total_seconds() // 1))
    return LimitReached(f"{why}. Try again in {_spoken(seconds)}. Help at any hour: {HELP}.", retry_after=seconds)


def _spoken(seconds: int) -> str:
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return f"{-(-seconds // size)} {unit}s"
    return f"{seconds} second{'' if seconds == 1 else 's'}"
