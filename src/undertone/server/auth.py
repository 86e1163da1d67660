"""Who may call a route: a key or token in `Authorization: Bearer`, or the cookie of a sign-in.

    async def list_them(who: Annotated[Principal, Depends(principal("chat"))]) -> ...

A route that needs nobody says so with `Depends(anyone)`; `scope_of(route)` tells which. Knows no SQL: authenticating
is `people`'s. A positive answer is believed for 30 seconds, so a revoked key may live that much longer.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

from fastapi.dependencies.models import Dependant
from fastapi.openapi.models import HTTPBearer
from fastapi.routing import APIRoute
from fastapi.security.base import SecurityBase
from starlette.requests import Request
from starlette.responses import Response

from undertone.errors import BadInput, Forbidden, Unauthenticated
from undertone.people import Principal, authenticate, operators
from undertone.people.identity import SCOPES, digest
from undertone.resources import Resources

COOKIE = "undertone_session"
CONSOLE = "/console"
"""Where operators' pages are. Their cookie is sent there and nowhere else, and a person's does not count there."""
OPERATOR_COOKIE = "undertone_operator"
BELIEVED = timedelta(seconds=30)
MOST_BELIEVED = 20_000
"""Callers remembered at once; with more, everyone is asked again."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Needs(SecurityBase):
    """What `principal` makes: a dependency that FastAPI also writes into the OpenAPI document."""

    def __init__(self, scope: str) -> None:
        if scope not in SCOPES:
            raise ValueError(f"unknown scope {scope!r}")
        self.scope = scope
        self.scheme_name = "key or token"
        self.model = HTTPBearer(description="An API key (`undertone keys create`) or an end-user token (/v1/tokens).")

    async def __call__(self, request: Request) -> Principal:
        who = await known(request, _presented(request))
        if self.scope not in who.scopes:
            whose = "This key lacks" if who.kind == "key" else "A signed-in person does not have"
            raise Forbidden(f"{whose} the scope `{self.scope}`. Use a key made with `--scopes {self.scope}`.")
        return who


def principal(scope: str) -> Needs:
    """The dependency that lets a caller in who holds `scope`, and hands the route their `Principal`.

    Raises Unauthenticated, or Forbidden when the scope is lacking or a cookie came with another site's request.
    """
    return Needs(scope)


async def anyone() -> None:
    """The dependency of a route that needs no key."""


def scope_of(route: APIRoute) -> str | None:
    """The scope a route names, "public" for `anyone`, None when it names nothing (which a house test refuses)."""
    for call in _calls(route.dependant):
        if isinstance(call, Needs):
            return call.scope
        if call is anyone:
            return "public"
    return None


def own_id(who: Principal, user: str | None) -> str:
    """The external id of the person a request is about: whom a key names, or whoever is signed in (`me`, or nothing).

    Raises BadInput when a key names nobody, Forbidden when a person names somebody else.
    """
    if who.external_id is None:
        if user is None or user == "me":
            raise BadInput("Name the person in `user`, as your platform names them; `me` is for a signed-in person.")
        return user
    if user not in (None, "me", who.external_id):
        raise Forbidden("A signed-in person may only see and change what is their own: use `me`.")
    return who.external_id


def resources_of(request: Request) -> Resources:
    """What `app.py` built."""
    return request.app.state.resources


def sign_in(request: Request, response: Response, token: str, expires_at: datetime) -> None:
    """Give the browser a token that scripts cannot read and other sites cannot send."""
    response.set_cookie(
        COOKIE, token, expires=expires_at, httponly=True, samesite="strict", secure=request.url.scheme == "https"
    )


def sign_out(request: Request, response: Response) -> str:
    """Take the cookie back and return the token it held, or an empty string."""
    return _take_back(request, response, COOKIE, "/")


def sign_operator_in(request: Request, response: Response, secret: str, expires_at: datetime) -> None:
    """Give an operator's browser its cookie, which is sent to the console only."""
    response.set_cookie(
        OPERATOR_COOKIE,
        secret,
        expires=expires_at,
        path=CONSOLE,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def sign_operator_out(request: Request, response: Response) -> str:
    """Take an operator's cookie back and return the secret it held, or an empty string."""
    return _take_back(request, response, OPERATOR_COOKIE, CONSOLE)


def refuse_other_sites(request: Request) -> None:
    """A browser sends its cookie by itself: what changes something must come from a page of ours. Raises Forbidden."""
    if request.method in SAFE_METHODS:
        return
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    same_host = origin is not None and urlsplit(origin).netloc == request.headers.get("host")
    if site not in (None, "same-origin") or not (same_host or (origin is None and site)):
        raise Forbidden("This request did not come from a page of this server. Use a key or a token from elsewhere.")


def disbelieve(request: Request, user_id: UUID) -> None:
    """Ask again about every token of this person, here at once and elsewhere within 30 seconds."""
    believed = _believed(request)
    for key in [key for key, belief in believed.items() if belief.who.user_id == user_id]:
        del believed[key]


@dataclass(frozen=True, slots=True)
class _Belief:
    who: Principal
    until: datetime


async def known(request: Request, secret: str) -> Principal:
    """Who holds this key or token; asked of the database once in 30 seconds. Raises Unauthenticated."""
    believed, key, now = _believed(request), digest(secret), datetime.now(UTC)
    if (belief := believed.get(key)) and belief.until > now:
        return belief.who
    async with resources_of(request).db.connection() as conn:
        known = operators.signed_in if operators.is_secret(secret) else authenticate
        who = await known(conn, secret)
    if len(believed) >= MOST_BELIEVED:
        believed.clear()
    believed[key] = _Belief(who, min(now + BELIEVED, who.expires_at or datetime.max.replace(tzinfo=UTC)))
    return who


def _presented(request: Request) -> str:
    """The secret in the header, else in the cookie. Raises Unauthenticated, Forbidden."""
    if header := request.headers.get("authorization"):
        scheme, _, secret = header.partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated("Send the key as `Authorization: Bearer ut_...`.")
        return secret.strip()
    in_console = request.url.path == CONSOLE or request.url.path.startswith(CONSOLE + "/")
    if secret := request.cookies.get(OPERATOR_COOKIE if in_console else COOKIE):
        refuse_other_sites(request)
        return secret
    raise Unauthenticated(
        "Send a key as `Authorization: Bearer ut_...`, or open the link that `undertone serve` prints."
    )


def _take_back(request: Request, response: Response, cookie: str, path: str) -> str:
    secret = request.cookies.get(cookie, "")
    _believed(request).pop(digest(secret), None)
    response.delete_cookie(cookie, path=path, httponly=True, samesite="strict")
    return secret


def _believed(request: Request) -> dict[bytes, _Belief]:
    state = request.app.state
    if not hasattr(state, "believed"):
        state.believed = {}
    return state.believed


def _calls(dependant: Dependant) -> Iterator[object]:
    for inner in dependant.dependencies:
        yield inner.call
        yield from _calls(inner)
