"""Reminders from the wish to the message: told or asked about, said once at their time, taken off with one call."""

from datetime import UTC, datetime, timedelta
from typing import Any

from house import House, Person
from scripted_model import Scripted
from undertone.db import transaction
from undertone.engine import deliveries

WISH = "Wish me luck on {day}, I have my driving test!"
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def wish() -> str:
    """A wish for the day after tomorrow."""
    return WISH.format(day=DAYS[(datetime.now(UTC) + timedelta(days=2)).weekday()])


async def agrees(house: House, person: Person, granted: bool = True) -> None:
    answer = {"purpose": "reminders", "version": "1", "granted": granted}
    assert (await house.client.post(f"/v1/users/{person.name}/consents", json=answer)).status_code == 201


async def listed(person: Person, **params: Any) -> list[dict[str, Any]]:
    return await person.get("/v1/reminders", **params)


async def deliver(house: House, at: datetime) -> int:
    async with transaction(house.db) as conn:
        return await deliveries.deliver_due(conn, at)


def due(reminder: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(reminder["due_at"])


async def test_with_consent_it_is_set_told_and_said_once_when_its_time_has_come(house: House, model: Scripted) -> None:
    anna = house.person()
    await agrees(house, anna)
    clock = {"time_zone": "Europe/Berlin", "quiet_from": 21, "quiet_to": 9}
    assert (await house.client.put(f"/v1/users/{anna.name}/clock", json=clock)).json() == clock
    heard = await anna.say(wish())
    shown = heard.done["reminder"]
    assert (shown["kind"], shown["state"], shown["time_zone"]) == ("luck", "set", "Europe/Berlin")
    assert "it is set for" in model.last_words
    (waiting,) = await listed(anna, state="set")
    assert waiting["id"] == shown["id"]
    assert await deliver(house, due(waiting) - timedelta(minutes=1)) == 0
    assert await deliver(house, due(waiting) + timedelta(minutes=1)) == 1
    assert await deliver(house, due(waiting) + timedelta(minutes=2)) == 0, "once"
    (said,) = await listed(anna)
    assert said["state"] == "delivered"
    role, text = (await anna.messages(said["conversation"]))[-1]
    assert role == "assistant"
    assert text.startswith("Good luck! You asked me on ")
    assert "driving test" in text
    since = (due(waiting) - timedelta(days=1)).isoformat()
    polled = (await house.client.get("/v1/reminders/delivered", params={"since": since})).json()
    mine = [row for row in polled if row["user"] == anna.name]
    assert [(row["text"], row["ai_generated"]) for row in mine] == [(text, True)]
    events = (await anna.get(f"/v1/users/{anna.name}/export"))["tables"]["events"]
    assert [e["data"]["state"] for e in events if e["kind"] == "ReminderChanged"] == ["set", "delivered"]


async def test_without_an_answer_they_are_asked_and_nothing_is_promised(house: House, model: Scripted) -> None:
    anna = house.person()
    shown = (await anna.say(wish())).done["reminder"]
    assert shown["state"] == "proposed"
    assert "Promise nothing" in model.last_words
    assert await deliver(house, datetime.now(UTC) + timedelta(days=3)) == 0
    path = f"/v1/reminders/{shown['id']}"
    refused = await house.client.post(f"{path}/accept", params={"user": anna.name})
    assert (refused.status_code, refused.json()["code"]) == (403, "consent_required")
    await agrees(house, anna)
    assert (await house.client.post(f"{path}/accept", params={"user": anna.name})).status_code == 204
    assert [one["state"] for one in await listed(anna)] == ["set"]
    assert (await house.client.delete(path, params={"user": anna.name})).status_code == 204
    assert [one["state"] for one in await listed(anna)] == ["cancelled"]
    assert (await house.client.delete(path, params={"user": anna.name})).status_code == 404
    stranger = house.person()
    assert (await house.client.delete(path, params={"user": stranger.name})).status_code == 404


async def test_who_said_no_is_neither_asked_nor_reminded(house: House, model: Scripted) -> None:
    anna = house.person()
    await agrees(house, anna)
    await anna.say(wish())
    await agrees(house, anna, granted=False)
    assert (await anna.say("And " + wish())).done["reminder"] is None
    (waiting,) = await listed(anna)
    assert await deliver(house, due(waiting) + timedelta(minutes=1)) == 0
    assert [one["state"] for one in await listed(anna)] == ["cancelled"]


async def test_a_reminder_waits_out_quiet_hours_and_is_dropped_when_late(house: House, model: Scripted) -> None:
    anna, ben = house.person(), house.person()
    for somebody in (anna, ben):
        await agrees(house, somebody)
        await somebody.say(wish())
    (waiting,) = await listed(anna)
    loud = {"time_zone": "UTC", "quiet_from": due(waiting).hour, "quiet_to": (due(waiting).hour + 2) % 24}
    await house.client.put(f"/v1/users/{anna.name}/clock", json=loud)
    await house.client.delete(f"/v1/reminders/{(await listed(ben))[0]['id']}", params={"user": ben.name})
    assert await deliver(house, due(waiting) + timedelta(minutes=1)) == 0
    (moved,) = await listed(anna)
    assert moved["state"] == "set"
    assert due(moved).hour == loud["quiet_to"]
    assert await deliver(house, due(moved) + timedelta(hours=13)) == 0
    assert [one["state"] for one in await listed(anna)] == ["missed"]


async def test_nobody_is_wished_luck_amid_a_crisis_or_on_a_break(house: House, model: Scripted) -> None:
    anna = house.person()
    await agrees(house, anna)
    await anna.say(wish())
    await anna.say("I want to kill myself")
    (waiting,) = await listed(anna)
    async with transaction(house.db) as conn:  # as if it were due now
        await conn.execute("update reminders set due_at = now() where id = %s", [waiting["id"]])
    assert await deliver(house, datetime.now(UTC) + timedelta(minutes=1)) == 0
    assert [one["state"] for one in await listed(anna)] == ["held"]
    assert (await anna.say(wish())).done["reminder"] is None, "nor is a new one proposed then"


async def test_one_can_be_set_outright_and_bad_ones_are_refused_in_words(house: House, model: Scripted) -> None:
    anna = house.person()
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).replace(hour=12)
    body = {"user": anna.name, "words": "call mum", "at": tomorrow.isoformat()}
    assert (await house.client.post("/v1/reminders", json=body)).status_code == 403
    await agrees(house, anna)
    made = await house.client.post("/v1/reminders", json=body)
    assert made.status_code == 201
    assert due(made.json()) == tomorrow
    past = body | {"at": "2020-01-01T00:00:00+00:00"}
    for wrong in (past, body | {"at": "tomorrow"}, body | {"words": ""}, body | {"kind": "nag"}):
        assert (await house.client.post("/v1/reminders", json=wrong)).status_code == 422
    zone = await house.client.put(f"/v1/users/{anna.name}/clock", json={"time_zone": "Mars/Base"})
    assert zone.status_code == 422
    assert "Europe/Berlin" in zone.json()["detail"]
    for _ in range(19):
        assert (await house.client.post("/v1/reminders", json=body)).status_code == 201
    full = await house.client.post("/v1/reminders", json=body)
    assert (full.status_code, "take one off" in full.json()["detail"]) == (422, True)


async def test_a_person_sees_only_their_own(house: House, model: Scripted) -> None:
    anna = await house.token_of(house.person())
    assert (await house.client.get("/v1/reminders/delivered", headers=anna.headers)).status_code == 403
    assert await listed(anna) == []


async def test_play_and_a_second_reply_to_the_same_wish_set_nothing(house: House, model: Scripted) -> None:
    anna = house.person()
    await agrees(house, anna)
    await anna.say(f"*{wish()}*")
    assert await listed(anna) == []
    turn = (await anna.say(wish())).turn
    again = await house.client.post(f"/v1/turns/{turn}/regenerate", params={"user": anna.name})
    assert again.status_code == 200
    assert len(await listed(anna)) == 1
