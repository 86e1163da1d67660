"""What every page of the console shares: its frame, its files, its headers, and what somebody sees who may not.

    router = page_router()
    return page("sessions.html", who, "sessions", ...)

An error of a page is a page, not a problem document; who is not signed in is sent to sign in and comes back after.
Knows no number that a page shows.
"""

from collections.abc import Callable, Coroutine
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Depends
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from undertone import __version__
from undertone.console import words
from undertone.errors import Unauthenticated, UndertoneError
from undertone.people import Principal
from undertone.server import pages
from undertone.server.auth import CONSOLE, anyone

PAGES = (("sessions", "Sessions", "Who is here, and who was"),)
"""Every page by its address under the console, its name, and what it shows."""

HEADERS = pages.HEADERS | {"Referrer-Policy": "same-origin"}
"""A form's request says where it came from."""

_files = StaticFiles(directory=str(files("undertone.console") / "static"))
_templates = pages.templates_of("undertone.console")
_templates.filters |= words.FILTERS

router = APIRouter(prefix=CONSOLE, tags=["console"])


def page(template: str, who: Principal | None, here: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page as `who` sees it; `here` is its entry in the rail."""
    html = _templates.get_template(template).render(version=__version__, who=who, here=here, pages=PAGES, **values)
    return HTMLResponse(html, status, HEADERS)


class PageRoute(APIRoute):
    """A route whose errors are pages."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await inner(request)
            except Unauthenticated:
                back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                return RedirectResponse(f"{CONSOLE}/sign-in?next={quote(back)}", 303, HEADERS)
            except UndertoneError as error:
                return page("trouble.html", None, "", status=error.status, title=error.title, detail=error.detail)
            except RequestValidationError as error:
                fault = error.errors()[0]
                detail = f"“{fault['loc'][-1]}” in the address: {fault['msg'][:1].lower()}{fault['msg'][1:]}."
                return page("trouble.html", None, "", status=422, title="This address cannot be read.", detail=detail)

        return handler


def page_router() -> APIRouter:
    """A router for pages."""
    return APIRouter(prefix=CONSOLE, tags=["console"], route_class=PageRoute, include_in_schema=False)


@router.get("/static/{name}", dependencies=[Depends(anyone)], include_in_schema=False)
async def static(name: str, request: Request) -> Response:
    """One file of the console; 304 when the browser has it already."""
    response = await _files.get_response(name, request.scope)
    response.headers.update(pages.FILE_HEADERS)
    return response
