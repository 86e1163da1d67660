"""The server that `make test-live` starts, asked for by name: (address, model)."""

import os

import pytest


@pytest.fixture
def live_server() -> tuple[str, str]:
    """Fails where nobody started one: who asks for these tests means the server (torch, an environment of its own)."""
    url, model = os.environ.get("UNDERTONE_LIVE_URL"), os.environ.get("UNDERTONE_LIVE_MODEL")
    if not url or not model:
        pytest.fail("no live server: `make test-live` starts one and runs these tests")
    return url, model
