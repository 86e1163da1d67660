"""Keys, end-user tokens, one-time links and external ids."""

import asyncio
from datetime import timedelta

import pytest

from undertone.errors import BadInput, NotFound, Unauthenticated
from undertone.people import identity
from undertone.resources import Connection, Pool


async def test_a_key_opens_what_it_was_made_for_and_nothing_else(conn: Connection) -> None:
    secret = await identity.create_key(conn, "shop", scopes={"chat", "tokens"}, attests={"adult"})
    who = await identity.authenticate(conn, secret)
    assert (who.kind, who.scopes, who.attests) == ("key", {"chat", "tokens"}, {"adult"})
    assert who.user_id is None


async def test_training_is_not_attested_by_default(conn: Connection) -> None:
    who = await identity.authenticate(conn, await identity.create_key(conn, "shop"))
    assert who.attests == {"adult", "chat", "memory", "typing"}
    assert who.scopes == set(identity.SCOPES)


async def test_the_database_never_holds_the_secret(conn: Connection) -> None:
    secret = await identity.create_key(conn, "shop")
    rows = await (await conn.execute("select k::text from api_keys k")).fetchall()
    assert len(rows) == 1
    assert secret.rsplit("_", 1)[1] not in rows[0][0]


async def test_use_is_noted_at_most_once_an_hour(conn: Connection) -> None:
    secret = await identity.create_key(conn, "shop")
    assert (await identity.list_keys(conn))[0].last_used_at is None
    await identity.authenticate(conn, secret)
    first = (await identity.list_keys(conn))[0].last_used_at
    assert first is not None
    await identity.authenticate(conn, secret)
    assert (await identity.list_keys(conn))[0].last_used_at == first
    await conn.execute("update api_keys set last_used_at = now() - interval '2 hours'")
    await identity.authenticate(conn, secret)
    noted = (await identity.list_keys(conn))[0].last_used_at
    assert noted is not None
    assert noted >= first


@pytest.mark.parametrize("secret", ["", "ut_", "Bearer", "ut_000000000000_" + "0" * 48, "ut_\x00", "ü" * 40, "\ud800"])
async def test_a_wrong_secret_is_refused_in_words(conn: Connection, secret: str) -> None:
    with pytest.raises(Unauthenticated, match="key"):
        await identity.authenticate(conn, secret)


async def test_a_revoked_key_ends_with_the_tokens_it_asked_for(conn: Connection) -> None:
    secret = await identity.create_key(conn, "shop")
    key = await identity.authenticate(conn, secret)
    anna = await identity.find_or_create_user(conn, "anna")
    token, _ = await identity.issue_token(conn, anna.user_id, key_id=key.key_id, attests=key.attests)
    assert (await identity.authenticate(conn, token)).external_id == "anna"
    assert key.key_id
    await identity.revoke_key(conn, key.key_id)
    for ended in (secret, token):
        with pytest.raises(Unauthenticated):
            await identity.authenticate(conn, ended)
    with pytest.raises(NotFound):
        await identity.revoke_key(conn, "nonesuch")


@pytest.mark.parametrize(
    ("name", "scopes", "attests"),
    [
        ("", {"chat"}, set[str]()),
        ("shop", set[str](), set[str]()),
        ("shop", {"fly"}, set[str]()),
        ("s", {"chat"}, {"rich"}),
    ],
)
async def test_a_key_is_made_of_known_words(conn: Connection, name: str, scopes: set[str], attests: set[str]) -> None:
    with pytest.raises(BadInput):
        await identity.create_key(conn, name, scopes, attests)


@pytest.mark.parametrize("good", ["a", "auth0|5f7c", "anna@example.org", "Ж-17", "x" * 128])
def test_an_external_id_is_taken_as_it_is(good: str) -> None:
    assert identity.check_external_id(good) == good


@pytest.mark.parametrize("bad", ["", " anna", "anna\n", "a\x00b", "x" * 129, "a/b", "me", "..", "\ud800", "a\u2028b"])
def test_an_impossible_external_id_is_refused(bad: str) -> None:
    with pytest.raises(BadInput, match="user id"):
        identity.check_external_id(bad)


async def test_two_first_messages_at_once_make_one_person(db: Pool) -> None:
    async def first_sight() -> object:
        async with db.connection() as conn, conn.transaction():
            return (await identity.find_or_create_user(conn, "anna")).user_id

    assert len(set(await asyncio.gather(*(first_sight() for _ in range(8))))) == 1


