"""Patterns in how somebody uses a chat, each against their own habit: a flat list of small pure detectors.

burst, late_night, withdrawal, escalation, repeated_ask, return, long_session. Each gives a score in [0, 1]; the label
is the strongest one above SEEN, or "none". They feed care, never sales. Thresholds are named with their reason. Knows
only times, lengths and vectors, and nothing of what a pattern should change.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from undertone.signals.observation import Observation
from undertone.types import Signal

SEEN = 0.6
BURST_WITHIN = timedelta(seconds=20)
"""Three messages each this soon after the last: faster than reading a reply."""
NIGHT = range(5)
"""Hours on the person's clock where the caller knows it, in UTC else; compared with their own habit either way."""
HABIT = 20
"""Messages before anything counts as a habit: fewer are a single evening."""
LONG_SILENCE = timedelta(days=14)
"""Two weeks: longer than a holiday's usual gap between chats, short enough to be asked how one has been."""
SAME = 0.92
"""Cosine above which two messages ask the same thing again (near-duplicates in MiniLM's space)."""
ESCALATION_DAYS = 3
"""Days in a row with more messages than the one before: two are chance."""
ESCALATION_FACTOR = 2.0
"""... and the last of them this many times the person's usual day."""
LONG_FACTOR, LONG_LEAST = 2.0, timedelta(minutes=60)
"""A conversation is long at twice the person's usual and an hour at least."""
PACE = 0.2
"""How fast a usual day and a usual conversation follow: about the last ten."""


@dataclass(frozen=True, slots=True)
class Habit:
    """What is carried: counts and times, no words. Times are ISO 8601."""

    messages: int = 0
    nights: int = 0
    last_at: str | None = None
    day: str | None = None
    today: int = 0
    """Messages on `day`."""
    rising: int = 0
    """Days in a row, ending yesterday, each with more messages than the one before."""
    yesterday: int = 0
    usual_day: float | None = None
    usual_minutes: float | None = None
    minutes: float = 0.0
    """Length of the conversation so far."""
    conversations: int = 0

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "Habit":
        return cls(**{name: value for name, value in state.items() if name in cls.__slots__})

    def kept(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}

    def after(self, turns: Sequence[Observation]) -> "Habit":
        """The habit with the newest message counted in."""
        at = turns[-1].at
        day = at.date().isoformat()
        new_day, fresh = day != self.day, len(turns) == 1
        ended = new_day and self.day is not None
        in_a_row = self.day is not None and (at.date() - datetime.fromisoformat(self.day).date()).days == 1
        rising = self.rising
        if ended:
            rising = self.rising + 1 if in_a_row and self.today > self.yesterday else 0
        closed = fresh and self.messages > 0
        return Habit(
            messages=self.messages + 1,
            nights=self.nights + (at.hour in NIGHT),
            last_at=at.isoformat(),
            day=day,
            today=1 if new_day else self.today + 1,
            rising=rising,
            yesterday=self.today if ended else self.yesterday,
            usual_day=_move(self.usual_day, self.today) if ended else self.usual_day,
            usual_minutes=_move(self.usual_minutes, self.minutes) if closed else self.usual_minutes,
            minutes=(at - turns[0].at).total_seconds() / 60,
            conversations=self.conversations + fresh,
        )


def burst(turns: Sequence[Observation], before: Habit, now: Habit) -> float:
    """Several messages faster than a reply can be read."""
    gaps = [b.at - a.at for a, b in pairwise(turns[-4:])]
    return sum(gap < BURST_WITHIN for gap in gaps) / 3


def late_night(turns: Sequence[Observation], before: Habit, now: Habit) -> float:
    """Somebody who is seldom up at night is."""
    if turns[-1].at.hour not in NIGHT or before.messages < HABIT:
        return 0.0
    return max(0.0, 1.0 - 2.0 * before.nights / before.messages)


def withdrawal(turns: Sequence[Observation], before: Habit, now: Habit) -> float:
    """Three messages in a row, each less than half as long as the one before, down to a few words."""
    lengths = [len(turn.text) for turn in turns[-3:]]
    falling = len(lengths) == 3 and lengths[1] < lengths[0] / 2 and lengths[2] < lengths[1] / 2 and lengths[2] < 12
    return 1.0 if falling else 0.0


def escalation(turns: Sequence[Observation], before: Habit, now: Habit) -> float:
    """Days in a row with ever more messages, the last well beyond a usual day: .6 when it reaches the factor."""
    if now.rising + 1 < ESCALATION_DAYS or now.usual_day is None or now.today <= now.yesterday:
        return 0.0
    return min(1.0, 0.6 * now.today / (ESCALATION_FACTOR * now.usual_day))


def repeated_ask(turns: Sequence[Observation], before: Habit, now: Habit) -> float:
    """The same question again."""
    earlier = [float(turns[-1].vector @ turn.vector) for turn in turns[:-1] if "?" in turn.text]
    return 1.0 if "?" in turns[-1].text and any(cosine >= SAME for cosine in earlier) else 0.0


def returned(turns: Sequence[Observation], before: Habit, now: Habit) -> float:
    """Back after a long silence."""
    last = before.last_at
    return 1.0 if last and turns[-1].at - datetime.fromisoformat(last) > LONG_SILENCE else 0.0


def long_session(turns: Sequence[Observation], before: Habit, now: Habit) -> float:
    """A conversation far longer than theirs usually are."""
    usual = now.usual_minutes
    if usual is None or now.conversations < 4 or now.minutes < LONG_LEAST.total_seconds() / 60:
        return 0.0
    return min(1.0, 0.6 * now.minutes / (LONG_FACTOR * max(usual, 1.0)))


PATTERNS: Mapping[str, Callable[[Sequence[Observation], Habit, Habit], float]] = {
    "burst": burst,
    "late_night": late_night,
    "withdrawal": withdrawal,
    "escalation": escalation,
    "repeated_ask": repeated_ask,
    "return": returned,
    "long_session": long_session,
}


def detect(turns: Sequence[Observation], state: Mapping[str, Any]) -> tuple[Signal, Mapping[str, Any]]:
    """All patterns of one message, and the habit to carry on."""
    before = Habit.of(state)
    now = before.after(turns)
    scores = {name: pattern(turns, before, now) for name, pattern in PATTERNS.items()}
    best = max(scores, key=lambda name: scores[name])
    label = best if scores[best] >= SEEN else "none"
    detail = {name: round(score, 3) for name, score in scores.items()}
    return Signal("behaviour", label, round(scores[best], 4), detail), now.kept()


def _move(usual: float | None, value: float) -> float:
    return round(float(value) if usual is None else (1 - PACE) * usual + PACE * value, 3)
