"""A scripted week with five people, played over HTTP: transcript, readings, strategies and offers, turn by turn.

    week = await play(house)         # JSON-ready; `week_page.page(week)` makes docs/week.md of it

The days pass by moving a person's own rows back in time, so that silence, breaks and greetings are the engine's own.
Knows no assertion.
"""

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from house import House, Person
from undertone.db import transaction
from undertone.engine import deliveries

SCRIPT: dict[str, dict[str, Any]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
BETWEEN_S = 90
"""Seconds from one message to the next."""
OFFER = {
    "id": "song",
    "title": "A song of your own",
    "description": "Written and sung from a few words of yours.",
    "price": "4.99",
    "currency": "EUR",
    "url": "https://shop.example/song",
    "cues": ["song of your own"],
}


async def play(house: House, only: str | None = None) -> dict[str, list[dict[str, Any]]]:
    """Live the week, or the week of one of them; the turns of each person in order."""
    assert (await house.client.post("/v1/offers", json=OFFER)).status_code == 201
    week: dict[str, list[dict[str, Any]]] = {}
    for name, script in SCRIPT.items():
        if only in (None, name):
            week[name] = await _live(house, name, script)
    return week


async def _live(house: House, name: str, script: dict[str, Any]) -> list[dict[str, Any]]:
    person = house.person(name, persona=script["persona"])
    for purpose in script.get("agrees", ()):
        answer = {"purpose": purpose, "version": "1", "granted": True}
        assert (await house.client.post(f"/v1/users/{name}/consents", json=answer)).status_code == 201
    all_day = {"time_zone": "UTC", "quiet_from": 0, "quiet_to": 0}
    assert (await house.client.put(f"/v1/users/{name}/clock", json=all_day)).status_code == 200
    lived: list[dict[str, Any]] = []
    for day in DAYS:
        if (reminded := await _reminded(house, person)) is not None:
            lived.append({"day": day, "said": None, "reply": reminded})
        for text in script["days"].get(day, ()):
            lived.append(await _turn(house, person, day, text, script["seconds"]))
            await pass_time(house, name, BETWEEN_S)
        await pass_time(house, name, 24 * 3600)
    return lived


async def _turn(house: House, person: Person, day: str, text: str, seconds: float) -> dict[str, Any]:
    heard = await person.say(text, response_time_s=seconds, typing_stops=0)
    why = (await person.get(f"/v1/turns/{heard.turn}"))["why"]
    async with house.db.connection() as conn:
        query = "select data->'against' from events where kind = 'OfferWeighed' and data->>'turn_id' = %s"
        weighed = await (await conn.execute(query, [heard.turn])).fetchone()
    signals, chosen, done = why.get("signals", {}), why.get("strategy", {}), heard.done
    typed = signals.get("user_type", {})
    return {
        "day": day,
        "said": text,
        "reply": done["text"],
        "strategy": done["strategy"],
        "why": chosen.get("why"),
        "user_type": done["user_type"],
        "sure": round(typed["score"], 2) if typed else None,
        "mood": round(signals["sentiment"]["score"], 2) if signals else None,
        "engagement": signals.get("engagement", {}).get("label"),
        "behaviour": signals.get("behaviour", {}).get("label"),
        "strain": signals.get("strain", {}).get("label"),
        "care": why["duties"]["level"],
        "flirtation": chosen.get("flirtation", "none"),
        "narrowed": chosen.get("narrowed", []),
        "temperature": why.get("context", {}).get("temperature"),
        "max_tokens": why.get("context", {}).get("max_tokens"),
        "offer": done["offer"]["id"] if done["offer"] else None,
        "against": weighed[0] if weighed else None,
        "reminder": done["reminder"]["state"] if done["reminder"] else None,
        "memories": len(done["memories"]),
    }


async def _reminded(house: House, person: Person) -> str | None:
    """Say a reminder whose day has come; its words, or None."""
    waiting = await person.get("/v1/reminders", state="set")
    now = datetime.now(UTC)
    if not waiting or datetime.fromisoformat(waiting[0]["due_at"]).date() > now.date():
        return None
    async with transaction(house.db) as conn:
        await conn.execute(
            "update reminders set due_at = now() - interval '1 second' where id = %s", [waiting[0]["id"]]
        )
        assert await deliveries.deliver_due(conn, now + timedelta(seconds=1)) == 1
    said = (await person.get("/v1/reminders", state="delivered"))[-1]
    return (await person.messages(said["conversation"]))[-1][1]


async def pass_time(house: House, name: str, seconds: float) -> None:
    """Move all that happened to one person so far back in time."""
    moved = {
        "messages": ("created_at",),
        "conversations": ("opened_at", "last_at"),
        "care_states": (
            *("crisis_at", "concern_at", "referred_at", "alerted_at", "checked_in_at"),
            *("romance_until", "offers_until", "disclosed_at"),
        ),
        "admissions": ("minute_began", "day_began"),
        "offer_mentions": ("mentioned_at",),
        "offer_rests": ("rest_until",),
        "reminders": ("created_at", "due_at", "delivered_at"),
    }
    async with transaction(house.db) as conn:
        for table, columns in moved.items():
            changes = ", ".join(f"{column} = t.{column} - make_interval(secs => %(s)s)" for column in columns)
            query = f"update {table} t set {changes} from users u where u.user_id = t.user_id and external_id = %(n)s"
            await conn.execute(query.encode(), {"s": seconds, "n": name})
