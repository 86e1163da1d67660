"""Who is calling and whom they name: API keys, end-user tokens, one-time links, external ids.

    secret = await create_key(conn, "shop", scopes={"chat"}, attests={"adult", "chat"})
    who = await authenticate(conn, secret)

Every secret names its row and carries at least 192 random bits; only its SHA-256 is kept. Knows nothing of HTTP or of
what a scope opens: a route says that.
"""

import hashlib
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

from uuid_utils.compat import uuid7

from undertone.errors import BadInput, NotFound, Unauthenticated
from undertone.people import store
from undertone.people.store import ApiKey, User
from undertone.resources import Connection

SCOPES = {
    "chat": "send messages, open and list conversations, list personas and models",
    "memory": "see and change what is remembered about a person",
    "profile": "see and correct how a person is read",
    "people": "record consents and age assertions, export and erase a person",
    "tokens": "hand out end-user tokens",
    "offers": "register the platform's paid items",
    "care": "see and close incidents, take conversations over from the AI",
    "analytics": "send outcomes, read reports and visits",
    "addresses": "see visitors' addresses, each look written down",
    "experiments": "run experiments, promote and roll back model versions",
    "admin": "change personas, keys and operators",
}
"""What a key may be allowed, and what each word opens."""

PERSON_SCOPES = frozenset({"chat", "memory", "profile", "people"})
"""What an end-user token opens, and only for the person it was handed out for."""

ATTESTABLE = ("adult", "chat", "memory", "typing", "training", "sharing", "offers", "reminders")
"""What a platform may promise that it holds for everyone it names."""

DEFAULT_ATTESTS = ("adult", "chat", "memory", "typing")

LINK_TTL = timedelta(minutes=15)
MAX_TOKEN_TTL = timedelta(days=30)

_SECRET = re.compile(r"(?:ut_[0-9a-f]{12}|utp_(?P<person>[0-9a-f]{32})|utl_(?P<link>[0-9a-f]{32}))_[0-9a-f]{48}")


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling: a platform's key, or one person."""

    kind: Literal["key", "person"]
    scopes: frozenset[str]
    attests: frozenset[str]
    """What the platform promises for the people it names; explicit answers of a person go before it."""
    key_id: str | None = None
    """The key itself, or the one behind a person's token or an operator's sign-in; None for a local one."""
    user_id: UUID | None = None
    external_id: str | None = None
    """Both set when `kind` is "person"."""
    expires_at: datetime | None = None


def check_external_id(external_id: str) -> str:
    """Return the id a platform gives a person, unchanged. Raises BadInput when it cannot be one."""
    if not 1 <= len(external_id) <= 128 or not external_id.isprintable() or external_id != external_id.strip():
        raise BadInput("A user id has 1 to 128 printable characters and no space at either end.")
    if "/" in external_id or external_id in {".", "..", "me"}:
        raise BadInput("A user id is part of addresses: it may not hold a slash, nor be '.', '..' or 'me'.")
    return external_id


async def find_or_create_user(conn: Connection, external_id: str) -> User:
    """The person with that external id, made when missing. Raises BadInput for an id that cannot be one."""
    return (await store.load_or_create(conn, check_external_id(external_id), uuid7())).user


async def find_user(conn: Connection, external_id: str) -> User:
    """The person with that external id. Raises NotFound."""
    user = await store.find_user(conn, check_external_id(external_id))
    if user is None:
        raise NotFound(f"No person with the id {external_id!r} is known here.")
    return user


async def describe_user(conn: Connection, user_id: UUID, country: str | None, language: str | None) -> None:
    """Keep a person's country (ISO 3166-1 alpha-2) and language (BCP 47); None means unknown."""
    await store.describe_user(conn, user_id, country, language)


async def create_key(
    conn: Connection, name: str, scopes: Collection[str] = tuple(SCOPES), attests: Collection[str] = DEFAULT_ATTESTS
) -> str:
    """Make an API key and return its secret, which is shown this once. Raises BadInput for unknown words."""
    if not 1 <= len(name) <= 80 or not name.isprintable():
        raise BadInput("A key's name has 1 to 80 printable characters.")
    if not scopes:
        raise BadInput(f"A key needs at least one scope of: {', '.join(SCOPES)}.")
    _refuse_unknown("scope", scopes, SCOPES)
    _refuse_unknown("attestation", attests, ATTESTABLE)
    key_id = secrets.token_hex(6)
    secret = f"ut_{key_id}_{secrets.token_hex(24)}"
    await store.add_key(conn, key_id, name, digest(secret), scopes, attests)
    return secret


