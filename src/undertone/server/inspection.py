"""What is held about a person, for operators: read only, with an admin key, and each look is an event.

The same memories in the same words as `memories` shows the person. Knows no way to change one.
"""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from undertone import events
from undertone.db import transaction
from undertone.people import Principal
from undertone.people.identity import find_user
from undertone.server.auth import principal, resources_of
from undertone.server.memories import Filters, MemoryShown, MomentShown, moments, page

router = APIRouter(prefix="/v1/admin/users/{user}/memories", tags=["operators"])
ForOperators = Annotated[Principal, Depends(principal("admin"))]


@router.get("", summary="What is remembered of a person, for an operator")
async def find(
    user: str, request: Request, response: Response, who: ForOperators, filters: Annotated[Filters, Query()]
) -> list[MemoryShown]:
    """As the person sees it, and recorded as an event. 404 for someone never seen."""
    async with transaction(resources_of(request).db) as conn:
        person = await find_user(conn, user)
        found = await page(conn, person.user_id, filters, request, response)
        await events.record(
            conn,
            events.MemoriesInspected(user_id=person.user_id, key_id=who.key_id or "", memories=len(found)),
        )
    return found


@router.get("/{memory_id}/history", summary="How a memory came to be, for an operator")
async def history(user: str, memory_id: UUID, request: Request, who: ForOperators) -> list[MomentShown]:
    """As the person sees it, and recorded as an event."""
    async with transaction(resources_of(request).db) as conn:
        person = await find_user(conn, user)
        await events.record(conn, events.MemoriesInspected(user_id=person.user_id, key_id=who.key_id or "", memories=1))
        return await moments(conn, person.user_id, memory_id)
