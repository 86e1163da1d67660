"""Forgetting is complete, over every column of every table; a worker killed amid its keeping loses nothing."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from psycopg import sql

from house import House
from scripted_model import Scripted
from undertone import app, jobs, memory, people
from undertone.db import Connection, Pool, transaction
from undertone.engine import care, forgetting
from undertone.llm.clerk import Clerk
from undertone.llm.embedder import MiniLM
from undertone.llm.offline import Offline
from undertone.memory import terms
from undertone.people import privacy
from undertone.resources import Resources

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
KEY = people.Principal(kind="key", scopes=frozenset(), attests=frozenset({"adult", "chat", "memory"}), key_id="test")
KEEPING_WORKER = Path(__file__).parents[1] / "programs" / "keeping_worker.py"
MODELS = Path(__file__).parents[2] / "var" / "models"
TOO_LONG_S = 60.0


async def places_of(conn: Connection, marker: str) -> list[str]:
    """The tables in which a word stands, in words, in bytes, or as the hash of its stem."""
    stem = terms.hash_stems(terms.analyse(marker)).tobytes().hex()
    tables = await (await conn.execute("select tablename from pg_tables where schemaname = 'public'")).fetchall()
    found: list[str] = []
    for (table,) in tables:
        query = sql.SQL(
            "select count(*) from {} as t where position(%s in lower(t::text)) > 0 or position(%s in t::text) > 0"
            " or position(%s in t::text) > 0"
        ).format(sql.Identifier(table))
        row = await (await conn.execute(query, (marker.lower(), marker.encode().hex(), stem))).fetchone()
        if row is not None and row[0]:
            found.append(table)
    return sorted(found)


async def tell(house: House, model: Scripted, marker: str) -> UUID:
    """Somebody tells a marker, it is answered with it, quoted back, kept, summed up in every level."""
    anna = house.person()
    model.will(f"{marker} is a fine name.")
    await anna.say(f"My sister is called {marker}. I met her in Porto on the pier.")
    await anna.say("I live in Leeds and the rain is loud.")
    async with transaction(house.db) as conn:
        row = await (await conn.execute("select user_id from users where external_id = %s", [anna.name])).fetchone()
        assert row is not None
        user: UUID = row[0]
        await conn.execute(
            "update conversations set opened_at = opened_at - interval '70 days' where user_id = %s", [user]
        )
        for conversation in await memory.list_conversations(conn, user):
            await memory.close_conversation(conn, user, conversation.id, now=datetime.now(UTC))
    await run_jobs(house, user)
    await house.client.post("/v1/conversations", json={"user": anna.name, "persona": "mira"})
    await anna.say("what was my sister called again?")
    await run_jobs(house, user)
    return user


async def run_jobs(house: House, user: UUID) -> None:
    """All that runs after a turn and by the clock."""
    resources = replace(house.engine.resources, clerk=None)
    await care.after_turn(resources, user_id=str(user), persona_id="mira", remembers=True)
    await care.sum_up(resources, user_id=str(user), persona_id="mira")
    await care.cool_memories(resources)
    await care.delete_forgotten(resources)


async def test_forgetting_words_leaves_no_trace_in_any_table(house: House, model: Scripted) -> None:
    marker = "Quillfeather"
    user = await tell(house, model, marker)
    async with transaction(house.db) as conn:
        planted = await places_of(conn, marker)
        assert {"messages", "memories", "conversations", "summaries", "sent_texts"} <= set(planted)
        (fact,) = [held for held in await memory.kept(conn, user) if marker in held.text]
        await forgetting.forget(conn, user, fact.id, sources=True)
    await run_jobs(house, user)
    async with transaction(house.db) as conn:
        assert await places_of(conn, marker) == []
        exported = str(await privacy.export_person(conn, user))
        assert marker not in exported
        assert "Leeds" in exported, "the rest is still there"


async def test_what_was_hidden_is_gone_from_every_table_when_it_can_no_longer_be_taken_back(
    house: House, model: Scripted
) -> None:
    marker = "Saltmarrow"
    user = await tell(house, model, marker)
    async with transaction(house.db) as conn:
        (fact,) = [held for held in await memory.kept(conn, user) if marker in held.text]
        hidden_at = datetime.now(UTC) - memory.UNDO_FOR - timedelta(minutes=1)
        await memory.hide(conn, user, fact.id, sources=True, now=hidden_at)
        assert "messages" in await places_of(conn, marker), "it could still be taken back"
    await run_jobs(house, user)
    async with transaction(house.db) as conn:
        assert await places_of(conn, marker) == []
        assert marker not in str(await privacy.export_person(conn, user))


async def test_what_a_model_wrote_of_it_goes_too_while_the_conversation_is_open(
    db: Pool, embedder: MiniLM, model: Scripted
) -> None:
    app.wire_privacy()
    marker = "Brackenjug"
    resources = Resources(db=db, chat=Offline(), embed=embedder, recall_embed=embedder, clerk=Clerk(model))
    lines = [f"My sister {marker} lives in Porto."]
    lines += [f"On day {number} I wrote a letter to my aunt." for number in range(100)]
    user = await told(db, "anna", lines)
    model.will(json.dumps({"summary": f"They wrote to their aunt; {marker} lives in Porto.", "title": "Letters"}))
    assert await memory.sum_up_so_far(resources, user, "mira", now=NOW + timedelta(hours=1)) == 1
    async with transaction(db) as conn:
        assert {"messages", "summaries"} <= set(await places_of(conn, marker))
        (words,) = [one for one in await memory.said(conn, user, limit=200) if marker in one.text]
        await forgetting.forget(conn, user, words.id)
        assert await places_of(conn, marker) == []


async def test_erasing_somebody_leaves_no_trace_in_any_table(house: House, model: Scripted) -> None:
    marker = "Thornbasket"
    user = await tell(house, model, marker)
    async with transaction(house.db) as conn:
        assert await places_of(conn, marker)
        assert await places_of(conn, str(user))
        await privacy.erase_person(conn, user)
        assert await places_of(conn, marker) == []
        assert await places_of(conn, str(user)) == []


@pytest.fixture
def fast_rescue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "POLL_S", 0.05)
    monkeypatch.setattr(jobs, "STALLED_AFTER_S", 1.0)
    monkeypatch.setattr(jobs, "HEARTBEAT_S", 0.2)
    monkeypatch.setattr(jobs, "RESCUE_TIMETABLE", "* * * * * *")


LINES = (
    "I live in Leeds",
    "My dog is called Rex",
    *(f"I love old maps of county {n % 7}" for n in range(46)),
    "I live in Porto",
    "My dog is called Rex",
)
"""Fifty messages, more than one batch, with repeats and a contradiction across the batches."""


async def told(db: Pool, name: str, lines: Sequence[str] = LINES) -> UUID:
    """Somebody who said all that in one conversation."""
    async with transaction(db) as conn:
        user = (await people.standing(conn, KEY, name)).user_id
        conversation = await memory.open_conversation(conn, user, "mira", now=NOW)
        for number, text in enumerate(lines):
            await memory.append(
                conn,
                user_id=user,
                conversation_id=conversation.id,
                persona_id="mira",
                role="user",
                text=text,
                now=NOW + timedelta(seconds=number),
            )
    return user


async def outcome(db: Pool, user: UUID) -> list[tuple[str, bool, int]]:
    async with db.connection() as conn:
        held = await memory.find_held(
            conn, user, memory.Search(kinds=("fact", "preference", "person"), state="all"), limit=99
        )
        return sorted((h.text, h.valid_to is None, len(h.source_message_ids)) for h in held)


async def test_a_worker_killed_in_mid_consolidation_ends_with_the_same_facts(
    db: Pool, dsn: str, embedder: MiniLM, fast_rescue: None
) -> None:
    app.wire_privacy()
    resources = Resources(db=db, chat=Offline(), embed=embedder, recall_embed=embedder)
    undisturbed, anna = await told(db, "undisturbed"), await told(db, "anna")
    await memory.keep_told(resources, undisturbed, "mira", now=NOW)
    async with transaction(db) as conn:
        await jobs.defer(conn, "keep_told", lock=str(anna), user_id=anna, persona_id="mira")
    victim = await asyncio.create_subprocess_exec(sys.executable, str(KEEPING_WORKER), dsn, str(MODELS))
    async with asyncio.timeout(TOO_LONG_S):
        while not await outcome(db, anna):  # noqa: ASYNC110 (the condition is in the database)
            await asyncio.sleep(0.05)
    os.kill(victim.pid, signal.SIGKILL)
    await victim.wait()
    half = await outcome(db, anna)
    assert half != await outcome(db, undisturbed)
    worker = asyncio.create_task(care.work(resources, dsn))
    try:
        async with asyncio.timeout(TOO_LONG_S):
            while await outcome(db, anna) != await outcome(db, undisturbed):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    finally:
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker
    current = [text for text, stands, _ in await outcome(db, anna) if stands]
    assert len(current) == len(set(current)), "no duplicates"
    assert "They live in Porto" in current
    assert "They live in Leeds" not in current
