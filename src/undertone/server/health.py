"""Health and metrics: what operators and their tools look at. Knows nothing of chats."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from undertone import jobs, observability
from undertone.db import ping
from undertone.errors import NotReady
from undertone.people import Principal
from undertone.server.auth import anyone, principal, resources_of

router = APIRouter(tags=["operations"])


@router.head("/healthz", dependencies=[Depends(anyone)], include_in_schema=False)
@router.get("/healthz", dependencies=[Depends(anyone)], summary="The process is alive")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


@router.head("/readyz", dependencies=[Depends(anyone)], include_in_schema=False)
@router.get("/readyz", dependencies=[Depends(anyone)], summary="The database answers and there is room for a turn")
async def readyz(request: Request) -> Response:
    await ping(resources_of(request).db)
    if request.app.state.engine.live.full:
        raise NotReady("All reply slots are taken.")
    return JSONResponse({"status": "ready"})


@router.get("/metrics", summary="Metrics in Prometheus' text format")
async def metrics(request: Request, who: Annotated[Principal, Depends(principal("analytics"))]) -> Response:
    async with resources_of(request).db.connection() as conn:
        health = await jobs.queue_health(conn)
    observability.JOBS_QUEUED.clear()
    observability.JOBS_STUCK.clear()
    for state in ("todo", "doing", "failed"):
        observability.JOBS_QUEUED.labels(state).set(health.by_state.get(state, 0))
    for name, number in health.stuck.items():
        observability.JOBS_STUCK.labels(name).set(number)
    return Response(observability.render_metrics(), media_type="text/plain; version=0.0.4")
