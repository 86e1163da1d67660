"""Health, metrics and the API page: what operators and their tools look at.

The API page serves swagger-ui from its package, so it works without a network. Knows nothing of chats.
"""

from importlib import resources
from typing import Annotated

import psycopg
from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.staticfiles import StaticFiles

from undertone import observability
from undertone.errors import NotReady
from undertone.people import Principal
from undertone.server.auth import anyone, principal, resources_of

router = APIRouter(tags=["operations"])
CSP = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'"


@router.get("/healthz", dependencies=[Depends(anyone)], summary="The process is alive")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/readyz", dependencies=[Depends(anyone)], summary="The database answers and there is room for a turn")
async def readyz(request: Request) -> Response:
    try:
        async with resources_of(request).db.connection(timeout=2.0) as conn:
            await conn.execute("select 1")
    except psycopg.Error as error:
        raise NotReady("The database does not answer.") from error
    if request.app.state.engine.live.full:
        raise NotReady("All reply slots are taken.")
    return JSONResponse({"status": "ready"})


@router.get("/metrics", summary="Metrics in Prometheus' text format")
async def metrics(who: Annotated[Principal, Depends(principal("analytics"))]) -> Response:
    return Response(observability.render_metrics(), media_type="text/plain; version=0.0.4")


@router.get("/docs", dependencies=[Depends(anyone)], include_in_schema=False)
async def docs() -> HTMLResponse:
    page = resources.files(__package__).joinpath("templates", "docs.html").read_text("utf-8")
    return HTMLResponse(page, headers={"Content-Security-Policy": CSP})


def mount_docs(app: FastAPI) -> None:
    """Serve swagger-ui's files from the package that carries them."""
    from swagger_ui_bundle import swagger_ui_path

    app.mount("/docs/assets", StaticFiles(directory=swagger_ui_path), name="swagger-ui")
