"""The profile: what was read of a person, one row, kept with consent and corrected by them.

A correction wins over every reading until it is cleared. Keeps the state that detectors hand back, and shows it field
by field as docs/signals.md documents it. Knows no detector.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import class_row, dict_row

from undertone.resources import Connection
from undertone.types import Reading

VERSION = 2
"""Of the state's format; a profile of another one is read anew from the next message on, or by `profile rebuild`."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Field by field what docs/signals.md explains."""

    user_id: UUID
    version: int
    state: dict[str, Any]
    user_type: str
    corrected: str | None
    mood: float
    engagement: str
    messages: int
    updated_at: datetime

    def fields(self) -> dict[str, Any]:
        """What is known, JSON-ready, under the names that docs/signals.md explains; no words of the person."""
        typed, usual = self.state.get("user_type") or {}, self.state.get("engagement") or {}
        habit, tongue = self.state.get("behaviour") or {}, self.state.get("language") or {}
        evidence = dict[str, float](tongue.get("evidence") or {})
        return {
            "user_type": {
                "label": self.user_type,
                "corrected": self.corrected,
                "probabilities": typed.get("probabilities") or {},
                "decided_at": typed.get("decided_at"),
                "history": typed.get("history") or [],
            },
            "mood": {"baseline": round(self.mood, 3)},
            "engagement": {"state": self.engagement, "usual": usual.get("usual") or {}, "trend": usual.get("trend")},
            "habits": {
                "messages": self.messages,
                "conversations": habit.get("conversations", 0),
                "nights": habit.get("nights", 0),
                "messages_a_day": habit.get("usual_day"),
                "minutes_a_conversation": habit.get("usual_minutes"),
                "last_at": habit.get("last_at"),
            },
            "language": max(evidence, key=lambda name: evidence[name]) if evidence else None,
            "stated": (self.state.get("stated") or {}).get("active") or {},
        }


async def load_profile(conn: Connection, user_id: UUID) -> Profile | None:
    async with conn.cursor(row_factory=class_row(Profile)) as cursor:
        await cursor.execute(
            "select user_id, version, state, user_type, corrected, mood, engagement, messages, updated_at"
            " from profiles where user_id = %s and version = %s",
            [user_id, VERSION],
        )
        return await cursor.fetchone()


async def save_profile(conn: Connection, user_id: UUID, reading: Reading, *, now: datetime) -> None:
    """Keep what the detectors handed back."""
    sentiment = reading.state.get("sentiment") or {}
    await conn.execute(
        """
        insert into profiles as p (user_id, version, state, user_type, mood, engagement, messages, updated_at)
        values (%s, %s, %s, %s, %s, %s, 1, %s)
        on conflict (user_id) do update set version = excluded.version, state = excluded.state,
            user_type = excluded.user_type, mood = excluded.mood, engagement = excluded.engagement,
            messages = p.messages + 1, updated_at = excluded.updated_at
        """,
        [
            user_id,
            VERSION,
            json.dumps(reading.state),
            reading.label("user_type", "undecided"),
            float(sentiment.get("baseline", 0.0)),
            reading.label("engagement", "steady"),
            now,
        ],
    )


async def rewrite_profile(
    conn: Connection, user_id: UUID, readings: int, last: Reading | None, *, now: datetime
) -> bool:
    """Put what a rebuild read in place of the profile, the correction kept; False where there was none to read.

    `last` is the reading of the newest of `readings` messages, carried through all of them; None deletes the profile.
    """
    if last is None:
        await conn.execute("delete from profiles where user_id = %s and corrected is null", [user_id])
        return False
    await save_profile(conn, user_id, last, now=now)
    await conn.execute("update profiles set messages = %s where user_id = %s", [readings, user_id])
    return True


async def correct_profile(conn: Connection, user_id: UUID, user_type: str | None) -> bool:
    """Set the person's own word for who they are, or clear it with None; False when there is no profile."""
    cursor = await conn.execute("update profiles set corrected = %s where user_id = %s", [user_type, user_id])
    return cursor.rowcount == 1


async def forget_profile(conn: Connection, user_id: UUID) -> int:
    return (await conn.execute("delete from profiles where user_id = %s", [user_id])).rowcount


async def export_profile(conn: Connection, user_id: UUID) -> list[dict[str, Any]]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            "select user_type, corrected, mood, engagement, messages, state, updated_at from profiles"
            " where user_id = %s",
            [user_id],
        )
        return await cursor.fetchall()


HOLDINGS = {"profiles": (export_profile, forget_profile)}
"""How what this room holds about a person is exported and erased."""
