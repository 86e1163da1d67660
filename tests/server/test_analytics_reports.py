"""Reports and outcomes over HTTP: scopes, forms, bad input in words, counted once."""

from typing import Any

import httpx
import pytest

from house import House
from undertone.analytics import roll_up


@pytest.mark.parametrize("method", ["get", "post"])
async def test_they_need_the_scope(house: House, method: str) -> None:
    path = "/v1/analytics/reports/turns" if method == "get" else "/v1/outcomes"
    answer = await house.client.request(method, path, headers=await house.key(scopes=["chat"]))
    assert answer.status_code == 403


async def test_every_report_answers_as_json_and_csv(house: House) -> None:
    named = (await house.client.get("/v1/analytics/reports")).json()
    assert len(named) >= 16
    for report in named:
        path = f"/v1/analytics/reports/{report['name']}"
        shown = (await house.client.get(path)).json()
        assert shown["question"] == report["question"]
        text = (await house.client.get(path, params={"format": "csv"})).text
        assert text.splitlines()[0].split(",") == shown["columns"]
    assert (await house.client.get("/v1/analytics/reports/profit")).status_code == 404
    assert (await house.client.get("/v1/analytics/reports/turns?from=2026-02-31")).status_code == 422


async def test_an_outcome_is_kept_once_and_bad_ones_are_refused_in_words(house: House) -> None:
    anna = house.person()
    await anna.say("Hello")

    async def give(key: str | None = None, **more: object) -> httpx.Response:
        headers = {"Idempotency-Key": key} if key else {}
        return await house.client.post("/v1/outcomes", json={"user": anna.name} | more, headers=headers)

    paid: dict[str, Any] = {"kind": "purchase", "value": 9.9, "currency": "EUR", "at": "2026-05-01T10:00:00Z"}
    first, second = await give(**paid), await give(**paid)
    assert first.status_code == 201, first.text
    assert first.json() == second.json()
    keyed = await give("order-1", kind="regret")
    assert (await give("order-1", kind="regret")).json()["id"] == keyed.json()["id"]
    assert (await give("order-1", kind="thanks")).status_code == 409
    wrong: list[dict[str, Any]] = [
        {"kind": "profit"},
        {"kind": "purchase", "value": 5},
        {"kind": "purchase", "value": -5, "currency": "EUR"},
    ]
    for bad in wrong:
        assert (await give(**bad)).status_code == 422
    unknown = await house.client.post("/v1/outcomes", json={"user": "nobody-here", "kind": "thanks"})
    assert unknown.status_code == 404


async def test_a_persons_days_are_shown_to_whoever_reads_reports(house: House) -> None:
    anna = house.person()
    await anna.say("Hello")
    await anna.say("How are you?")
    async with house.db.connection() as conn, conn.transaction():
        await roll_up(conn)
        await conn.execute(
            "insert into sessions (id, site, visitor, user_id, started_at, last_seen_at, engaged_s, pages, entry_path,"
            " exit_path, device, is_bot)"
            " select gen_random_uuid(), 's', 'v', user_id, at, at, 40, 3, '/', '/', 'phone', false from users,"
            " (values (now()), (now() - interval '2 days')) v(at) where external_id = %s",
            [anna.name],
        )
    path = f"/v1/analytics/users/{anna.name}/metrics"
    shown = (await house.client.get(path)).json()
    looked, day = [dict(zip(shown["columns"], row, strict=True)) for row in shown["rows"]]
    assert (day["turns"], day["conversations"], day["day"]) == (2, 1, shown["last"])
    assert (day["sessions"], day["pages"], day["engaged_s"]) == (1, 3, 40)
    assert (looked["turns"], looked["sessions"], looked["user_type"]) == (0, 1, None)
    assert (await house.client.get(path, params={"format": "csv"})).text.startswith("day,turns,conversations")
    assert (await house.client.get("/v1/analytics/users/nobody-here/metrics")).status_code == 404
    assert (await house.client.get(path, headers=await house.key(scopes=["chat"]))).status_code == 403
    assert (await house.client.get(path, params={"from": "2026-05-02", "to": "2026-05-01"})).status_code == 400
