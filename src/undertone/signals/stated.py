"""What somebody says about how they want to be talked to: boundaries and preferences, by careful rules.

    signal.detail["active"]     # {"no_flirting": {"at": ..., "message": 12}, ...}

Only plain requests of the person themselves count, and the newest word on a matter holds ("you can flirt again"). Keeps
which wish and when, never their words. Reads English.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from undertone.signals.observation import Observation
from undertone.types import Signal

_LESS = r"(?:please |pls )?(?:don'?t|do not|stop|no more|no|quit|less)"
_ASK = r"(?:please|pls|can you|could you|i'?d (?:like|prefer|rather)|i (?:like|prefer|want)|just|keep|make)"
WISHES: Mapping[str, tuple[re.Pattern[str], re.Pattern[str] | None]] = {
    name: (re.compile(on, re.IGNORECASE), re.compile(off, re.IGNORECASE) if off else None)
    for name, (on, off) in {
        "no_flirting": (
            rf"\b{_LESS} (?:the )?flirt\w*|\bkeep (?:it|this|things) (?:platonic|friendly|clean)\b|\bjust friends\b",
            r"\b(?:you can|feel free to|it'?s ok(?:ay)? to) flirt",
        ),
        "no_pet_names": (
            rf"\b{_LESS} (?:call(?:ing)? me (?:babe|baby|honey|dear|love|sweetie|darling)|(?:the )?pet names?)\b",
            r"\b(?:you can|feel free to) call me (?:babe|baby|honey|dear|love|sweetie|darling)\b",
        ),
        "no_questions": (
            rf"\b{_LESS} (?:ask(?:ing)?(?: me)?(?: so many)? |so many |the )?questions\b",
            r"\b(?:you can|feel free to) ask (?:me )?(?:questions|anything)\b",
        ),
        "short_replies": (
            rf"\b{_ASK}\b.{{0,20}}\bshort(?:er)?\b.{{0,20}}(?:answers?|repl\w+|messages?|texts?)?"
            rf"|\b{_LESS} (?:write|send)(?:ing)? (?:so much|such long|long)",
            r"\b(?:long(?:er)?|more detailed) (?:answers?|repl\w+|messages?)\b",
        ),
        "long_replies": (
            rf"\b{_ASK}\b.{{0,20}}\b(?:long(?:er)?|more detailed)\b.{{0,12}}(?:answers?|repl\w+|messages?)",
            r"\bshort(?:er)?\b.{0,12}(?:answers?|repl\w+|messages?)",
        ),
        "no_reminders": (rf"\b{_LESS} (?:remind(?:ing)? me|reminders?)\b", r"\byou can remind me\b"),
    }.items()
}
_PLAY = re.compile(r"[*\"“”]|\b(?:said|says|told|if|imagine|pretend)\b", re.IGNORECASE)
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")


def detect(turns: Sequence[Observation], state: Mapping[str, Any]) -> tuple[Signal, Mapping[str, Any]]:
    """The wishes in force after the newest message; the label is the newest one said now, or "none"."""
    messages = int(state.get("messages", 0)) + 1
    active: dict[str, Any] = dict(state.get("active") or {})
    said = "none"
    for found in _SENTENCE.finditer(turns[-1].text.replace("’", "'")):
        sentence = found.group()
        if _PLAY.search(sentence):
            continue
        for name, (on, off) in WISHES.items():
            if on.search(sentence):
                active[name] = {"at": turns[-1].at.isoformat(), "message": messages}
                said = name
            elif off and off.search(sentence):
                active.pop(name, None)
    return Signal("stated", said, float(said != "none"), {"active": active}), {"active": active, "messages": messages}
