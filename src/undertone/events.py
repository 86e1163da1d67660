"""The event log: one frozen, versioned dataclass per event, written in the transaction that made it true.

    await events.record(conn, TurnFinished(user_id=..., ...))

Analytics and learning read it and never import a turn. Events hold ids, numbers and names of things, never what a
person wrote. Knows nothing of who reads it.
"""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from psycopg import AsyncConnection
from uuid_utils.compat import uuid7


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What every event has. `user_id` is None where no person is concerned."""

    version: ClassVar[int] = 1
    user_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnStarted(Event):
    """A person's message was admitted and stored."""

    turn_id: UUID
    conversation_id: UUID
    persona: str
    persona_version: int
    characters: int
    response_time_s: float | None
    typing_stops: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnFinished(Event):
    """A turn ended, well or not; everything that reports and learning need to know of it."""

    turn_id: UUID
    conversation_id: UUID
    persona: str
    persona_version: int
    state: str
    """done, stopped, interrupted or failed."""
    strategy: str
    strategy_probability: float
    policy_inputs: dict[str, Any]
    """The numbers the policy chose by: posterior, mood, engagement, care."""
    user_type: str
    mood: str
    valence: float
    engagement: str
    behaviour: str
    memories: int
    model: str
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    cost_usd: float | None
    ttft_ms: float | None
    """Milliseconds from admission to the first released piece; None when none was."""
    duration_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RailTripped(Event):
    """An input or output rail fired. `rail`: crisis, concern, injection, asks_human, or an output rail's name."""

    turn_id: UUID
    side: str
    rail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondLookTaken(Event):
    """A model looked at a message that came near a sign of crisis, or failed to."""

    turn_id: UUID
    outcome: str
    """ok or failed."""
    before: str
    """The level that was read without it."""
    after: str
    about: str | None
    """self, other or fiction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CareFollowedUp(Event):
    """The day after a crisis the persona was told to ask, once, how the person has been."""

    turn_id: UUID
    care_kind: str
    """What the crisis was about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakSuggested(Event):
    """Somebody who had talked long without a pause was told so."""

    turn_id: UUID
    minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactChanged(Event):
    """Somebody said that they want, or do not want, to be written to unasked."""

    allowed: bool
    said: str
    """chat, page or platform."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsChanged(Event):
    """Limits of a person's were set, or a break was begun. No amounts: they are the person's own."""

    set_by: str
    """person or platform."""
    change: str
    """limits, cool_down or self_exclusion."""
    loosens: bool
    """Whether part of it holds only a day later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoverChanged(Event):
    """A person was asked for in a conversation, took it over, or it went back to the AI."""

    conversation_id: UUID
    state: str
    """asked, taken or back."""
    made_by: str
    """person, operator or clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentChanged(Event):
    """An incident was opened, seen, closed or opened again."""

    incident_id: UUID
    incident_kind: str
    level: str
    """crisis or human."""
    state: str
    made_by: str
    """turn or operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeShown(Event):
    """The person was told that the persona is an AI. `reason`: start, asked or clock."""

    turn_id: UUID
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferWeighed(Event):
    """The gate of offers passed one or none for a turn."""

    turn_id: UUID
    passed: bool
    offer: str | None
    price: str | None
    """As the catalogue has it."""
    currency: str | None
    reason: str
    """`asked` or `due` when it passed, else the first reason against it."""
    against: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderChanged(Event):
    """A reminder was proposed, set, delivered, cancelled, held or missed."""

    reminder_id: UUID
    reminder_kind: str
    state: str
    late_s: float | None
    """Seconds after its time, once that has come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferenceGiven(Event):
    """A person preferred one reply to another, in what they did: a label for learning."""

    turn_id: UUID
    preference: str
    """chosen, another, edited, continued or fixed."""
    over_turns: list[str]
    strategy: str | None
    trainable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyReported(Event):
    """A person reported one of our messages."""

    turn_id: UUID
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationClosed(Event):
    """A conversation was idle long enough to be summed up."""

    conversation_id: UUID
    messages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryChanged(Event):
    """What is held about a person was changed by hand, or deleted when the time to take that back was over."""

    change: str
    """add, edit, pin, unpin, forget, merge, undo or delete."""
    memory_ids: list[UUID]
    made_by: str
    """person, operator or clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAsked(Event):
    """A model did background work for a person, or took a second look."""

    purpose: str
    """extract, sum_up or second_look."""
    outcome: str
    """ok, or failed: late, silent, or no JSON that fits."""
    model: str
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    cost_usd: float | None
    duration_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoriesInspected(Event):
    """An operator looked at what is held about a person."""

    key_id: str
    """The API key they came with."""
    memories: int


KINDS: tuple[type[Event], ...] = (
    TurnStarted,
    TurnFinished,
    RailTripped,
    SecondLookTaken,
    CareFollowedUp,
    IncidentChanged,
    HandoverChanged,
    BreakSuggested,
    ContactChanged,
    LimitsChanged,
    NoticeShown,
    OfferWeighed,
    ReminderChanged,
    PreferenceGiven,
    ReplyReported,
    ConversationClosed,
    ModelAsked,
    MemoryChanged,
    MemoriesInspected,
)


async def record(conn: AsyncConnection[Any], *events: Event) -> None:
    """Append events on the caller's connection, so that they commit with what they tell of."""
    if not events:
        return
    rows = [(uuid7(), event.user_id, type(event).__name__, event.version, _data(event)) for event in events]
    await conn.execute(
        "insert into events (id, user_id, kind, version, data)"
        " select * from unnest(%s::uuid[], %s::uuid[], %s::text[], %s::smallint[], %s::jsonb[])",
        [list(column) for column in zip(*rows, strict=True)],
    )


def _data(event: Event) -> str:
    """An event's own fields as JSON; the person stands in a column of its own."""
    fields = {f.name: getattr(event, f.name) for f in dataclasses.fields(event) if f.name != "user_id"}
    return json.dumps(fields, default=str)


async def export_events(conn: AsyncConnection[Any], user_id: UUID) -> list[dict[str, Any]]:
    """Everything recorded about one person, oldest first."""
    cursor = await conn.execute("select kind, at, data from events where user_id = %s order by at, id", [user_id])
    return [{"kind": kind, "at": at.isoformat(), "data": data} for kind, at, data in await cursor.fetchall()]


async def erase_events(conn: AsyncConnection[Any], user_id: UUID) -> int:
    """Delete one person's events; returns how many there were."""
    cursor = await conn.execute("delete from events where user_id = %s", [user_id])
    return cursor.rowcount
