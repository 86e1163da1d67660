"""Operators in a browser: an API key, or the link that `serve` prints, turned into a cookie that lasts half a day.

    secret, expires_at = await sign_in_with_key(conn, "ut_...")
    who = await signed_in(conn, secret)

The key itself is never kept in a browser. A sign-in ends with its key, and opens what that key opens now. Knows no
page.
"""

import re
import secrets
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from undertone.errors import Unauthenticated
from undertone.people import sign_ins_store
from undertone.people.identity import SCOPES, Principal, authenticate, digest
from undertone.resources import Connection

SIGN_IN_TTL = timedelta(hours=12)
LINK_TTL = timedelta(minutes=15)

_SECRET = re.compile(r"uto_[0-9a-f]{48}")
_CODE = re.compile(r"utk_[0-9a-f]{48}")


def is_secret(secret: str) -> bool:
    """Whether this looks like what an operator's cookie holds."""
    return _SECRET.fullmatch(secret) is not None


async def sign_in_with_key(conn: Connection, key: str) -> tuple[str, datetime, Principal]:
    """The secret for a cookie, its end, and who it is. Raises Unauthenticated for anything but a live API key."""
    who = await authenticate(conn, key)
    if who.kind != "key":
        raise Unauthenticated("This is a person's token. The console takes an API key (ut_...).")
    secret, expires_at = await _sign_in(conn, who.key_id, ())
    return secret, expires_at, who


async def issue_link(conn: Connection, scopes: Collection[str] = tuple(SCOPES)) -> str:
    """Make a code that signs a browser in once, within 15 minutes, with these scopes."""
    code = f"utk_{secrets.token_hex(24)}"
    await sign_ins_store.add(conn, digest(code), "link", None, scopes, datetime.now(UTC) + LINK_TTL)
    return code


async def redeem_link(conn: Connection, code: str) -> tuple[str, datetime]:
    """Turn a one-time code into the secret for a cookie. Raises Unauthenticated when it was used, is old or is none."""
    scopes = await sign_ins_store.use_link(conn, digest(code)) if _CODE.fullmatch(code) else None
    if scopes is None:
        raise Unauthenticated(
            "This link was used before, is older than 15 minutes, or is incomplete. Sign in with an API key instead."
        )
    return await _sign_in(conn, None, scopes)


async def signed_in(conn: Connection, secret: str) -> Principal:
    """Who a cookie belongs to. Raises Unauthenticated when it has ended."""
    found = await sign_ins_store.find(conn, digest(secret)) if is_secret(secret) else None
    if found is None:
        raise Unauthenticated("This sign-in has ended. Sign in again.")
    return Principal(
        kind="key",
        scopes=frozenset(found.scopes),
        attests=frozenset(),
        key_id=found.key_id,
        expires_at=found.expires_at,
    )


async def sign_out(conn: Connection, secret: str) -> None:
    """End a sign-in; nothing happens when it is none."""
    await sign_ins_store.remove(conn, digest(secret))


async def _sign_in(conn: Connection, key_id: str | None, scopes: Collection[str]) -> tuple[str, datetime]:
    secret, expires_at = f"uto_{secrets.token_hex(24)}", datetime.now(UTC) + SIGN_IN_TTL
    await sign_ins_store.add(conn, digest(secret), "cookie", key_id, scopes, expires_at)
    return secret, expires_at
