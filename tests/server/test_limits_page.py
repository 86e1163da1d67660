"""The limits on the page about a person, and a person's words in the chat, in a real Chromium."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from page_site import Site, Told, serve, watched
from undertone.llm.embedder import MiniLM
from undertone.people import identity

pytestmark = pytest.mark.browser


@pytest.fixture
async def site(dsn: str, embedder: MiniLM) -> AsyncIterator[Site]:
    model = Told()
    model.will_say("Good to hear from you.")
    async with serve(dsn, embedder, model, handover=True) as running:
        yield running


@pytest.fixture
async def page(chromium: Browser, site: Site) -> AsyncIterator[Page]:
    """Somebody who said hello, on the chat page. At the end: no error in it, and nothing from elsewhere."""
    async with watched(chromium, site, viewport={"width": 1280, "height": 900}) as tab:
        await tab.goto(await site.link("anna"))
        await tab.click("#gate button.primary")
        await expect(tab.locator(".hello")).to_be_visible()
        await say(tab, "Hello there, nice to meet you.")
        await expect(tab.locator(".latest .bubble")).to_contain_text("Good to hear from you.")
        yield tab


async def say(page: Page, text: str) -> None:
    await page.fill("#say", text)
    await page.press("#say", "Enter")
    await expect(page.locator("#send")).to_be_visible()


async def about(page: Page, site: Site) -> None:
    await page.goto(f"{site.address}/me")
    await expect(page.locator("#limit-minutes")).to_be_enabled()


async def test_a_limit_is_set_tightened_and_loosened_tomorrow(page: Page, site: Site) -> None:
    await about(page, site)
    await page.select_option("#limit-minutes", "60")
    await expect(page.locator("#limits")).to_contain_text("of 1 hour today")
    await page.select_option("#limit-minutes", "120")
    await expect(page.locator("#limits .aside-note")).to_contain_text("What you loosened holds from")
    await expect(page.locator("#limits")).to_contain_text("of 1 hour today")
    await expect(page.locator("#limit-minutes")).to_have_value("120")
    await page.fill("#limit-spend_a_week", "25.50")
    await page.press("#limit-spend_a_week", "Tab")
    await expect(page.locator("#saved")).to_have_text("Saved.")
    await page.reload()
    await expect(page.locator("#limit-spend_a_week")).to_have_value("25.50")
    await page.select_option("#limit-break", "0")
    await expect(page.locator("#saved")).to_have_text("Saved.")
    await page.reload()
    await expect(page.locator("#limit-break")).to_have_value("0")


async def test_contact_is_stopped_and_turned_on_again_by_the_person(page: Page, site: Site) -> None:
    await about(page, site)
    switch = page.locator("#contact")
    await expect(switch).to_be_checked()
    await switch.uncheck()
    await expect(page.locator("#saved")).to_have_text("Saved.")
    await page.reload()
    await expect(switch).to_be_enabled()
    await expect(switch).not_to_be_checked()
    await switch.check()
    await expect(page.locator("#saved")).to_have_text("Saved.")


async def test_time_off_asks_once_and_closes_the_chat(page: Page, site: Site) -> None:
    await about(page, site)
    await page.click("#time-off button")
    await expect(page.locator("#time-off .sure")).to_contain_text("nobody can shorten it")
    await page.click("#time-off >> text=Not now")
    await page.select_option("#time-off select", "2")
    await page.click("#time-off button")
    await page.click("#time-off >> text=Close the chat to me")
    await expect(page.locator("#time-off .closed-note")).to_contain_text("findahelpline.com")
    await page.goto(site.address)
    await expect(page.locator(".theirs .bubble")).to_be_visible()
    await say(page, "Let me in after all.")
    await expect(page.locator(".failed .note")).to_contain_text("A break is running")


async def test_a_persons_words_come_by_themselves_and_never_look_like_the_ai(page: Page, site: Site) -> None:
    await say(page, "Can I talk to a real person, please?")
    await expect(page.locator(".latest .bubble")).to_contain_text("I am an AI and stay quiet here")
    async with site.db.connection() as conn:
        key = await identity.create_key(conn, "operator", scopes={"care", "chat"})
    async with httpx.AsyncClient(base_url=site.address, headers={"Authorization": f"Bearer {key}"}) as client:
        [waiting] = (await client.get("/v1/handovers")).json()
        path = f"/v1/conversations/{waiting['conversation']}/handover"
        for more in ({"action": "take"}, {"action": "say", "text": "Hi, this is Sam. How can I help?"}):
            answer = await client.post(path, json={"user": "anna", **more})
            assert answer.status_code == 201, answer.text
    written = page.locator(".message.human")
    await expect(written).to_contain_text("Hi, this is Sam.")
    await expect(written).to_contain_text("Written by a person")
    await expect(page.locator(".message.theirs", has_text="A person of the platform is here now")).to_be_visible()
    await page.reload()
    await expect(written).to_contain_text("Hi, this is Sam.")
    assert not await page.locator(".message.human .action").count()


async def test_the_page_at_a_phones_width(page: Page, site: Site, tmp_path: Path) -> None:
    await about(page, site)
    await page.set_viewport_size({"width": 360, "height": 760})
    wide = await page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 360
