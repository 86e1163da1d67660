"""Opening the console: an API key in a small form, or the one-time link that `serve` prints.

Either becomes a cookie that scripts cannot read, that other sites cannot send, and that goes to the console only. An
address that failed too often waits. Knows nothing of what a page shows.
"""

from urllib.parse import parse_qsl, urlsplit

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from undertone.console.frame import HEADERS, page, page_router
from undertone.db import transaction
from undertone.errors import BadInput, Forbidden, LimitReached, Unauthenticated, UndertoneError
from undertone.people import operators
from undertone.server.allowance import Allowance
from undertone.server.auth import (
    CONSOLE,
    anyone,
    refuse_other_sites,
    resources_of,
    sign_operator_in,
    sign_operator_out,
)
from undertone.server.client_address import Address

router = page_router()
SCOPE = "analytics"
"""Without it no page opens, so a key that lacks it is told at once."""
MOST_BYTES = 10_000
"""The largest form that is read."""
MOST_FAILURES = 10
FAILURES_S = 300.0
"""So often an address may fail in so many seconds, keys and links together, before it is not looked at."""


def failures_allowed() -> Allowance:
    """What `app` keeps for a process, to count who failed to sign in."""
    return Allowance(
        MOST_FAILURES, FAILURES_S, "Too many failed sign-ins from this address. Try again in five minutes."
    )


@router.get("/sign-in", dependencies=[Depends(anyone)])
async def form(next: str = "") -> HTMLResponse:
    """The form."""
    return page("sign_in.html", None, "", next=_ours(next), trouble="")


@router.post("/sign-in", dependencies=[Depends(anyone)])
async def sign_in(request: Request) -> Response:
    """Take a key, give a cookie, go where one wanted to go."""
    refuse_other_sites(request)
    fields = await _fields(request)
    after = _ours(fields.get("next", ""))
    try:
        _allowance(request).check(_address(request))
        async with transaction(resources_of(request).db) as conn:
            secret, expires_at, who = await operators.sign_in_with_key(conn, fields.get("key", "").strip())
            if SCOPE not in who.scopes:
                raise Forbidden(f"This key is valid, and lacks the scope “{SCOPE}”, which the console needs.")
    except (Unauthenticated, Forbidden, LimitReached) as error:
        return _refused(request, error, after)
    response = RedirectResponse(after, 303, HEADERS)
    sign_operator_in(request, response, secret, expires_at)
    return response


@router.get("/enter", dependencies=[Depends(anyone)])
async def enter(code: str, request: Request) -> Response:
    """Redeem the one-time link."""
    try:
        _allowance(request).check(_address(request))
        async with transaction(resources_of(request).db) as conn:
            secret, expires_at = await operators.redeem_link(conn, code)
    except (Unauthenticated, LimitReached) as error:
        return _refused(request, error, _ours(""))
    response = RedirectResponse(_ours(""), 303, HEADERS)
    sign_operator_in(request, response, secret, expires_at)
    return response


@router.post("/sign-out", dependencies=[Depends(anyone)])
async def sign_out(request: Request) -> Response:
    """Sign this browser out."""
    refuse_other_sites(request)
    response = RedirectResponse(f"{CONSOLE}/sign-in", 303, HEADERS)
    async with transaction(resources_of(request).db) as conn:
        await operators.sign_out(conn, sign_operator_out(request, response))
    return response


def _refused(request: Request, error: UndertoneError, after: str) -> Response:
    """The form again, which says why; a wrong key or link counts as a failure of its address."""
    if isinstance(error, Unauthenticated):
        _allowance(request).spend(_address(request))
    response = page("sign_in.html", None, "", status=error.status, next=after, trouble=error.detail)
    if "retry_after" in error.extra:
        response.headers["Retry-After"] = str(max(1, round(error.extra["retry_after"])))
    return response


def _allowance(request: Request) -> Allowance:
    return request.app.state.sign_in_failures


def _address(request: Request) -> Address | None:
    return request.app.state.visitors.address_of(request)


async def _fields(request: Request) -> dict[str, str]:
    """The fields of a small form. Raises BadInput."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            raise BadInput("This form is too large.")
    try:
        return dict(parse_qsl(body.decode("ascii"), max_num_fields=5, errors="strict"))
    except ValueError as error:
        raise BadInput("This is not the form that was given out.") from error


def _ours(address: str) -> str:
    """An address in the console, or its first page: nobody is sent elsewhere by a link to the form."""
    parts = urlsplit(address)
    inside = parts.path.startswith(f"{CONSOLE}/") and not parts.scheme and not parts.netloc
    return address if inside and address.isprintable() and "\\" not in address else f"{CONSOLE}/"
