"""The nouns of a turn: Engine, Said, Begun, Prepared.

All frozen. Knows what they are made of and nothing of what is done with them.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from undertone import guardrails, people, signals
from undertone.engine import budgets, context, offers, policy, reminders
from undertone.engine.live import Live
from undertone.engine.offers_store import Standing
from undertone.engine.personas import Persona
from undertone.engine.sent_store import SentText
from undertone.guardrails.own_limits import Left
from undertone.resources import Resources
from undertone.types import Message, Reading, Role, Vector, Verdict


@dataclass(frozen=True, slots=True)
class Engine:
    """What every turn of this process shares; built once by `app.py`."""

    resources: Resources
    live: Live
    tokens: budgets.TokenRatio
    model: str = "offline"
    window: int = 16_000
    over_step: bool = False
    """Whether a request may grow past the size from which a model bills the whole of it at a higher price."""
    memory_tokens: int = 900
    idle: timedelta = timedelta(hours=6)
    notice_every: timedelta = timedelta(hours=2)
    per_minute: int = 20
    per_day: int = 1500
    minutes_a_day: int | None = None
    break_after: int = 60
    handover: bool = False
    """Whether people of the platform's answer when somebody asks for one."""
    turn_s: float = 180.0
    offline_delay_ms: float = 25.0
    tuning: policy.Tuning = policy.TUNING
    offers_per_week: int = 2
    types: signals.TypeReader = field(default_factory=signals.reader)
    """Reads user types: a model, its taxonomy, the operator's priors."""


@dataclass(frozen=True, slots=True)
class Past:
    """One message of a chat that took place elsewhere."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """`owner` is the API key or person that chose `key`; `body_hash` tells one request from another."""

    owner: str
    key: str
    body_hash: bytes


@dataclass(frozen=True, slots=True)
class Said:
    """What a client sent."""

    user: str
    persona: str
    text: str
    conversation_id: UUID | None = None
    history: tuple[Past, ...] = ()
    response_time_s: float | None = None
    typing_stops: int | None = None
    debug: bool = False
    platform_note: str = ""
    shows_asides: bool = True
    """False where the client cannot show an offer or a reminder beside the reply: then there is none."""
    edits: UUID | None = None
    """The turn whose message this one takes the place of."""
    idempotency: IdempotencyKey | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """A second look that a message is owed. `calm`: `CareState.calm` when it came."""

    first: Verdict
    calm: bool

    @property
    def floor(self) -> Verdict:
        """What holds whatever it says."""
        return guardrails.second_look.floor(self.first, calm=self.calm)


@dataclass(frozen=True, slots=True)
class Begun:
    """A stored message that is owed a reply."""

    person: people.Person
    persona: Persona
    turn_id: UUID
    message: Message
    vector: Vector
    """From the built-in embedder; rails and signals read with it."""
    recall_vector: Vector | None
    """From the embedder that recall uses; None when it could not be reached."""
    verdict: Verdict
    """What holds now; while a second look is due, what holds whatever it says."""
    duties: guardrails.care.Duties
    now: datetime
    since: float
    """`time.perf_counter()` when the message came in."""
    shows_asides: bool = True
    kind: str = "said"
    """said, another (reply to the same words), edit, or continue."""
    debug: bool = False
    platform_note: str = ""
    due: Due | None = None
    handover: Literal["", "asked", "waiting", "taken", "nobody", "resumed"] = ""
    """What is said in place of a reply where a person was asked for, or answers."""
    made: float = field(default_factory=time.perf_counter)
    """`time.perf_counter()` a moment after `now` was read, so that a reply's time never lies in the future."""


@dataclass(frozen=True, slots=True)
class Known:
    """The message came before under the same idempotency key; this turn answers it."""

    turn_id: UUID


@dataclass(frozen=True, slots=True)
class Aside:
    """What the short read brought for beside the reply: offers, and a reminder that the message asks for."""

    catalogue: Sequence[offers.Offer] = ()
    standing: Standing = field(default_factory=Standing)
    break_until: datetime | None = None
    lefts: Sequence[Left] = ()
    """What may still be spent under each spending limit there is."""
    wish: reminders.Wish | None = None
    place: reminders.Place = field(default_factory=reminders.Place)


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that stands between a stored message and the model."""

    reading: Reading
    choice: policy.Choice
    inputs: policy.Inputs
    plan: context.Plan
    layout: Mapping[str, Any]
    """What is kept of the request, see `sent`."""
    texts: tuple[SentText, ...]
    """The texts of the layout that it shares with other turns."""
    aside: Aside = field(default_factory=Aside)
    offer: offers.Decision | None = None
    """The gate's decision; None on a platform that sells nothing here."""
