"""Decay: bounded, with a floor; old and weak memories cool down, pinned ones never, and words bring them back."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from undertone import memory
from undertone.db import Connection
from undertone.memory import decay, kept_store

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
days = st.floats(min_value=0, max_value=20_000)
uses = st.integers(min_value=0, max_value=1_000)
importance = st.floats(min_value=0, max_value=1)


@given(days, days, uses, importance, st.booleans())
def test_strength_is_bounded_and_pinned_is_whole(age: float, idle: float, n: int, weight: float, pinned: bool) -> None:
    found = decay.strength(age_days=age, idle_days=idle, uses=n, importance=weight, pinned=pinned)
    assert decay.FLOOR <= found <= 1.0 + 1e-9
    assert not pinned or (
        found == 1.0 and not decay.cools(age_days=age, idle_days=idle, uses=n, importance=weight, pinned=True)
    )


@given(days, days, uses, importance, st.floats(min_value=0, max_value=5_000), st.integers(min_value=0, max_value=50))
def test_time_weakens_use_and_importance_strengthen(
    age: float, idle: float, n: int, weight: float, more: float, again: int
) -> None:
    now = decay.strength(age_days=age, idle_days=idle, uses=n, importance=weight)
    assert decay.strength(age_days=age + more, idle_days=idle + more, uses=n, importance=weight) <= now + 1e-9
    assert decay.strength(age_days=age, idle_days=idle, uses=n + again, importance=weight) >= now - 1e-9
    assert decay.strength(age_days=age, idle_days=idle, uses=n, importance=min(1, weight + 0.1)) >= now - 1e-9


@given(days, uses, importance)
def test_nothing_cools_within_a_year_of_its_use(age: float, n: int, weight: float) -> None:
    assert not decay.cools(age_days=age, idle_days=decay.OLD_DAYS - 1, uses=n, importance=weight)


async def remembered(
    conn: Connection, user: UUID, kind: str, text: str, *, ago: int, sensitivity: str = "normal"
) -> UUID:
    return await kept_store.add(
        conn,
        user_id=user,
        persona_id="mira",
        kind=kind,
        text=text,
        subject="",
        confidence=0.8,
        sensitivity=sensitivity,
        source=None,
        at=NOW - timedelta(days=ago),
    )


async def tiers(conn: Connection, user: UUID) -> dict[str, str]:
    return {held.text: held.tier for held in await memory.kept(conn, user)}


async def test_old_and_weak_memories_cool_and_words_bring_them_back(conn: Connection) -> None:
    user = uuid4()
    await remembered(conn, user, "event", "Said on 01 March 2024: “I had a tandem race in Ghent”", ago=800)
    await remembered(conn, user, "event", "Said on 01 May 2026: “I had a swim in the lake”", ago=31)
    await remembered(conn, user, "person", "Their sister is called Ana", ago=800)
    pinned = await remembered(conn, user, "event", "Said on 02 March 2024: “I won the raffle”", ago=800)
    await memory.edit(conn, user, pinned, pinned=True, now=NOW)
    assert await memory.cool(conn, now=NOW) == 1
    assert [text for text, tier in (await tiers(conn, user)).items() if tier == "cold"] == [
        "Said on 01 March 2024: “I had a tandem race in Ghent”"
    ]
    later = await memory.open_conversation(conn, user, "mira", now=NOW)
    card = (await memory.background(conn, user, "mira", later.id)).card
    assert len(card) == 3
    assert not any("tandem" in line for line in card)
    assert await memory.wake(conn, user, "mira", "what did I win?", now=NOW) == []
    (back,) = await memory.wake(conn, user, "mira", "that tandem in Ghent, when was it?", now=NOW)
    assert "tandem" in back.text
    assert set((await tiers(conn, user)).values()) == {"hot"}
    assert await memory.cool(conn, now=NOW) == 0, "it was used just now"


async def test_special_things_are_found_by_words_only(conn: Connection) -> None:
    user = uuid4()
    await remembered(conn, user, "fact", "They were diagnosed with ADHD", ago=3, sensitivity="special")
    assert await memory.wake(conn, user, "mira", "I slept badly", now=NOW) == []
    (found,) = await memory.wake(conn, user, "mira", "when was I diagnosed with ADHD?", now=NOW)
    assert found.text == "They were diagnosed with ADHD"
