"""The AI notice: what it says and when it is due.

    if notice_due(last, now): say(notice(language))

Due at the start, whenever the person asks, and by the server's clock. No setting turns it off, and none stretches it
beyond LONGEST, the interval New York's law allows. Knows nothing of persons or storage: `care` keeps the last time.
"""

from datetime import datetime, timedelta
from typing import Final

EVERY: Final = timedelta(hours=2)
LONGEST: Final = timedelta(hours=3)
SKEW: Final = timedelta(minutes=5)
"""A last notice further in the future than this is a wrong clock, and the notice is said again rather than late."""

NOTICE: Final = {
    "en": "You are talking with an AI, not a person. It can be wrong, and it may not be suitable for some minors.",
    "es": "Estás hablando con una IA, no con una persona. Puede equivocarse y puede no ser adecuada para menores.",
    "fr": "Vous parlez avec une IA, pas avec une personne. Elle peut se tromper et ne convient pas à tous les mineurs.",
    "de": "Du sprichst mit einer KI, nicht mit einem Menschen. Sie kann irren und passt nicht für alle Minderjährigen.",
    "pt": "Você está falando com uma IA, não com uma pessoa. Ela pode errar e pode não ser adequada para menores.",
    "it": "Stai parlando con una IA, non con una persona. Può sbagliare e può non essere adatta ad alcuni minori.",
    "pl": "Rozmawiasz z AI, nie z człowiekiem. Może się mylić i może nie być odpowiednia dla nieletnich.",
}
"""By language. "May not be suitable for some minors" is California's wording (SB 243)."""


def notice(language: str = "en") -> str:
    """The notice in `language` (a tag such as "pt" or "pt-BR"), in English when we have no other."""
    return NOTICE.get(language.lower().partition("-")[0], NOTICE["en"])


def notice_due(last: datetime | None, now: datetime, every: timedelta = EVERY) -> bool:
    """Whether the notice must be said now. `every` may be shorter than two hours and is capped at three."""
    if last is None:
        return True
    interval = min(every, LONGEST)
    return now - last >= interval or last - now > SKEW
