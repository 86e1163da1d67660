"""What the engine itself says in a turn, before or instead of a model: the notice, a break, the crisis words, a person.

    words.before(begun)          # what the reply begins with; said and logged, no part of what is remembered
    words.instead(begun)         # fixed words in place of the model's, or ""

Pure. Knows no model and no storage; the texts are the guardrails'.
"""

from undertone import guardrails
from undertone.engine.nouns import Begun
from undertone.guardrails import spoken


def before(begun: Begun) -> str:
    """The AI notice and whatever else is due, with a blank line after each, or nothing."""
    language, duties = begun.person.language or "en", begun.duties
    said: list[str] = []
    if duties.disclose:
        said.append(guardrails.disclosure.notice(language))
    if duties.contact:
        said.append(spoken.words(duties.contact, language))
    if duties.take_break:
        said.append(spoken.words("break", language, minutes=duties.take_break))
    return "".join(f"{words}\n\n" for words in said)


def instead(begun: Begun) -> str:
    """What is said and not a model: the crisis words before anything else, then what a hand-over has to say."""
    language, duties = begun.person.language or "en", begun.duties
    if duties.say_crisis_words:
        return guardrails.crisis_reply(begun.person.country, language, duties.kind or "suicidal")
    return spoken.words(begun.handover, language) if begun.handover else ""


def strategy(begun: Begun) -> str:
    """The name under which such a turn is stored."""
    return "crisis" if begun.duties.say_crisis_words or not begun.handover else "handover"
