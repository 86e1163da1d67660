"""The junk gate: which sentence may be kept at all, how private a memory is, and what is worth a line in a summary.

    if (why := refusal(sentence)) is None: ...
    sensitivity("They are being treated for depression")     # "special"

Both extractors pass it, the rules and the model. Reads English; rather nothing than junk.
"""

import re
import tomllib
from importlib.resources import files

MAX_WORDS = 40
"""A longer sentence says too much at once to be one fact."""

_I = re.IGNORECASE
_LEXICON = tomllib.loads((files("undertone.memory") / "gate.toml").read_text(encoding="utf-8"))


def _compiled(group: str) -> re.Pattern[str]:
    words, patterns = _LEXICON[group]["words"], _LEXICON[group]["patterns"]
    return re.compile("|".join([rf"\b(?:{'|'.join(words)})\b", *patterns] if words else patterns), _I)


_PLAY = _compiled("play")
_UNREAL = _compiled("unreal")
_QUOTED = _compiled("quoted")
_ORDERS = _compiled("orders")
_PASSING = _compiled("passing")
_GOSSIP = _compiled("gossip")
_SPECIAL = _compiled("special")
_PRIVATE = _compiled("private")
_SECRET = _compiled("secret")
_WORTH = _compiled("worth")
_NOISE = re.compile(
    r"^\W*(?:hi+|hey+|hello|hiya|yo|good (?:morning|evening|night|afternoon)|morning|night|bye|thanks?|thank you|ty|thx"
    r"|cheers|ok(?:ay)?|k|lol|lmao|haha+\w*|yes|yeah|yep|no|nope|sure|cool|nice|wow|same|idk|brb|hm+|sorry)\b"
    r"[\w\s,'!]{0,16}\W*$",
    _I,
)
_NOT = re.compile(
    r"\b(?:not|never|no longer|hardly|barely|neither|nor|without|cannot)\b|n't\b|\bno more\b|\bany ?more\b", _I
)
_FIRST_PERSON = re.compile(r"\b(?:i|i'm|i've|i'd|my|we|our|me|mine|us)\b", _I)


def refusal(sentence: str, *, negated: bool = False, others: bool = False) -> str | None:
    """Why nothing may be kept from a sentence; None when it is a plain statement about the person.

    `negated` lets a denial pass, `others` what is said of other people: for those who look at each clause.
    """
    words = sentence.split()
    if _SECRET.search(sentence):
        return "a secret or an address"
    if _NOISE.match(sentence) or len(words) < 2:
        return "says nothing"
    if sentence.rstrip().endswith("?"):
        return "a question"
    if len(words) > MAX_WORDS:
        return "too long"
    if _ORDERS.search(sentence):
        return "an instruction"
    if _PLAY.search(sentence):
        return "play"
    if _QUOTED.search(sentence):
        return "another's words"
    if _UNREAL.search(sentence):
        return "not real"
    if not others and gossips(sentence):
        return "about somebody else"
    if not negated and _NOT.search(sentence):
        return "a denial"
    return None


def plain(sentence: str) -> bool:
    """Whether a sentence may be quoted in a summary: a statement of their own, no play, no instruction, no secret."""
    return refusal(sentence, negated=True) in (None, "not real", "about somebody else", "another's words")


def passing(sentence: str) -> bool:
    """Whether a sentence is about this moment only."""
    return _PASSING.search(sentence) is not None


def gossips(clause: str) -> bool:
    """Whether a clause tells of people who are not theirs to tell of."""
    return _GOSSIP.search(clause) is not None


def denies(sentence: str) -> bool:
    """Whether a sentence denies something."""
    return _NOT.search(sentence) is not None


def instructs(text: str) -> bool:
    """Whether a text gives orders to a model, or carries markup."""
    return _ORDERS.search(text) is not None


def secret(text: str) -> bool:
    """Whether a text holds what must never be kept: numbers of cards, accounts and telephones, addresses, passwords."""
    return _SECRET.search(text) is not None


def sensitivity(text: str) -> str:
    """normal, private, or special: health, sexuality, religion, politics, origin, crime, abuse (GDPR 9 and 10)."""
    if _SPECIAL.search(text):
        return "special"
    return "private" if _PRIVATE.search(text) else "normal"


def worth(sentence: str) -> int:
    """How much a sentence deserves a line in a summary: 0 to 3."""
    return sum(
        (
            bool(_WORTH.search(sentence)),
            bool(_FIRST_PERSON.search(sentence)),
            bool(re.search(r"(?<=\w )[A-Z][a-z]+|\d", sentence)) and not passing(sentence),
        )
    )
