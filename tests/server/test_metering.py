"""What the metrics say of requests: routes by their pattern, without anybody's name."""

import httpx
from fastapi import FastAPI

from undertone import observability
from undertone.server import health, users
from undertone.server.metering import Metering


def counted(route: str, status: str) -> float:
    labels = {"route": route, "status": status}
    return observability.REGISTRY.get_sample_value("undertone_http_requests_total", labels) or 0.0


async def test_requests_are_counted_by_pattern_and_status() -> None:
    app = FastAPI()
    app.add_middleware(Metering)
    app.include_router(health.router)
    app.include_router(users.router)
    patterns = [("/healthz", "200"), ("none", "404"), ("/v1/users/{user}", "405")]
    before = [counted(*pattern) for pattern in patterns]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://undertone.test") as client:
        await client.get("/healthz")
        await client.get("/nowhere/anna")
        await client.put("/v1/users/anna")
    assert [counted(*pattern) for pattern in patterns] == [count + 1 for count in before]
    assert "anna" not in observability.render_metrics().decode()
