"""The event log keeps what happened with the transaction it happened in, and lets go of a person's part of it."""

from uuid import uuid4

from undertone import events
from undertone.db import Connection


async def test_events_of_several_people_are_kept_at_once_and_erased_by_person(conn: Connection) -> None:
    one, other, turn = uuid4(), uuid4(), uuid4()
    await events.record(
        conn,
        events.NoticeShown(user_id=one, turn_id=turn, reason="start"),
        events.RailTripped(user_id=other, turn_id=turn, side="input", rail="injection"),
        events.ConversationClosed(user_id=None, conversation_id=turn, messages=3),
    )
    held = await events.export_events(conn, one)
    assert [(event["kind"], event["data"]) for event in held] == [
        ("NoticeShown", {"turn_id": str(turn), "reason": "start"})
    ]
    assert await events.erase_events(conn, one) == 1
    assert await events.export_events(conn, one) == []
    assert len(await events.export_events(conn, other)) == 1


async def test_recording_nothing_asks_the_database_nothing(conn: Connection) -> None:
    await events.record(conn)
    cursor = await conn.execute("select count(*) from events")
    assert await cursor.fetchone() == (0,)