async def list_keys(conn: Connection) -> list[ApiKey]:
    """Every key without its secret, oldest first."""
    return await store.list_keys(conn)


async def revoke_key(conn: Connection, key_id: str) -> None:
    """End a key and every token it handed out. Raises NotFound."""
    if not await store.revoke_key(conn, key_id):
        raise NotFound(f"There is no key with the id {key_id!r}.")


async def authenticate(conn: Connection, secret: str) -> Principal:
    """Say who holds this key or end-user token, in one round trip. Raises Unauthenticated."""
    match = _SECRET.fullmatch(secret)
    if match is None or match["link"]:
        raise Unauthenticated(
            "This is neither an API key (ut_...) nor an end-user token (utp_...): check that it is whole."
        )
    if match["person"]:
        token = await store.find_token(conn, UUID(match["person"]), digest(secret))
        if token is None:
            raise Unauthenticated(
                "This sign-in has ended or was never valid. Ask for a new token with POST /v1/tokens."
            )
        return Principal(
            kind="person",
            scopes=PERSON_SCOPES,
            attests=frozenset(token.attests),
            key_id=token.key_id,
            user_id=token.user_id,
            external_id=token.external_id,
            expires_at=token.expires_at,
        )
    key = await store.use_key(conn, digest(secret))
    if key is None:
        raise Unauthenticated("This key is not known here or was revoked. Make one with `undertone keys create`.")
    return Principal(kind="key", scopes=frozenset(key.scopes), attests=frozenset(key.attests), key_id=key.id)


async def issue_token(
    conn: Connection,
    user_id: UUID,
    ttl: timedelta = timedelta(hours=1),
    *,
    key_id: str | None = None,
    attests: Collection[str] = (),
) -> tuple[str, datetime]:
    """Make an end-user token and say when it ends. It vouches for what its issuer attests. Raises BadInput."""
    if not timedelta(seconds=1) <= ttl <= MAX_TOKEN_TTL:
        raise BadInput(f"A token lives between one second and {MAX_TOKEN_TTL.days} days.")
    token = f"utp_{user_id.hex}_{secrets.token_hex(24)}"
    expires_at = datetime.now(UTC) + ttl
    await store.add_token(conn, user_id, digest(token), "person", expires_at, key_id, attests)
    return token, expires_at


async def issue_link(conn: Connection, user_id: UUID, *, attests: Collection[str] = ()) -> str:
    """Make a code that signs this person in once, within 15 minutes."""
    code = f"utl_{user_id.hex}_{secrets.token_hex(24)}"
    await store.add_token(conn, user_id, digest(code), "link", datetime.now(UTC) + LINK_TTL, None, attests)
    return code


async def redeem_link(conn: Connection, code: str, ttl: timedelta = MAX_TOKEN_TTL) -> tuple[str, datetime]:
    """Turn a one-time code into an end-user token. Raises Unauthenticated when it was used, is old or is not one."""
    match = _SECRET.fullmatch(code)
    link = await store.use_link(conn, UUID(match["link"]), digest(code)) if match and match["link"] else None
    if link is None:
        raise Unauthenticated(
            "This link was used before, is older than 15 minutes, or is incomplete: ask for a new one."
        )
    return await issue_token(conn, link.user_id, ttl, key_id=link.key_id, attests=link.attests)


async def revoke_token(conn: Connection, token: str) -> None:
    """End one end-user token; nothing happens when it is not one."""
    match = _SECRET.fullmatch(token)
    if match and match["person"]:
        await store.delete_token(conn, UUID(match["person"]), digest(token))


def digest(secret: str) -> bytes:
    """SHA-256, 32 bytes: enough for secrets that cannot be guessed."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _refuse_unknown(what: str, words: Collection[str], known: Collection[str]) -> None:
    unknown = sorted(set(words) - set(known))
    if unknown:
        raise BadInput(f"Unknown {what} {', '.join(unknown)}; choose from: {', '.join(known)}.")
