"""How much care one person needs now, and what each message therefore obliges us to do: pure, no clock, no storage.

    state, duties = advance(state, verdict, now)

There is one state a person, whatever the window, conversation, client or replica: a handful of moments that only move
forward. So `merge` of two states is the later of each, and no order of saving can shorten a pause.
Knows no words and no channel: `crisis` has the words, the engine says them. It cannot see a person who stops writing.
"""

from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from undertone.guardrails.disclosure import EVERY, notice_due
from undertone.types import Verdict

Level = Literal["none", "concern", "crisis"]

CRISIS_PAUSE: Final = timedelta(hours=72)
"""Romance and offers rest this long after a crisis message."""
CONCERN_ROMANCE_PAUSE: Final = timedelta(hours=1)
CONCERN_OFFERS_PAUSE: Final = timedelta(hours=24)
ANSWER_WINDOW: Final = timedelta(minutes=30)
"""A second concern this soon after our check-in counts as the answer to it: the help lines are said."""
FRESH_CRISIS: Final = timedelta(hours=2)
"""After a crisis message even a concern brings the help lines again, this long."""
FOLLOW_UP_AFTER: Final = timedelta(hours=12)
FOLLOW_UP_UNTIL: Final = timedelta(days=7)
"""Between the two, the first calm message is answered with one question how they have been; then it is left."""
ALERT_EVERY: Final = timedelta(hours=1)
CHECK_IN_EVERY: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class CareState:
    """When things last happened to one person; None means never. Aware datetimes."""

    crisis_at: datetime | None = None
    concern_at: datetime | None = None
    referred_at: datetime | None = None
    """Crisis words said."""
    alerted_at: datetime | None = None
    checked_in_at: datetime | None = None
    romance_until: datetime | None = None
    offers_until: datetime | None = None
    disclosed_at: datetime | None = None
    followed_up_at: datetime | None = None
    kind: str | None = None
    """What the last crisis or concern was about, one of `crisis.KINDS`."""

    def level(self, now: datetime) -> Level:
        """The level that still holds at `now`: as long as the pause it brought."""
        if self.crisis_at is not None and now - self.crisis_at < CRISIS_PAUSE:
            return "crisis"
        if self.concern_at is not None and now - self.concern_at < CONCERN_OFFERS_PAUSE:
            return "concern"
        return "none"

    def calm(self, now: datetime) -> bool:
        """No crisis within its pause and no concern of late: only then may a second look lower a verdict."""
        return self.level(now) != "crisis" and _past(self.concern_at, now, FRESH_CRISIS)


@dataclass(frozen=True, slots=True)
class Duties:
    """What this turn owes the person. The engine may do more, never less."""

    level: Level = "none"
    """The level that holds, this message included."""
    kind: str | None = None
    say_crisis_words: bool = False
    """Answer with `crisis.crisis_reply`, not with the model. Each time is one ledger entry (`record_referral`)."""
    check_in: bool = False
    """Ask gently, inside the reply, whether they are safe."""
    after_crisis: bool = False
    """A crisis was spoken of within its pause and this message is calm."""
    follow_up: bool = False
    """The first calm message of the days after a crisis: the reply asks once, gently, how they have been."""
    fresh: bool = False
    """A crisis within FRESH_CRISIS or a concern within ANSWER_WINDOW, this message included: care shapes the reply."""
    disclose: Literal["start", "asked", "clock"] | None = None
    romance_paused: bool = False
    offers_paused: bool = False
    take_break: int = 0
    """Minutes of talking without a pause, where a break is to be suggested."""
    contact: Literal["", "stopped", "again"] = ""
    """What somebody just asked about being written to unasked."""
    alert_operator: bool = False
    record_referral: bool = False


