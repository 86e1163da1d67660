"""Every error as one document: `application/problem+json` (RFC 9457) with type, title, status, detail and code.

    problems.install(app)
    problems.document(error)                # the same document, for an event in a stream
    await problems.answer(request, error)   # the same response, for a route that adds to it

A detail says what to do. What nobody foresaw is logged under an incident number, and only the number is given out.
Knows no route.
"""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import psycopg
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from undertone.errors import BadInput, NotReady, UndertoneError
from undertone.observability import get_logger

log = get_logger(__name__)


class Problem(JSONResponse):
    """A problem document as a response."""

    media_type = "application/problem+json"


def install(app: FastAPI) -> None:
    """Answer every error of this app with a problem document."""
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)
    app.add_exception_handler(Exception, _unforeseen)


async def answer(request: Request, error: Exception) -> Response:
    """The response to one of the `FORESEEN` errors."""
    return await next(_HANDLERS[kind] for kind in type(error).__mro__ if kind in _HANDLERS)(request, error)


def document(error: UndertoneError) -> dict[str, Any]:
    """The problem document of one of our own errors; its extra members never replace the five fixed ones."""
    return dict(error.extra) | _document(error.status, error.code, error.title, error.detail)


def respond(error: UndertoneError) -> Problem:
    """The same as a response, with the headers that its status asks for."""
    headers: dict[str, str] = {}
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if "retry_after" in error.extra:
        headers["Retry-After"] = str(max(1, round(error.extra["retry_after"])))
    return Problem(document(error), error.status, headers)


def _document(status: int, code: str, title: str, detail: str) -> dict[str, Any]:
    return {"type": f"urn:undertone:problem:{code}", "title": title, "status": status, "detail": detail, "code": code}


async def _ours(_request: Request, error: Exception) -> Response:
    assert isinstance(error, UndertoneError)
    return respond(error)


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [_fault(fault) for fault in error.errors()]
    if any(fault["type"] == "json_invalid" for fault in error.errors()):
        return Problem(_document(400, "bad_input", "The request could not be understood.", faults[0]["problem"]), 400)
    detail = "; ".join(f"{fault['field']}: {fault['problem']}" for fault in faults[:5]) + "."
    found = _document(422, "unprocessable", "The request was understood but cannot be carried out.", detail)
    return Problem(found | {"errors": faults}, 422)


def _fault(fault: Mapping[str, Any]) -> dict[str, str]:
    """Which field, and what is wrong with it; never what was sent."""
    where, *path = map(str, fault["loc"])
    if fault["type"] == "json_invalid":
        reason = fault["ctx"]["error"]
        return {"field": "body", "problem": f"The body is not valid JSON: {reason}, at character {path[0]}."}
    if not path:
        return {"field": where, "problem": "send a JSON object, with the header Content-Type: application/json"}
    field = ".".join(path) if where == "body" else f"{'.'.join(path)} (in the {where})"
    message = str(fault["msg"]).removeprefix("Value error, ")
    return {"field": field, "problem": message[:1].lower() + message[1:]}


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    path = request.url.path
    match status:
        case HTTPStatus.NOT_FOUND:
            detail = f"There is nothing at {path}. The addresses are listed at /docs."
        case HTTPStatus.METHOD_NOT_ALLOWED:
            detail = f"{path} does not take {request.method}; it takes {headers.get('allow', 'another method')}."
        case HTTPStatus.BAD_REQUEST if isinstance(error.__cause__, ValueError | RecursionError):
            detail = "The body is not valid JSON in UTF-8."
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            detail = "The body is too large."
        case _:
            detail = str(error.detail)
    code = "bad_input" if status == HTTPStatus.BAD_REQUEST else status.phrase.lower().replace(" ", "_")
    return Problem(_document(status, code, f"{status.phrase}.", detail), status, headers)


async def _unstorable(_request: Request, _error: Exception) -> Response:
    """Text that no route refused and that neither UTF-8 nor PostgreSQL can hold."""
    return respond(
        BadInput("The request holds a character or number that cannot be stored, such as NUL: leave it out.")
    )


async def _database_away(_request: Request, error: Exception) -> Response:
    log.warning("http.database_away", error=type(error).__name__)
    return respond(NotReady("The database does not answer. Try again in a moment.", retry_after=5))


_HANDLERS: dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
    UndertoneError: _ours,
    RequestValidationError: _invalid,
    HTTPException: _http,
    psycopg.DataError: _unstorable,
    UnicodeEncodeError: _unstorable,
    psycopg.OperationalError: _database_away,
}
FORESEEN = tuple(_HANDLERS)
"""Every error with a document of its own; others get an incident number."""


async def _unforeseen(request: Request, error: Exception) -> Response:
    incident = uuid4().hex[:12]
    route = getattr(request.scope.get("route"), "path", "unknown")
    log.error("http.unforeseen", incident=incident, method=request.method, route=route, exc_info=error)
    detail = f"Something went wrong on our side. Try again; if it stays, tell the operator incident {incident}."
    found = _document(500, "internal", "Something went wrong in the engine.", detail)
    return Problem(found | {"incident": incident}, 500)
