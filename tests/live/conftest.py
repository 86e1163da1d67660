"""The server that `make test-live` starts, asked for by name: (address, model)."""

import os

import pytest


@pytest.fixture
def live_server() -> tuple[str, str]:
    """Skips where nobody started one: it needs torch, an environment of its own and minutes."""
    url, model = os.environ.get("UNDERTONE_LIVE_URL"), os.environ.get("UNDERTONE_LIVE_MODEL")
    if not url or not model:
        pytest.skip("no live server: run `make test-live`")
    return url, model
