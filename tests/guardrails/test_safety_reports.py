"""What operators must tell: counted from the ledger and the log, small counts hidden, and the counts agree."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from house import House
from scripted_model import Scripted
from undertone.guardrails import crisis, ledger, reports
from undertone.resources import Connection

CRISIS = "I want to kill myself tonight."


async def write(conn: Connection, month: int, kind: str, count: int) -> None:
    for _ in range(count):
        await ledger.record_referral(conn, date(2026, month, 3), kind=kind, country="US")


async def test_a_year_is_counted_by_month_and_kind_with_the_protocol_it_was_under(conn: Connection) -> None:
    await write(conn, 1, "suicidal", 7)
    await write(conn, 3, "abuse", 6)
    await ledger.record_referral(conn, date(2025, 12, 31), kind="abuse")
    year = await reports.yearly(conn, 2026)
    assert year.total == 13
    assert year.by_month["2026-01"] == 7
    assert year.by_month["2026-02"] == 0
    assert year.by_kind == {"suicidal": 7, "self_harm": 0, "eating": 0, "abuse": 6, "danger": 0}
    assert year.protocol_version == crisis.require_protocol().version
    assert len(year.protocol_sha256) == 64
    assert crisis.require_protocol().directory in year.protocol_text["suicidal"]
    assert (year.ledger_lines, len(year.ledger_seal)) == (14, 64)


async def test_small_counts_are_hidden_and_no_sum_gives_them_back(conn: Connection) -> None:
    await write(conn, 1, "suicidal", 9)
    await write(conn, 2, "eating", 2)
    year = await reports.yearly(conn, 2026)
    assert year.total == 11
    assert year.by_kind["eating"] is None
    assert year.by_kind["suicidal"] is None, "eleven less nine would be two"
    assert year.by_month["2026-02"] is None
    assert year.by_month["2026-03"] == 0


@given(st.dictionaries(st.text(min_size=1, max_size=3), st.integers(0, 30), max_size=8))
def test_a_hidden_count_is_never_alone(counts: dict[str, int]) -> None:
    shown = reports.suppressed(counts)
    hidden = [name for name, count in shown.items() if count is None]
    assert all(count == counts[name] for name, count in shown.items() if count is not None)
    assert not any(0 < counts[name] < reports.FEWEST and shown[name] is not None for name in counts)
    assert len(hidden) != 1 or sum(1 for count in counts.values() if count) == 1


async def test_an_altered_ledger_makes_no_report(conn: Connection) -> None:
    await write(conn, 1, "suicidal", 2)
    await conn.execute("alter table referral_ledger disable trigger user")
    await conn.execute("update referral_ledger set kind = 'eating' where number = 1")
    with pytest.raises(ledger.LedgerError, match="Line 1"):
        await reports.yearly(conn, 2026)


async def test_a_kept_seal_shows_a_cut_off_end(conn: Connection) -> None:
    await write(conn, 1, "suicidal", 3)
    before = await ledger.verify(conn)
    await conn.execute("alter table referral_ledger disable trigger user")
    await conn.execute("delete from referral_ledger where number = 3")
    assert (await ledger.verify(conn)).count == 2, "the chain itself is whole"
    assert await ledger.seal_at(conn, before.count) is None
    assert await ledger.seal_at(conn, 0) == ledger.FIRST.hex()


async def test_shares_of_notices_come_from_what_happened(house: House, model: Scripted) -> None:
    anna = house.person()
    async with house.db.connection() as conn:
        since = datetime.now(UTC) - timedelta(seconds=1)
        await anna.say("Hello there.")
        await anna.say("are you a real person")
        await house.client.post("/v1/conversations", json={"user": anna.name, "persona": "theo"})
        found = await reports.notices(conn, since, datetime.now(UTC) + timedelta(minutes=1))
        assert found.conversations >= 1
        assert (found.at_start, found.throughout) == (1.0, 1.0)
        assert found.asked >= 1
        assert found.when_asked == 1.0
        late = await reports.notices(conn, since, since, every=timedelta(hours=2))
        assert (late.conversations, late.at_start, late.asked) == (0, None, 0)


async def test_ledger_incidents_and_alerts_agree_after_crises(house: House, model: Scripted) -> None:
    for name in ("one", "two"):
        person = house.person()
        await person.say(f"Hello, {name} here.")
        await person.say(CRISIS)
        await person.say(CRISIS)
    async with house.db.connection() as conn:
        check = await reports.reconcile(conn)
    assert check.agree
    assert check.ledger == check.incidents >= 4
    assert check.alerts <= check.crisis_incidents


async def test_the_public_page_tells_what_is_in_force_to_anybody(house: House) -> None:
    answer = await house.client.get("/safety", headers={"Authorization": ""})
    assert answer.status_code == 200
    page = answer.text
    assert crisis.require_protocol().directory in page
    for lines in crisis.require_protocol().lines.values():
        for line in lines:
            assert json.dumps(line.contact)[1:-1] in page or line.contact.replace("&", "&amp;") in page
    assert "Every 2 hours" in page
    assert "You are talking with an AI" in page
    assert f"{datetime.now(UTC).year} so far" in page
    assert "<script>" not in page
    assert "style=" not in page
