"""Incidents over HTTP: one opens with a crisis, agrees with the ledger, is worked through, and outlives the person."""

from datetime import timedelta

from house import House, Person
from scripted_model import Scripted
from undertone.db import transaction
from undertone.people import identity

CRISIS = "I want to kill myself tonight"
CALM = "The soup turned out nicely today"


async def incidents_of(house: House, person: Person) -> list[dict[str, object]]:
    listed = (await house.client.get("/v1/incidents", params={"limit": 500})).json()
    assert listed["referrals"] == listed["ledger"]
    return [incident for incident in listed["incidents"] if incident["user"] == person.name]


async def back(house: House, person: Person, by: timedelta) -> None:
    """Let time pass for somebody: their care state as if all of it had been earlier."""
    async with transaction(house.db) as conn:
        user = await identity.find_user(conn, str(person.name))
        await conn.execute(
            "update care_states set crisis_at = crisis_at - %(by)s, concern_at = concern_at - %(by)s,"
            " alerted_at = alerted_at - %(by)s, romance_until = romance_until - %(by)s,"
            " offers_until = offers_until - %(by)s, referred_at = referred_at - %(by)s,"
            " disclosed_at = disclosed_at - %(by)s where user_id = %(user)s",
            {"by": by, "user": user.user_id},
        )


async def test_a_crisis_opens_one_and_each_referral_counts_on_it(house: House, model: Scripted) -> None:
    anna = house.person()
    heard = await anna.say(CRISIS)
    [incident] = await incidents_of(house, anna)
    assert (incident["level"], incident["kind"], incident["state"]) == ("crisis", "suicidal", "open")
    assert (incident["conversation"], incident["referrals"]) == (heard.done["conversation"], 1)
    assert CRISIS not in str(incident)
    await anna.say(CRISIS)
    [incident] = await incidents_of(house, anna)
    assert incident["referrals"] == 2
    await back(house, anna, timedelta(hours=2))
    await anna.say(CRISIS)
    assert [i["referrals"] for i in await incidents_of(house, anna)] == [1, 2]


async def test_an_operator_sees_closes_and_opens_again_with_a_note(house: House, model: Scripted) -> None:
    anna = house.person()
    await anna.say(CRISIS)
    [incident] = await incidents_of(house, anna)
    path = f"/v1/incidents/{incident['id']}"
    seen = (await house.client.post(path, json={"state": "seen"})).json()
    assert seen["seen_by"].startswith("key ")
    closed = (await house.client.post(path, json={"state": "closed", "note": "Called back."})).json()
    assert (closed["state"], closed["note"]) == ("closed", "Called back.")
    refused = await house.client.post(path, json={"state": "seen"})
    assert refused.status_code == 422
    assert (await house.client.post(path, json={"state": "open"})).json()["closed_at"] is None
    assert (await house.client.post(path, json={"state": "gone"})).status_code == 422
    unknown = "/v1/incidents/0190a1b2-0000-7000-8000-000000000000"
    assert (await house.client.post(unknown, json={"state": "seen"})).status_code == 404


async def test_only_who_may_care_sees_them(house: House, model: Scripted) -> None:
    anna = house.person()
    await anna.say("Hello.")
    signed_in = await house.token_of(anna)
    assert (await house.client.get("/v1/incidents", headers=signed_in.headers)).status_code == 403
    other = await house.key(scopes={"chat", "people"})
    assert (await house.client.get("/v1/incidents", headers=other)).status_code == 403


async def test_erasing_the_person_leaves_the_count_and_nothing_else(house: House, model: Scripted) -> None:
    anna = house.person()
    await anna.say(CRISIS)
    [incident] = await incidents_of(house, anna)
    exported = (await house.client.get(f"/v1/users/{anna.name}/export")).json()["tables"]["incidents"]
    assert [row["id"] for row in exported] == [incident["id"]]
    assert (await house.client.delete(f"/v1/users/{anna.name}")).status_code == 200
    assert await incidents_of(house, anna) == []
    listed = (await house.client.get("/v1/incidents", params={"limit": 500})).json()["incidents"]
    [left] = [i for i in listed if i["id"] == incident["id"]]
    assert (left["user"], left["conversation"], left["persona"], left["kind"]) == (None, None, None, "suicidal")


async def test_the_day_after_is_asked_about_once_and_recorded(house: House, model: Scripted) -> None:
    anna = house.person()
    await anna.say(CRISIS)
    await anna.say(CALM)
    assert "Ask once" not in model.last_words, "not within the hour"
    await back(house, anna, timedelta(hours=20))
    heard = await anna.say(CALM)
    assert "Ask once" in model.last_words
    duties = (await anna.ended(heard.turn))["why"]["duties"]
    assert (duties["follow_up"], duties["offers_paused"], duties["romance_paused"]) == (True, True, True)
    await anna.say(CALM)
    assert "Ask once" not in model.last_words
    exported = (await house.client.get(f"/v1/users/{anna.name}/export")).json()["tables"]["events"]
    assert [e["data"]["care_kind"] for e in exported if e["kind"] == "CareFollowedUp"] == ["suicidal"]


async def test_after_a_week_nobody_is_asked_any_more(house: House, model: Scripted) -> None:
    anna = house.person()
    await anna.say(CRISIS)
    await back(house, anna, timedelta(days=8))
    await anna.say(CALM)
    assert "Ask once" not in model.last_words
