"""`/console/`: which pages there are. Knows none of them."""

from typing import Annotated

from fastapi import Depends
from starlette.responses import HTMLResponse

from undertone.console.frame import page, page_router
from undertone.people import Principal
from undertone.server.auth import principal

router = page_router()


@router.get("")
@router.get("/")
async def home(who: Annotated[Principal, Depends(principal("analytics"))]) -> HTMLResponse:
    """The pages there are."""
    return page("home.html", who, "")
