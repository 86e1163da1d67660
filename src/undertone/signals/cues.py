"""What in a message speaks for a type, in words a person can read: the explanation beside a reading.

A short list of patterns a type. They explain and do not decide: the posterior comes from the model alone.
"""

import re

_CUES: dict[str, tuple[tuple[str, str], ...]] = {
    "MARRIED_GUILTY": (
        (r"\b(wife|husband|partner|married|spouse|anniversary)\b", "mentions a partner"),
        (
            r"\b(bank statement|billing|notification|delete|history|private|privacy|discreet|incognito)\b",
            "asks about privacy",
        ),
        (r"\b(shouldn'?t|guilty|guilt|feel bad|secret)\b", "speaks of guilt or secrecy"),
    ),
    "LONELY_SINGLE": (
        (r"\b(alone|lonely|quiet|by myself|on my own|empty)\b", "speaks of being alone"),
        (r"\b(talk to|someone to|company|listen|remember me)\b", "looks for company"),
        (r"\b(dog|cat|flat|dinner for one|weekend)\b", "tells of everyday life"),
    ),
    "HORNY_ADDICT": (
        (r"\b(again|can'?t stop|every night|all day|addicted|relapse|hours)\b", "speaks of coming back often"),
        (r"\b(hot|spicy|flirt|sexy|turn(ed)? on|naughty)\b", "asks for intensity"),
        (r"\b(now|quick|hurry|skip|straight to)\b", "is in a hurry"),
    ),
    "CURIOUS_TOURIST": (
        (
            r"\b(how does|how do you|what are you|which model|just looking|curious|testing|article"
            r"|try(ing)? (this|it) out)\b",
            "asks how this works",
        ),
        (r"\b(free|price|cost|trial|settings|feature)\b", "asks about the product"),
        (r"\b(bot|ai|algorithm|code|prompt)\b", "speaks of the technology"),
    ),
}


def cues(text: str, label: str) -> list[str]:
    """The cues of `label` that the text shows; empty for a taxonomy without any."""
    return [words for pattern, words in _CUES.get(label, ()) if re.search(pattern, text, re.I)]
