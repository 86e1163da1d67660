"""Greeting by time away: a first hello, one for the same day, and ones for days, weeks and months.

    greetings.away(gap)                      # "days", or "" when it was not long
    greetings.hello(persona, gap)            # what the page says before the first word

Nobody was waiting and nothing is to be made up for: no hello says so. Pure; knows no store.
"""

from datetime import timedelta
from typing import Literal

from undertone.engine.personas import Persona

Away = Literal["", "days", "weeks", "months"]

DAYS, WEEKS, MONTHS = timedelta(hours=36), timedelta(days=9), timedelta(days=45)


def away(gap: timedelta | None) -> Away:
    """How long somebody was away, coarsely; "" for less than a day and a half and for who was never here."""
    if gap is None or gap < DAYS:
        return ""
    return "days" if gap < WEEKS else "weeks" if gap < MONTHS else "months"


def in_words(gap: timedelta | None) -> str:
    """For the notes a model reads: "3 days", "5 weeks", "4 months", or ""."""
    kind = away(gap)
    if gap is None or not kind:
        return ""
    number = {"days": gap.days or 1, "weeks": round(gap.days / 7), "months": round(gap.days / 30)}[kind]
    return f"{number} {kind if number != 1 else kind[:-1]}"


def hello(persona: Persona, gap: timedelta | None) -> str:
    """What stands before the first word of a conversation."""
    if gap is None:
        return persona.greeting or f"Hello, I'm {persona.name}."
    return {
        "": "Hello again.",
        "days": "Good to see you again.",
        "weeks": "Hello again. There's nothing to catch up on unless you'd like to.",
        "months": "Welcome back. We can start anywhere.",
    }[away(gap)]
