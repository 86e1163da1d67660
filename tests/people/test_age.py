"""Age assertions: who signed them, what they must say, and which one stands."""

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from undertone.errors import Unprocessable
from undertone.people import age, consent, identity
from undertone.people.age import AgeIssuer
from undertone.people.identity import Principal
from undertone.resources import Connection

SECRET = "a shared secret that is long enough to sign with"
ISSUER = AgeIssuer("https://age.example", SECRET, "HS256")
NOW = datetime.now(UTC).replace(microsecond=0)


def sign(key: Any = SECRET, algorithm: str = "HS256", /, **changes: Any) -> str:
    claims: dict[str, Any] = {
        "iss": ISSUER.name,
        "aud": "undertone",
        "sub": "anna",
        "iat": NOW - timedelta(minutes=1),
        "exp": NOW + timedelta(days=300),
        "method": "photo_id",
        "adult": True,
    }
    claims |= changes
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, key, algorithm)


def test_a_public_key_checks_what_the_private_one_signed() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    issuer = AgeIssuer(ISSUER.name, public.decode(), "ES256")
    assertion = age.read_assertion(issuer, sign(private, "ES256"), subject="anna")
    assert (assertion.adult, assertion.method, assertion.strength) == (True, "photo_id", 2)
    assert assertion.asserted_at == NOW - timedelta(minutes=1)
    assert assertion.expires_at == NOW + timedelta(days=300)
    for forged in (sign(), sign(ec.generate_private_key(ec.SECP256R1()), "ES256")):
        with pytest.raises(Unprocessable, match="not accepted"):
            age.read_assertion(issuer, forged, subject="anna")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://elsewhere.example"}, "issuer"),
        ({"aud": "another service"}, "[Aa]udience"),
        ({"sub": "bert"}, "subject"),
        ({"exp": NOW - timedelta(seconds=1)}, "expired"),
        ({"iat": NOW + timedelta(hours=1)}, "not yet valid"),
        ({"exp": None}, "exp"),
        ({"iat": None}, "iat"),
        ({"sub": None}, "sub"),
        ({"method": None}, "method"),
        ({"method": "birth_date"}, "photo_id"),
        ({"adult": None, "birth_date": "1990-01-01"}, "birth date is not enough"),
        ({"adult": "yes"}, "true or false"),
    ],
)
def test_an_assertion_that_does_not_hold_is_refused_with_its_reason(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(Unprocessable, match=reason):
        age.read_assertion(ISSUER, sign(**changes), subject="anna")


@pytest.mark.parametrize("signed", ["", "not.a.token", sign(None, "none"), sign("x" * 40), "ü\ud800"])
def test_an_unsigned_or_garbled_assertion_is_refused(signed: str) -> None:
    with pytest.raises(Unprocessable, match="not accepted"):
        age.read_assertion(ISSUER, signed, subject="anna")


def test_the_key_is_not_shown() -> None:
    assert SECRET not in repr(ISSUER)


def said(adult: bool, method: str = "photo_id", days_ago: float = 0, valid_days: float = 300) -> str:
    iat = NOW - timedelta(days=days_ago, minutes=1)
    return sign(adult=adult, method=method, iat=iat, exp=NOW + timedelta(days=valid_days))


@pytest.mark.parametrize(
    ("assertions", "proven", "vouched"),
    [
        ([], False, True),
        ([said(True)], True, True),
        ([said(True), said(False)], False, False),
        ([said(False, days_ago=2), said(True)], True, True),
        ([said(False), said(True, days_ago=2)], False, False),
        ([said(False, "photo_id", 2), said(True, "face_estimation")], False, False),
        ([said(False, "face_estimation", 2), said(True, "photo_id")], True, True),
        ([said(False, "face_estimation", 2), said(True, "face_estimation")], True, True),
        ([said(False, "photo_id", 2), said(True, "photo_id", 1), said(False, "face_estimation")], False, False),
    ],
)
async def test_a_no_stands_until_a_later_yes_of_the_same_strength(
    conn: Connection, assertions: list[str], proven: bool, vouched: bool
) -> None:
    anna = await identity.find_or_create_user(conn, "anna")
    for signed in assertions:
        await age.record(conn, anna.user_id, signed, age.read_assertion(ISSUER, signed, subject="anna"))
    for attests, adult in ((frozenset[str](), proven), (frozenset({"adult"}), vouched)):
        who = Principal(kind="key", scopes=frozenset(), attests=attests)
        assert (await consent.standing(conn, who, "anna")).adult is adult


async def test_a_yes_ends_with_its_term(conn: Connection) -> None:
    anna = await identity.find_or_create_user(conn, "anna")
    signed = said(True, days_ago=3)
    read = age.read_assertion(ISSUER, signed, subject="anna")
    ended = age.AgeAssertion(True, read.method, read.strength, read.issuer, read.asserted_at, NOW - timedelta(days=1))
    await age.record(conn, anna.user_id, signed, ended)
    assert not (await consent.standing(conn, Principal("key", frozenset(), frozenset()), "anna")).adult


async def test_the_same_assertion_counts_once(conn: Connection) -> None:
    anna = await identity.find_or_create_user(conn, "anna")
    signed = said(True)
    for _ in range(2):
        await age.record(conn, anna.user_id, signed, age.read_assertion(ISSUER, signed, subject="anna"))
    assert await (await conn.execute("select count(*) from age_assertions")).fetchone() == (1,)
