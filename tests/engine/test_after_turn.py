"""After the turn: what was told is kept where it may be, and a person who was erased leaves no job and no memory."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from undertone import app, jobs, memory, people
from undertone.db import Pool, transaction
from undertone.engine import care
from undertone.llm.embedder import MiniLM
from undertone.llm.offline import Offline
from undertone.people import privacy, standing
from undertone.resources import Resources

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
KEY = people.Principal(kind="key", scopes=frozenset(), attests=frozenset({"adult", "chat"}), key_id="test")


@pytest.fixture
def resources(db: Pool, embedder: MiniLM) -> Resources:
    app.wire_privacy()
    return Resources(db=db, chat=Offline(), embed=embedder, recall_embed=embedder)


async def somebody_who_said(db: Pool, text: str) -> UUID:
    async with transaction(db) as conn:
        person = await standing(conn, KEY, f"person-{uuid4()}")
        conversation = await memory.find_conversation(conn, person.user_id, "mira", now=NOW)
        await memory.append(
            conn,
            user_id=person.user_id,
            conversation_id=conversation.id,
            persona_id="mira",
            role="user",
            text=text,
            now=NOW,
        )
        await care.after_reply(conn, user_id=person.user_id, persona_id="mira", remembers=True)
    return person.user_id


async def run_job(resources: Resources, user: UUID, *, remembers: bool) -> list[str]:
    await care.after_turn(resources, user_id=str(user), persona_id="mira", remembers=remembers)
    async with resources.db.connection() as conn:
        return [kept.text for kept in await memory.kept(conn, user)]


async def test_what_was_told_is_kept_and_gets_its_vector(resources: Resources) -> None:
    user = await somebody_who_said(resources.db, "My sister is called Ana")
    assert await run_job(resources, user, remembers=True) == ["Their sister is called Ana"]
    async with resources.db.connection() as conn:
        assert await memory.without_vector(conn, user) == []


async def test_without_consent_to_memory_nothing_is_kept(resources: Resources) -> None:
    user = await somebody_who_said(resources.db, "My sister is called Ana")
    assert await run_job(resources, user, remembers=False) == []


async def test_erasing_takes_the_waiting_jobs_and_a_late_job_keeps_nothing(resources: Resources) -> None:
    user = await somebody_who_said(resources.db, "My sister is called Ana")
    async with transaction(resources.db) as conn:
        assert len(await jobs.export_waiting(conn, user)) == 1
        erased = await privacy.erase_person(conn, user)
    assert erased["procrastinate_jobs"] == 1
    assert await run_job(resources, user, remembers=True) == []
    async with resources.db.connection() as conn:
        assert await jobs.export_waiting(conn, user) == []
