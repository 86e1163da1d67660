"""Every router of the HTTP API, in one list.

A route that is not listed here does not exist. Knows no route's inside.
"""

from fastapi import FastAPI

from undertone.server import chat, conversations, docs, health, memories, openai, pages, problems, tokens, users
from undertone.server.metering import Metering

ROUTERS = (
    chat.router,
    openai.router,
    conversations.router,
    memories.router,
    users.router,
    tokens.router,
    pages.router,
    health.router,
    docs.router,
)


def include(app: FastAPI) -> None:
    """Put every route and the error documents on the app."""
    problems.install(app)
    app.add_middleware(Metering)
    for router in ROUTERS:
        app.include_router(router)
