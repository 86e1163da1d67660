"""Export gives out all that is held; erasure leaves nothing, or changes nothing."""

from typing import Any
from uuid import UUID

import pytest
from psycopg.errors import ForeignKeyViolation

from undertone.errors import NotFound
from undertone.people import consent, identity, privacy
from undertone.resources import Connection, Pool


async def somebody(conn: Connection, external_id: str) -> UUID:
    user = await identity.find_or_create_user(conn, external_id)
    await consent.answer(conn, user.user_id, "chat", "1", True, "person")
    await identity.issue_token(conn, user.user_id)
    return user.user_id


async def test_export_holds_every_table_and_no_secret(conn: Connection) -> None:
    anna = await somebody(conn, "anna")
    await somebody(conn, "bert")
    exported = await privacy.export_person(conn, anna)
    assert exported.keys() == privacy.registered_tables()
    assert exported["users"][0]["external_id"] == "anna"
    assert [row["purpose"] for row in exported["consents"]] == ["chat"]
    assert len(exported["tokens"]) == 1
    assert "hash" not in exported["tokens"][0]
    assert "bert" not in str(exported)


async def test_erasure_leaves_nothing_of_one_and_all_of_the_other(conn: Connection) -> None:
    anna, bert = await somebody(conn, "anna"), await somebody(conn, "bert")
    erased = await privacy.erase_person(conn, anna)
    assert erased.keys() == privacy.registered_tables()
    assert (erased["users"], erased["consents"], erased["tokens"]) == (1, 1, 1)
    with pytest.raises(NotFound):
        await privacy.export_person(conn, anna)
    with pytest.raises(NotFound):
        await privacy.erase_person(conn, anna)
    assert (await privacy.export_person(conn, bert))["consents"]


async def test_an_erasure_that_fails_changes_nothing(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    async def export(conn: Connection, user_id: UUID) -> list[dict[str, Any]]:
        return []

    async def fail(conn: Connection, user_id: UUID) -> int:
        raise TimeoutError

    anna = await somebody(conn, "anna")
    monkeypatch.setattr(privacy, "_holdings", dict(privacy._holdings))  # pyright: ignore[reportPrivateUsage]
    privacy.register("zebra", export, fail)
    with pytest.raises(TimeoutError):
        await privacy.erase_person(conn, anna)
    assert (await privacy.export_person(conn, anna))["consents"]


async def test_nothing_can_refer_to_a_person_who_is_gone(db: Pool) -> None:
    async with db.connection() as conn:
        anna = await somebody(conn, "anna")
    async with db.connection() as conn:
        await privacy.erase_person(conn, anna)
    async with db.connection() as conn:
        with pytest.raises(ForeignKeyViolation):
            await consent.answer(conn, anna, "chat", "1", True, "person")


def test_a_table_is_registered_by_one_room_only(monkeypatch: pytest.MonkeyPatch) -> None:
    async def export(conn: Connection, user_id: UUID) -> list[dict[str, Any]]:
        return []

    async def erase(conn: Connection, user_id: UUID) -> int:
        return 0

    monkeypatch.setattr(privacy, "_holdings", dict(privacy._holdings))  # pyright: ignore[reportPrivateUsage]
    privacy.register("zebra", export, erase)
    privacy.register("zebra", export, erase)
    assert "zebra" in privacy.registered_tables()
    with pytest.raises(ValueError, match="registered twice"):
        privacy.register("users", export, erase)
