"""How many requests came and how quickly their answers began, by route.

    app.add_middleware(Metering)

Pure ASGI, so that a stream passes untouched. A route is named by its pattern, never by the ids in a path. Knows no
route's inside.
"""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from undertone.observability import REQUEST_SECONDS, REQUESTS


class Metering:
    """Counts a request when the headers of its answer are sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "none")
                REQUESTS.labels(route, str(message["status"])).inc()
                REQUEST_SECONDS.labels(route).observe(time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, counted)
