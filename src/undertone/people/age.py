"""Age assurance: what a provider signed about a person, checked and kept.

    assertion = read_assertion(issuer, signed, subject="user-17")
    await record(conn, user_id, signed, assertion)

The assertion is a JSON Web Token with `iss`, `aud` "undertone", `sub` (the person's external id), `iat`, `exp`,
`method` and `adult`. A typed birth date is not a method. A negative assertion stands until a later positive one of at
least the same strength. Knows no provider by name and no settings: keys and algorithms come in as arguments.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

import jwt

from undertone.errors import Unprocessable
from undertone.people import store
from undertone.people.identity import digest
from undertone.people.store import AgeAssertion
from undertone.resources import Connection

METHODS = {
    "photo_id": 2,
    "digital_identity": 2,
    "open_banking": 2,
    "mobile_operator": 2,
    "credit_card": 2,
    "face_estimation": 1,
    "email_estimation": 1,
}
"""Accepted methods and their strength: 2 proves an age, 1 estimates it."""

AUDIENCE = "undertone"


@dataclass(frozen=True, slots=True)
class AgeIssuer:
    """One provider whose signature counts."""

    name: str
    """The `iss` it signs with."""
    key: str = field(repr=False)
    """A public key in PEM, or the shared secret for HS256 (at least 32 bytes)."""
    algorithm: Literal["ES256", "RS256", "EdDSA", "HS256"] = "ES256"


def read_assertion(issuer: AgeIssuer, signed: str, *, subject: str) -> AgeAssertion:
    """Check the signature and every claim; `subject` is the external id it must be about.

    Raises Unprocessable with the reason. An assertion that says the person is not an adult is valid, and counts.
    """
    try:
        claims: dict[str, Any] = jwt.decode(
            signed.encode("ascii", "replace"),
            issuer.key,
            algorithms=[issuer.algorithm],
            issuer=issuer.name,
            audience=AUDIENCE,
            subject=subject,
            options={"require": ["iss", "aud", "sub", "iat", "exp"]},
        )
    except jwt.PyJWTError as error:
        raise Unprocessable(f"The age assertion was not accepted: {error}.") from None
    adult, method = claims.get("adult"), claims.get("method")
    if not isinstance(adult, bool):
        raise Unprocessable("The age assertion must say `adult`: true or false. A birth date is not enough.")
    if not isinstance(method, str) or method not in METHODS:
        raise Unprocessable(f"The age assertion must name its `method`, one of: {', '.join(METHODS)}.")
    return AgeAssertion(
        adult=adult,
        method=method,
        strength=METHODS[method],
        issuer=issuer.name,
        asserted_at=datetime.fromtimestamp(claims["iat"], UTC),
        expires_at=datetime.fromtimestamp(claims["exp"], UTC),
    )


async def record(conn: Connection, user_id: UUID, signed: str, assertion: AgeAssertion) -> None:
    """Keep a checked assertion; the same one sent twice counts once."""
    await store.add_assertion(conn, user_id, digest(signed), assertion)
