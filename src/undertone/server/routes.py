"""Every router of the HTTP API, in one list.

A route that is not listed here does not exist. Knows no route's inside.
"""

from fastapi import FastAPI

from undertone.server import (
    analytics_reports,
    beacons,
    chat,
    conversations,
    craft,
    docs,
    handovers,
    health,
    incidents,
    inspection,
    limits,
    memories,
    offers,
    openai,
    pages,
    personas,
    problems,
    reminders,
    safety,
    tokens,
    users,
)
from undertone.server.metering import Metering

ROUTERS = (
    beacons.router,  # first: most requests are its
    chat.router,
    craft.router,
    openai.router,
    conversations.router,
    memories.router,
    inspection.router,
    reminders.router,
    offers.router,
    incidents.router,
    handovers.router,
    users.router,
    limits.router,
    tokens.router,
    personas.router,
    pages.router,
    safety.router,
    analytics_reports.router,
    health.router,
    docs.router,
)


def include(app: FastAPI) -> None:
    """Put every route and the error documents on the app."""
    problems.install(app)
    app.add_middleware(Metering)
    for router in ROUTERS:
        app.include_router(router)
