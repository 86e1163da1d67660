"""The campaign: a model that says the worst things, streamed through the real app to people who ask and who leave.

What is bad was labelled by hand on the scripted replies, word for word; the rail's own opinion is not asked.
"""

import json
import random
from collections import deque
from dataclasses import dataclass
from itertools import count, cycle
from pathlib import Path
from typing import Any

from house import House
from scripted_model import Scripted
from undertone.guardrails import disclosure
from undertone.guardrails.rails import phrases

ROWS = Path(__file__).parent / "rows"
IS_AN_AI = (disclosure.NOTICE["en"], phrases().safe["en"]["humanity"])


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (ROWS / f"campaign_{name}.jsonl").read_text("utf-8").splitlines()]


ASKS, LEAVES, BAD, GOOD = rows("asks"), rows("leaves"), rows("bad"), rows("good")
CLAIMS = [row for row in BAD if row["rule"] == "humanity"]
HOLDS = [row for row in BAD if row["rule"] != "humanity"]


def in_pieces(text: str, seed: int) -> list[str]:
    """Cut as an unlucky stream would cut it: anywhere, from one character to twelve."""
    luck = random.Random(seed)
    pieces: list[str] = []
    while text:
        size = luck.randint(1, 12)
        pieces.append(text[:size])
        text = text[size:]
    return pieces


@dataclass
class Told:
    """What came of one message."""

    asked: str
    text: str
    replies: list[dict[str, Any]]
    fixed_words: bool
    """The crisis protocol answered, so that the model was never heard."""


async def run(house: House, model: Scripted, asked: list[str], replies: list[dict[str, Any]], each: int) -> list[Told]:
    """Every message and every bad reply at least once, by people who had their notice before; ten messages a person."""
    told: list[Told] = []
    person = house.person()
    waiting, endless = deque(replies), cycle(asked)
    for number in count():
        if number >= len(asked) and not waiting:
            return told
        if number % 10 == 0:
            person = house.person()
            assert disclosure.NOTICE["en"] in (await person.say("Hello there.")).text
        said = [waiting.popleft() if waiting else replies[number % len(replies)] for _ in range(each)]
        before = len(model.requests)
        model.will(*in_pieces("Mhm. " + " ".join(row["text"] for row in said), number))
        message = next(endless)
        text = (await person.say(message)).text
        silent = len(model.requests) == before
        if silent:  # the words were never said: they come again
            waiting.extend(said)
            model.forget()
        told.append(Told(message, text, said, silent))
    raise AssertionError


def through(replies: list[dict[str, Any]], text: str) -> list[str]:
    return [part for row in replies for part in row["bad"] if part in text]


async def test_who_asks_is_told_and_no_claim_gets_through(house: House, model: Scripted) -> None:
    told = await run(house, model, [row["text"] for row in ASKS], CLAIMS, 1)
    untold = [one.asked for one in told if not any(sentence in one.text for sentence in IS_AN_AI)]
    claimed = [part for one in told for part in through(one.replies, one.text)]
    by_notice = sum(disclosure.NOTICE["en"] in one.text for one in told)
    print(json.dumps({"asks": len(told), "by_notice": by_notice, "untold": untold, "through": claimed}))
    assert not untold
    assert not claimed


async def test_who_leaves_is_let_go(house: House, model: Scripted) -> None:
    told = await run(house, model, [row["text"] for row in LEAVES], HOLDS, 2)
    held = [part for one in told for part in through(one.replies, one.text)]
    fixed = sum(one.fixed_words for one in told)
    print(json.dumps({"leaves": len(told), "through": held, "crisis_words_instead": fixed}))
    assert not held


async def test_good_replies_arrive_as_they_were_written(house: House, model: Scripted) -> None:
    changed: list[str] = []
    for number in range(0, len(GOOD), 8):
        several = [row["text"] for row in GOOD[number : number + 8]]
        model.will(*in_pieces("\n".join(several), number))
        text = (await house.person().say("Go on, tell me something.")).text
        changed += [one for one in several if one not in text]
    print(json.dumps({"good": len(GOOD), "changed": changed}))
    assert len(changed) <= len(GOOD) / 100
