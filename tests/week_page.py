"""docs/week.md from a week that was played: who said what, how it was read, how it was answered and why.

    page(week)        # the whole page as Markdown

Made anew by `bash runs/week.sh`. Knows no engine.
"""

import re
from collections.abc import Sequence
from typing import Any

from week import DAYS, SCRIPT

TYPES = {
    "MARRIED_GUILTY": "discretion",
    "LONELY_SINGLE": "company",
    "HORNY_ADDICT": "intensity",
    "CURIOUS_TOURIST": "curious",
    "undecided": "undecided",
}
NOTICE = re.compile(r"^You are talking with an AI.*?\n\n", re.S)
HEAD = """# A week with five people

Five invented people talk with a persona for a week: one for each user type, and one who goes from flirting to a
crisis. The page is made by `bash runs/week.sh` from a script of what they say (`tests/week.toml`); everything else
is the engine's: readings, strategies, reminders, offers. No model is connected, so the replies are the offline
composer's, put together from the persona's phrases and from what was told; with a model the same strategies reach
it as words (see [adapting](adapting.md)). A test plays the same week over HTTP and compares every turn, and `make
test-live` plays it against a real engine behind an OpenAI-compatible server.

Under each reply: the strategy and why it was chosen, what was read (user type and how sure, mood from -1 to 1, what
weighs on them in their own words), and what became of offers. The platform sells one song; everybody asks for its
price or might be shown it; who is shown it and who is not is worth following.

## The week at a glance

"""
WRONG = """## What it gets wrong

Read the moods. A short plain sentence can come out far too low ("I told her. Not about this, about needing an hour."
at about -1), and then comfort answers somebody who needs none; Rob's "flirt with me" is read as low as well, and
Yuki's last line as a sign of concern. Sam's "she broke up with me last night" reads bright; what he says of himself,
read as strain, brings comfort all the same. The type of who is in real distress drifts with their words (Sam's).
A mistaken low mood or type costs warmth that was not needed, or an offer that was not made; it never brings one,
and that direction is what the tests hold.
"""


def page(week: dict[str, list[dict[str, Any]]]) -> str:
    """The page as Markdown."""
    parts = [HEAD, _glance(week), "\n"]
    for name, turns in week.items():
        script = SCRIPT[name]
        parts.append(f"## {name.title()}, who {_looks(script['looks'])}\n\n")
        parts.append(_person(name.title(), script["persona"].title(), turns))
    return "".join([*parts, WRONG])


def _looks(words: str) -> str:
    return words[0].lower() + words[1:]


def _glance(week: dict[str, list[dict[str, Any]]]) -> str:
    """Each day's strategies, in order, without repetitions."""
    rows = [f"| | {' | '.join(DAYS)} |\n|{'---|' * (len(DAYS) + 1)}\n"]
    for name, turns in week.items():
        cells: list[str] = []
        for day in DAYS:
            spoken = [turn["strategy"] for turn in turns if turn["day"] == day and turn["said"]]
            kept = [one for n, one in enumerate(spoken) if n == 0 or spoken[n - 1] != one]
            cells.append(", ".join(kept))
        rows.append(f"| {name.title()} | {' | '.join(cells)} |\n")
    return "".join(rows)


def _person(name: str, persona: str, turns: Sequence[dict[str, Any]]) -> str:
    lines: list[str] = []
    day = ""
    for turn in turns:
        if turn["day"] != day:
            day = turn["day"]
            lines.append(f"### {day}\n")
        if turn["said"] is None:
            lines.append(f"**{persona}**, by itself: {turn['reply']}  \n*The reminder that was asked for.*\n")
            continue
        lines.append(f"**{name}**: {turn['said']}  \n**{persona}**: {_reply(turn['reply'])}  \n*{_read(turn)}*\n")
    return "\n".join(lines) + "\n"


def _reply(text: str) -> str:
    said = NOTICE.sub("", text)
    notice = "(says that it is an AI) " if said != text else ""
    return notice + " ".join(said.split())


def _read(turn: dict[str, Any]) -> str:
    if turn["strategy"] == "crisis":
        return "Words prepared for a crisis, without a model; romance and offers rest for three days."
    found = [f"`{turn['strategy']}`, because {turn['why']}"]
    found.append(
        f"read as {TYPES.get(turn['user_type'], turn['user_type'])} ({turn['sure']:.2f}), mood {turn['mood']:+.2f}"
    )
    if turn["strain"] != "none":
        found.append(f"speaks of {turn['strain']}")
    if turn["engagement"] != "steady":
        found.append(f"attention {turn['engagement']}")
    if turn["reminder"]:
        found.append(f"a reminder was {turn['reminder']}")
    if turn["offer"]:
        found.append("**the song was shown, marked, at its price**")
    elif "not_asked" not in (turn["against"] or []) and _asked(turn["said"]):
        found.append(f"no offer: {', '.join(turn['against'] or []).replace('_', ' ')}")
    return "; ".join(found) + "."


def _asked(text: str) -> bool:
    return "cost" in text
