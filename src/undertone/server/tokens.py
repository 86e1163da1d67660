"""Signing people in: end-user tokens for a platform's pages, and the one-time link of a local installation.

`serve` prints `/enter?code=...`; opening it once signs the browser in. Knows nothing of what a token opens.
"""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from undertone.db import transaction
from undertone.people import Principal
from undertone.people.identity import find_or_create_user, issue_token, redeem_link, revoke_token
from undertone.server.auth import anyone, principal, resources_of, sign_in, sign_out

router = APIRouter(tags=["sign-in"])


class TokenRequest(BaseModel):
    """Whom a token is for, and how long it lives."""

    model_config = ConfigDict(extra="forbid")

    user: str
    ttl_s: int = Field(3600, ge=60, le=86_400, description="Seconds; an hour unless said otherwise.")


class TokenIssued(BaseModel):
    """A token for one person's browser. It opens what is theirs, and nothing else."""

    token: str
    user: str
    expires_at: datetime


@router.post("/v1/tokens", status_code=201)
async def create_token(
    wanted: TokenRequest, request: Request, who: Annotated[Principal, Depends(principal("tokens"))]
) -> TokenIssued:
    """Hand out a short-lived token for a person, made when they are new. It carries what this key attests."""
    async with transaction(resources_of(request).db) as conn:
        user = await find_or_create_user(conn, wanted.user)
        token, expires_at = await issue_token(
            conn, user.user_id, timedelta(seconds=wanted.ttl_s), key_id=who.key_id, attests=who.attests
        )
    return TokenIssued(token=token, user=user.external_id, expires_at=expires_at)


@router.get("/enter", dependencies=[Depends(anyone)], status_code=303, include_in_schema=False)
async def enter(code: str, request: Request) -> RedirectResponse:
    """Redeem a one-time link: the cookie is set and the chat page follows."""
    async with transaction(resources_of(request).db) as conn:
        token, expires_at = await redeem_link(conn, code)
    response = RedirectResponse("/", 303, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
    sign_in(request, response, token, expires_at)
    return response


@router.post("/leave", dependencies=[Depends(anyone)], status_code=204, include_in_schema=False)
async def leave(request: Request) -> Response:
    """Sign this browser out."""
    response = Response(status_code=204)
    async with resources_of(request).db.connection() as conn:
        await revoke_token(conn, sign_out(request, response))
    return response
