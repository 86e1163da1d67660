"""The page of what is remembered, in a real Chromium: found, pinned, corrected, merged, forgotten, taken back, told."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from page_site import Site, Told, serve, watched
from undertone import memory
from undertone.db import transaction
from undertone.llm.embedder import MiniLM
from undertone.people import identity
from undertone.people.identity import find_user

pytestmark = pytest.mark.browser

SAID = "My sister is called Ana."


@pytest.fixture
async def site(dsn: str, embedder: MiniLM) -> AsyncIterator[Site]:
    model = Told()
    model.will_say("I will remember.")
    async with serve(dsn, embedder, model) as running:
        yield running


@pytest.fixture
async def page(chromium: Browser, site: Site) -> AsyncIterator[Page]:
    """A person who said one thing, from which a fact was drawn, on the page. At the end: no error in it."""
    async with watched(chromium, site, viewport={"width": 1280, "height": 900}) as tab:
        await tab.goto(await site.link("anna"))
        await tab.check("#gate input[name=memory]")
        await tab.click("#gate button.primary")
        await expect(tab.locator(".hello")).to_be_visible()
        await tab.fill("#say", SAID)
        await tab.press("#say", "Enter")
        await expect(tab.locator(".latest .bubble")).to_contain_text("I will remember.")
        await expect(tab.locator("#send")).to_be_visible()
        async with transaction(site.db) as conn:
            await memory.consolidate(conn, (await find_user(conn, "anna")).user_id, "mira")
        await tab.goto(f"{site.address}/me/memories")
        await expect(tab.locator("li.memory")).to_have_count(2)
        yield tab


async def add(page: Page, text: str) -> None:
    await page.click("#add")
    await page.fill("#added", text)
    await page.click("#adding button.primary")
    await expect(page.locator("li.memory", has_text=text)).to_be_visible()


async def test_it_is_searched_and_narrowed(page: Page) -> None:
    rows = page.locator("li.memory")
    await add(page, "I take my tea with milk")
    await page.fill("#q", "sisters")
    await expect(rows).to_have_count(2)
    await page.click("#kinds >> text=Your words")
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text(SAID)
    await page.fill("#q", "no such thing")
    await expect(page.locator(".nothing")).to_contain_text("Nothing was found")
    await page.fill("#q", "")
    await page.click("#kinds >> text=All")
    await expect(rows).to_have_count(3)


async def test_a_pin_and_a_correction_stand_in_the_history_and_are_taken_back(page: Page) -> None:
    await add(page, "I take my tea with milk")
    tea = page.locator("section[data-title=Kept] li.memory").first  # the newest
    await tea.locator("[aria-label=Correct]").press("Enter")
    await tea.locator("textarea").fill("I take my tea black")
    await page.keyboard.press("Control+Enter")
    await expect(tea).to_contain_text("I take my tea black")
    await tea.locator("[aria-label=More]").click()
    await expect(tea.locator(".timeline")).to_contain_text("Corrected")
    await expect(tea.locator(".timeline del")).to_have_text("I take my tea with milk")
    await expect(tea.locator(".facts")).to_contain_text("You wrote this yourself")
    await tea.locator("[aria-label=Pin]").click()
    await expect(page.locator(".toast")).to_contain_text("Pinned.")
    await page.reload()
    await expect(page.locator("section[data-title=Pinned] li.memory")).to_contain_text("I take my tea black")
    await page.click("#undo")
    await expect(page.locator("section[data-title=Pinned]")).to_have_count(0)
    await page.click("#undo")
    await expect(page.locator("li.memory", has_text="I take my tea with milk")).to_be_visible()


async def test_two_that_are_one_are_merged_and_set_apart_again(page: Page) -> None:
    await add(page, "Ana is my little sister")
    await page.click("#choose")
    for place in (0, 1):
        await page.locator("[aria-label='Select to merge']").nth(place).check()
    await page.click("#merging-open")
    await page.fill("#merge-text", "Ana, my little sister")
    await page.click("#merge button.primary")
    await expect(page.locator("section[data-title=Kept] li.memory")).to_have_count(1)
    await expect(page.locator("section[data-title=Kept]")).to_contain_text("Ana, my little sister")
    await page.click(".toast .action")
    await expect(page.locator("section[data-title=Kept] li.memory")).to_have_count(2)


async def test_what_is_forgotten_goes_with_its_words_and_comes_back(page: Page) -> None:
    rows = page.locator("li.memory")
    fact = rows.first
    await fact.locator("[aria-label=Forget]").click()
    await expect(fact.locator(".also input")).to_be_checked()
    await fact.locator(".button.danger").click()
    await expect(rows).to_have_count(0)
    await page.click("#states >> text=Forgotten")
    await expect(rows).to_have_count(2)
    await rows.first.locator("text=Take back").click()
    await expect(rows).to_have_count(0)
    await page.click("#states >> text=True now")
    await expect(rows).to_have_count(2)


async def test_a_source_leads_to_its_place_in_the_conversation(page: Page) -> None:
    await page.locator("li.memory .memory-line a").first.click()
    await expect(page.locator(".message.found")).to_contain_text(SAID)


async def test_a_reply_shows_what_was_sent_word_for_word(page: Page, site: Site) -> None:
    await page.goto(site.address)
    await page.click(".latest .action:has-text('Why this reply')")
    await page.click("summary:has-text('word for word')")
    sent = page.locator("#drawer .sent")
    await expect(sent).to_contain_text("This is exactly what the model received.")
    await expect(sent.locator(".edge-message")).to_contain_text(SAID)
    await expect(sent.locator(".edge-persona")).to_contain_text("not shown")


async def test_a_phone_has_everything_and_never_scrolls_sideways(page: Page) -> None:
    await page.set_viewport_size({"width": 390, "height": 844})
    await add(page, "A-word-without-any-space-" * 8)
    await page.locator("li.memory [aria-label=More]").first.click()
    await expect(page.locator(".timeline .moment").first).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_an_operator_looks_with_a_key_and_changes_nothing(page: Page, site: Site) -> None:
    async with transaction(site.db) as conn:
        key = await identity.create_key(conn, "operator", scopes={"admin"})
    await page.context.clear_cookies()
    await page.goto(f"{site.address}/me/memories?user=anna")
    await page.fill("#key-field", key)
    await page.click("#key button")
    await expect(page.locator("li.memory")).to_have_count(2)
    await expect(page.locator("[aria-label=Forget], [aria-label=Correct], #add, #undo")).to_have_count(0)
    async with transaction(site.db) as conn:
        looks = await (await conn.execute("select data from events where kind = 'MemoriesInspected'")).fetchall()
    assert [look["memories"] for (look,) in looks] == [2]