async def test_a_person_made_by_an_open_transaction_is_waited_for(db: Pool) -> None:
    async with db.connection() as early, db.connection() as late:
        async with early.transaction():
            made = await identity.find_or_create_user(early, "anna")
            waiting = asyncio.create_task(identity.find_or_create_user(late, "anna"))
            await asyncio.sleep(0)
        assert (await waiting).user_id == made.user_id


async def test_an_end_user_token_opens_a_persons_own_scopes(conn: Connection) -> None:
    anna = await identity.find_or_create_user(conn, "anna")
    token, expires_at = await identity.issue_token(conn, anna.user_id, timedelta(minutes=5), attests={"adult"})
    who = await identity.authenticate(conn, token)
    assert (who.kind, who.user_id, who.external_id, who.attests) == ("person", anna.user_id, "anna", {"adult"})
    assert who.scopes == identity.PERSON_SCOPES
    assert "tokens" not in who.scopes
    assert who.expires_at == expires_at


async def test_a_token_ends_by_the_clock_and_on_request(conn: Connection) -> None:
    anna = await identity.find_or_create_user(conn, "anna")
    old, _ = await identity.issue_token(conn, anna.user_id)
    await conn.execute("update tokens set expires_at = now() - interval '1 second'")
    with pytest.raises(Unauthenticated, match="ended"):
        await identity.authenticate(conn, old)
    new, _ = await identity.issue_token(conn, anna.user_id)
    (left,) = await (await conn.execute("select count(*) from tokens")).fetchone() or (None,)
    assert left == 1, "handing out a token sweeps the person's expired ones"
    await identity.revoke_token(conn, new)
    await identity.revoke_token(conn, "not a token")
    with pytest.raises(Unauthenticated):
        await identity.authenticate(conn, new)


@pytest.mark.parametrize("ttl", [timedelta(0), timedelta(days=-1), timedelta(days=31)])
async def test_a_token_lives_between_a_second_and_a_month(conn: Connection, ttl: timedelta) -> None:
    anna = await identity.find_or_create_user(conn, "anna")
    with pytest.raises(BadInput):
        await identity.issue_token(conn, anna.user_id, ttl)


async def test_a_link_signs_in_once(conn: Connection) -> None:
    anna = await identity.find_or_create_user(conn, "anna")
    code = await identity.issue_link(conn, anna.user_id, attests={"adult"})
    token, _ = await identity.redeem_link(conn, code)
    who = await identity.authenticate(conn, token)
    assert (who.external_id, who.attests) == ("anna", {"adult"})
    with pytest.raises(Unauthenticated, match="used before"):
        await identity.redeem_link(conn, code)


async def test_a_link_redeemed_twice_at_once_signs_in_once(db: Pool) -> None:
    async with db.connection() as conn:
        anna = await identity.find_or_create_user(conn, "anna")
        code = await identity.issue_link(conn, anna.user_id)

    async def redeem() -> str:
        async with db.connection() as conn:
            return (await identity.redeem_link(conn, code))[0]

    results = await asyncio.gather(*(redeem() for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(result, str) for result in results) == 1
    assert sum(isinstance(result, Unauthenticated) for result in results) == 3


async def test_link_token_and_key_cannot_stand_in_for_each_other(conn: Connection) -> None:
    anna = await identity.find_or_create_user(conn, "anna")
    code = await identity.issue_link(conn, anna.user_id)
    token, _ = await identity.issue_token(conn, anna.user_id)
    key = await identity.create_key(conn, "shop")
    with pytest.raises(Unauthenticated):
        await identity.authenticate(conn, code)
    with pytest.raises(Unauthenticated):
        await identity.authenticate(conn, code.replace("utl_", "utp_"))
    for not_a_link in (token, key, token.replace("utp_", "utl_"), "", "\x00"):
        with pytest.raises(Unauthenticated):
            await identity.redeem_link(conn, not_a_link)


async def test_an_old_link_is_refused(conn: Connection) -> None:
    anna = await identity.find_or_create_user(conn, "anna")
    code = await identity.issue_link(conn, anna.user_id)
    await conn.execute("update tokens set expires_at = now() - interval '1 second'")
    with pytest.raises(Unauthenticated, match="15 minutes"):
        await identity.redeem_link(conn, code)
