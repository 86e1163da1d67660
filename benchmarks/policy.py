"""Microseconds for what stands between a reading and a request: the policy, the gate of offers, a reminder, assembly.

    .venv/bin/python benchmarks/policy.py [--quick]

Pure functions on one thread; the best of several rounds, since noise only ever adds. The last line of stdout is JSON.
"""

import argparse
import json
import sys
import timeit
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np

from undertone.engine import context, offers, policy, reminders
from undertone.engine.personas import Persona
from undertone.engine.strategies import CATALOGUE
from undertone.guardrails.care import Duties
from undertone.signals import Observation, strain
from undertone.types import Message

NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)
ID = UUID(int=0)
TEXT = "I was at the sea today with my sister, and the kettle sang all evening while it rained."
POSTERIOR = {"MARRIED_GUILTY": 0.05, "LONELY_SINGLE": 0.85, "HORNY_ADDICT": 0.04, "CURIOUS_TOURIST": 0.06}


def said(position: int) -> Message:
    role = "user" if position % 2 else "assistant"
    return Message(ID, UUID(int=position), ID, "mira", None, None, position, role, TEXT, NOW)


def calls() -> dict[str, Callable[[], object]]:
    """What is timed, by name."""
    inputs = policy.Inputs(POSTERIOR, True, 0.2, 0.1, strain=dict.fromkeys(strain.KINDS, 0.0))
    lottery = policy.Tuning("lottery", explore=0.2)
    choice = policy.choose(inputs)
    items = [
        offers.Offer(f"item-{n}", "A song", "", "4.99", "EUR", "https://x.test", cues=("a song",)) for n in range(20)
    ]
    facts = offers.Facts(now=NOW, text=TEXT, consents=True, permitted="may", said=9)
    persona = Persona(
        "mira", 1, "Mira", "A bookseller.", "Warm, unhurried, curious. " * 12, lore=("It rains often.",) * 10
    )

    def ingredients(messages: int) -> context.Ingredients:
        return context.Ingredients(
            persona, choice.strategy, Duties(), TEXT, NOW, history=[said(n + 1) for n in range(messages)]
        )

    short, long = ingredients(20), ingredients(400)
    turns = [Observation(TEXT, np.zeros(384, np.float32), NOW, None, None) for _ in range(12)]
    place = reminders.Place("Europe/Berlin")
    return {
        "policy": lambda: policy.choose(inputs, "gentle"),
        "policy_exploring": lambda: policy.choose(inputs, "gentle", tuning=lottery, draw=0.5),
        "strain_12_messages": lambda: strain.detect(turns, {}),
        "offer_gate_20_items": lambda: offers.decide(facts, items),
        "reminder_absent": lambda: reminders.mentions_one(TEXT),
        "reminder_found": lambda: reminders.find("Wish me luck on Friday, I have my test!", NOW, place),
        "strategy_block": lambda: CATALOGUE["companion"].block("none"),
        "assembly_20_messages": lambda: context.assemble(short, 16_000),
        "assembly_400_messages": lambda: context.assemble(long, 16_000),
    }


def microseconds(call: Callable[[], object], rounds: int) -> float:
    """The best mean of `rounds` rounds of about 50 ms each."""
    once = timeit.timeit(call, number=3) / 3
    number = max(1, int(timedelta(milliseconds=50).total_seconds() / once))
    return min(timeit.repeat(call, number=number, repeat=rounds)) / number * 1e6


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="three rounds instead of fifteen")
    arguments.add_argument("--seconds", type=float, default=None, help="unused: rounds are short")
    rounds = 3 if arguments.parse_args().quick else 15
    found: dict[str, float] = {}
    for name, call in calls().items():
        found[name] = round(microseconds(call, rounds), 2)
        print(f"{name}: {found[name]} us", file=sys.stderr)
    print(json.dumps({"microseconds": found}))


if __name__ == "__main__":
    main()
