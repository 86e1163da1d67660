"""The pages for people: `/` to chat, `/me` for what is held about you, `/me/memories` for what is remembered.

    app.include_router(pages.router)

Who is not signed in gets a page that says how. No script or style stands in a page and nothing comes from another host,
so the policy allows neither. Knows no turn and no table: the scripts call the same API that platforms call.
"""

from importlib.resources import files
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from undertone import __version__
from undertone.errors import Forbidden, Unauthenticated
from undertone.people import Principal
from undertone.server.auth import anyone, principal

router = APIRouter(tags=["pages"])

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
FILE_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}

_files = StaticFiles(directory=str(files("undertone.server") / "static"))


def templates_of(package: str) -> Environment:
    """The templates of a package, whose values are escaped and must all be given."""
    return Environment(
        loader=PackageLoader(package),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


_templates = templates_of("undertone.server")


async def visitor(request: Request) -> Principal | None:
    """The person whose cookie this is; None for everyone else."""
    try:
        who = await principal("chat")(request)
    except (Unauthenticated, Forbidden):
        return None
    return who if who.kind == "person" else None


Visitor = Annotated[Principal | None, Depends(visitor)]


@router.get("/", dependencies=[Depends(anyone)], include_in_schema=False)
async def chat(request: Request, who: Visitor) -> HTMLResponse:
    """The chat page."""
    if who is None:
        return page("welcome.html", status=401)
    return page("chat.html", offline=bool(request.app.state.offline))


@router.get("/me", dependencies=[Depends(anyone)], include_in_schema=False)
async def me(who: Visitor) -> HTMLResponse:
    """What a person allowed, what is held about them, and its end."""
    return page("welcome.html", status=401) if who is None else page("me.html", user=who.external_id)


@router.get("/me/memories", dependencies=[Depends(anyone)], include_in_schema=False)
async def memories(who: Visitor, user: str | None = None) -> HTMLResponse:
    """What is remembered. With `user` the operators' view: the page holds nothing and asks for a key."""
    if user is not None:
        return page("memories.html", whose=user, operator=True)
    return page("welcome.html", status=401) if who is None else page("memories.html", whose="me", operator=False)


@router.get("/static/{name}", dependencies=[Depends(anyone)], include_in_schema=False)
async def static(name: str, request: Request) -> Response:
    """One file of the pages; 304 when the browser has it already."""
    response = await _files.get_response(name, request.scope)
    response.headers.update(FILE_HEADERS)
    return response


def page(template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page made of a template and what it is told, under the policy of all pages."""
    html = _templates.get_template(template).render(version=__version__, **values)
    return HTMLResponse(html, status, HEADERS)
