"""The public page of what is in force, in a real Chromium: open to all, readable on a phone, found from the gate."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from page_site import Site, serve, watched
from undertone.llm.embedder import MiniLM

pytestmark = pytest.mark.browser


@pytest.fixture
async def site(dsn: str, embedder: MiniLM) -> AsyncIterator[Site]:
    async with serve(dsn, embedder, safety_contact="care@platform.example") as running:
        yield running


@pytest.fixture(params=[("light", 1280), ("dark", 390)], ids=["desktop-light", "phone-dark"])
async def page(chromium: Browser, site: Site, request: pytest.FixtureRequest) -> AsyncIterator[Page]:
    """A stranger's browser. At the end: no error in it, and nothing was asked of another host."""
    scheme, width = request.param
    async with watched(chromium, site, viewport={"width": width, "height": 844}, color_scheme=scheme) as tab:
        yield tab


async def test_a_stranger_reads_the_protocol_and_whom_to_write_to(page: Page, site: Site) -> None:
    await page.goto(f"{site.address}/safety")
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    await expect(page.locator("body")).to_contain_text("Every 2 hours")
    await expect(page.get_by_role("link", name="care@platform.example")).to_be_visible()
    sideways = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert sideways <= 0, "nothing scrolls sideways"


async def test_the_page_is_one_step_from_the_gate_of_the_chat(page: Page, site: Site) -> None:
    await page.goto(await site.link("anna"))
    await expect(page.locator("#gate a[href='/safety']")).to_be_visible()
