"""Times that lean on the person's own events, and recall that does not say the same twice."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from undertone import memory
from undertone.db import Connection
from undertone.llm.embedder import MiniLM
from undertone.memory.times import anchor, anchored

TUESDAY = datetime(2026, 5, 5, 19, tzinfo=UTC)
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)

OTHER_DAYS = (
    "the bus was late again and I read half a novel on the way",
    "my sister painted her kitchen green",
    "I cannot find my umbrella anywhere",
    "we watched the cup final with the neighbours",
    "the cat slept on my keyboard all morning",
    "I finally repaired the tap in the bathroom",
    "our choir sings in the old church on Sundays",
    "the garden needs rain badly",
)


async def tell(conn: Connection, embedder: MiniLM, user: UUID, at: datetime, *texts: str) -> None:
    conversation = await memory.open_conversation(conn, user, "mira", now=at)
    for n, (text, vector) in enumerate(zip(texts, embedder.embed_now(list(texts)), strict=True)):
        await memory.append(
            conn,
            user_id=user,
            conversation_id=conversation.id,
            persona_id="mira",
            role="user",
            text=text,
            now=at + timedelta(minutes=n),
            vector=vector,
        )


@pytest.mark.parametrize(
    ("told", "first", "last"),
    [
        ("my exam is on Friday", 7, 7),
        ("my exam is tomorrow", 5, 5),
        ("the exam is on 20 May", 19, 19),
        ("I sat my exam", 4, 4),
        ("my exam was two days ago", 2, 2),
        ("my exam is next week", 10, 16),
        ("my exam is in two weeks", 15, 21),
        ("my exam is in May", 30, 30),
    ],
)
def test_the_day_before_an_event_is_counted_from_where_it_was_told(told: str, first: int, last: int) -> None:
    leaning = anchor("what did I do the day before my exam?")
    assert leaning is not None
    assert leaning.event == "exam"
    span = anchored(leaning, told, TUESDAY)
    assert (span.start.day, span.end.day) == (first, last + 1)


@pytest.mark.parametrize("text", ["before my time", "the day before yesterday", "call me before the train", "hello"])
def test_what_leans_on_no_event_has_no_anchor(text: str) -> None:
    assert anchor(text) is None


def test_the_week_after_is_a_week() -> None:
    leaning = anchor("how was the week after the wedding party")
    assert leaning is not None
    span = anchored(leaning, "the wedding party was yesterday", TUESDAY)
    assert (span.end - span.start) == timedelta(days=7)
    assert span.start.day == 5


@pytest.mark.parametrize(
    ("question", "event", "first", "last"),
    [
        ("what happened two days before my exam?", "exam", -2, -2),
        ("how was the week before the wedding party", "wedding party", -7, -1),
        ("the three weeks after our holiday were good", "holiday", 1, 21),
        ("what did I do the day after my exam and who came?", "exam", 1, 1),
        ("the night before my exam did I sleep?", "exam", -1, -1),
    ],
)
def test_numbers_of_days_and_the_name_of_the_event_are_read(question: str, event: str, first: int, last: int) -> None:
    leaning = anchor(question)
    assert leaning is not None
    assert (leaning.event, leaning.first, leaning.last) == (event, first, last)


async def test_the_evening_before_my_exam_is_found(conn: Connection, embedder: MiniLM) -> None:
    user = uuid4()
    await tell(conn, embedder, user, TUESDAY - timedelta(days=30), *OTHER_DAYS)
    await tell(conn, embedder, user, TUESDAY, "my biology exam is on Friday, wish me luck")
    await tell(conn, embedder, user, TUESDAY - timedelta(days=9), "we ate dumplings and walked by the canal tonight")
    await tell(conn, embedder, user, TUESDAY + timedelta(days=2), "we ate noodles and I walked to the pier tonight")
    await tell(conn, embedder, user, TUESDAY + timedelta(days=20), "we ate pancakes and walked round the lake tonight")
    question = "what did we eat the evening before my exam?"
    found = await memory.recall(conn, user, "mira", question, embedder.embed_now([question])[0], now=NOW, k=2)
    noodles = next(hit for hit in found if "noodles" in hit.text)
    assert "evening before my exam" in noodles.why
    assert found.index(noodles) == min(n for n, hit in enumerate(found) if "ate" in hit.text)


async def test_the_same_in_other_order_is_not_recalled_twice(conn: Connection, embedder: MiniLM) -> None:
    user = uuid4()
    await tell(
        conn,
        embedder,
        user,
        TUESDAY,
        "the red kite over the harbour broke its string",
        "its string broke, the red kite over the harbour!",
        "my uncle mended the kite with tape",
    )
    found = await memory.recall(conn, user, "mira", "kite", embedder.embed_now(["kite"])[0], now=NOW, k=3)
    assert len([hit for hit in found if "harbour" in hit.text]) == 1
    assert any("uncle" in hit.text for hit in found)


async def test_a_long_memory_that_does_not_fit_leaves_room_for_a_short_one(conn: Connection, embedder: MiniLM) -> None:
    user = uuid4()
    long = "the kite " + " ".join(f"flew past tower number {n}" for n in range(60))
    await tell(conn, embedder, user, TUESDAY, long, "my kite is red")
    found = await memory.recall(
        conn, user, "mira", "kite tower", embedder.embed_now(["kite tower"])[0], now=NOW, budget_tokens=60
    )
    assert [hit.text for hit in found] == ["my kite is red"]