def advance(
    state: CareState,
    verdict: Verdict,
    now: datetime,
    *,
    notice_every: timedelta = EVERY,
    may_follow_up: bool = True,
) -> tuple[CareState, Duties]:
    """The state after one message and what the turn owes. `now` is the database's clock, which all replicas share.

    `may_follow_up` is False for somebody who asked not to be asked.
    """
    level = _level(state, verdict, now)
    kind = kind_of(verdict) if level != "none" else None
    refer = level == "crisis"
    alert = refer and _past(state.alerted_at, now, ALERT_EVERY)
    check_in = level == "concern" and _past(state.checked_in_at, now, CHECK_IN_EVERY)
    follow_up = may_follow_up and level == "none" and _follow_up(state, now)
    disclose = _disclosure(state, verdict, now, notice_every)
    after = replace(
        state,
        crisis_at=now if level == "crisis" else state.crisis_at,
        concern_at=now if level == "concern" else state.concern_at,
        referred_at=now if refer else state.referred_at,
        alerted_at=now if alert else state.alerted_at,
        checked_in_at=now if check_in else state.checked_in_at,
        romance_until=_romance_until(level, now),
        offers_until=_offers_until(level, now),
        disclosed_at=now if disclose else state.disclosed_at,
        followed_up_at=now if follow_up else state.followed_up_at,
        kind=kind or state.kind,
    )
    after = merge(state, after)
    held = after.level(now)
    return after, Duties(
        level=held,
        kind=kind or (after.kind if held != "none" or follow_up else None),
        say_crisis_words=refer,
        check_in=check_in,
        after_crisis=held == "crisis" and level == "none",
        follow_up=follow_up,
        fresh=not _past(after.crisis_at, now, FRESH_CRISIS) or not _past(after.concern_at, now, ANSWER_WINDOW),
        disclose=disclose,
        romance_paused=follow_up or _before(now, after.romance_until),
        offers_paused=follow_up or _before(now, after.offers_until),
        alert_operator=alert,
        record_referral=refer,
    )


def merge(one: CareState, other: CareState) -> CareState:
    """The later of each moment: commutative, associative, idempotent, so any order of merging gives the same state."""
    moments: dict[str, datetime | None] = {}
    for field in fields(CareState):
        if field.name != "kind":
            moments[field.name] = _later(getattr(one, field.name), getattr(other, field.name))
    newer = one if _spoke(one) > _spoke(other) else other if _spoke(other) > _spoke(one) else None
    kind = newer.kind if newer else max(one.kind or "", other.kind or "") or None
    return CareState(**moments, kind=kind)


def kind_of(verdict: Verdict) -> str:
    """The likeliest kind of a crisis verdict, read from its scores (`crisis.<kind>`), or "suicidal"."""
    kinds = {k.removeprefix("crisis."): v for k, v in verdict.scores.items() if k.startswith("crisis.")}
    return max(kinds, key=lambda kind: kinds[kind]) if kinds else "suicidal"


def _level(state: CareState, verdict: Verdict, now: datetime) -> Level:
    if verdict.crisis != "concern":
        return verdict.crisis
    answered = not _past(state.checked_in_at, now, ANSWER_WINDOW)
    fresh = not _past(state.crisis_at, now, FRESH_CRISIS)
    if verdict.unsure:
        return "concern"
    return "crisis" if answered or fresh else "concern"


def _follow_up(state: CareState, now: datetime) -> bool:
    if state.crisis_at is None or not FOLLOW_UP_AFTER <= now - state.crisis_at <= FOLLOW_UP_UNTIL:
        return False
    return state.followed_up_at is None or state.followed_up_at < state.crisis_at


def _disclosure(
    state: CareState, verdict: Verdict, now: datetime, every: timedelta
) -> Literal["start", "asked", "clock"] | None:
    if state.disclosed_at is None:
        return "start"
    if verdict.asks_human:
        return "asked"
    return "clock" if notice_due(state.disclosed_at, now, every) else None


def _romance_until(level: Level, now: datetime) -> datetime | None:
    pauses = {"crisis": CRISIS_PAUSE, "concern": CONCERN_ROMANCE_PAUSE}
    return now + pauses[level] if level in pauses else None


def _offers_until(level: Level, now: datetime) -> datetime | None:
    pauses = {"crisis": CRISIS_PAUSE, "concern": CONCERN_OFFERS_PAUSE}
    return now + pauses[level] if level in pauses else None


def _past(last: datetime | None, now: datetime, span: timedelta) -> bool:
    return last is None or now - last >= span


def _before(now: datetime, until: datetime | None) -> bool:
    return until is not None and now < until


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return max(one, other)


def _spoke(state: CareState) -> float:
    """When a crisis or concern was last heard, as a timestamp; minus infinity for never."""
    last = _later(state.crisis_at, state.concern_at)
    return last.timestamp() if last else float("-inf")
