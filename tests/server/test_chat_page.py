"""The chat page and the page about the person in a real Chromium, against a whole server."""

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, Route, expect

from page_site import Site, Told, serve, watched
from undertone.db import transaction
from undertone.llm.embedder import MiniLM
from undertone.people import consent
from undertone.people.identity import find_user

pytestmark = pytest.mark.browser

ANSWER = "There is a lamp, a kettle and a cat called Comma."


@pytest.fixture
def model() -> Told:
    return Told()


@pytest.fixture
async def site(dsn: str, embedder: MiniLM, model: Told) -> AsyncIterator[Site]:
    async with serve(dsn, embedder, model) as running:
        yield running


@pytest.fixture
async def page(chromium: Browser, site: Site) -> AsyncIterator[Page]:
    """A signed-in browser at the gate. At the end: no error in it, and nothing was asked of another host."""
    async with watched(chromium, site) as tab:
        await tab.goto(await site.link("anna"))
        yield tab


async def agree(page: Page, *purposes: str) -> None:
    for purpose in purposes:
        await page.check(f"#gate input[name={purpose}]")
    await page.click("#gate button.primary")
    await expect(page.locator(".hello")).to_be_visible()


async def say(page: Page, text: str) -> None:
    await page.fill("#say", text)
    await page.press("#say", "Enter")


async def replied(page: Page, text: str) -> None:
    await expect(page.locator(".latest .bubble")).to_contain_text(text)
    await expect(page.locator("#send")).to_be_visible()


async def test_the_gate_comes_first_and_keeps_each_answer(page: Page, site: Site) -> None:
    gate = page.locator("#gate")
    await expect(gate).to_contain_text("You will be talking with an AI")
    await expect(gate).to_contain_text("may not be suitable for some minors")
    await page.keyboard.press("Escape")
    await expect(gate).to_be_visible()
    await agree(page, "memory")
    async with transaction(site.db) as conn:
        anna = await find_user(conn, "anna")
        kept = {answer.purpose: answer.granted for answer in await consent.history(conn, anna.user_id)}
    assert kept == {"chat": True, "memory": True, "typing": False}
    await page.reload()
    await expect(page.locator(".hello")).to_be_visible()
    await expect(gate).to_be_hidden()


async def test_a_reply_streams_and_says_why(page: Page, model: Told) -> None:
    await agree(page, "memory", "typing")
    await say(page, "What is in the shop?")
    model.will_say("There is a lamp. ", ends=False)
    await expect(page.locator(".latest .bubble.speaking")).to_contain_text("There is a lamp.")
    await expect(page.locator("#stop")).to_be_visible()
    model.will_say("And a cat called Comma.")
    await replied(page, "And a cat called Comma.")
    await expect(page.locator(".badge")).to_have_text("AI")
    await expect(page.locator("#announce")).to_contain_text("And a cat called Comma.")
    await page.click(".latest .action:has-text('Why this reply')")
    drawer = page.locator("#drawer")
    for words in ("How it was spoken", "What was read", "What was remembered", "Persona and rules", "Your message"):
        await expect(drawer).to_contain_text(words)
    assert await drawer.locator(".shares rect").count() >= 3
    await page.keyboard.press("Escape")
    await expect(drawer).to_be_hidden()


async def test_a_reply_can_be_stopped_and_what_was_said_stays(page: Page, model: Told) -> None:
    await agree(page)
    await say(page, "Tell me a long story.")
    model.will_say("Once there was a lamp. ", "It ", ends=False)
    await expect(page.locator(".latest .bubble")).to_contain_text("Once there was a lamp.")
    await page.click("#stop")
    await replied(page, "Once there was a lamp.")
    await expect(page.locator(".latest .note")).to_have_text("Stopped here.")


async def test_another_reply_takes_the_place_of_the_last(page: Page, model: Told) -> None:
    await agree(page)
    model.will_say("The first answer.")
    await say(page, "What is in the shop?")
    await replied(page, "The first answer.")
    model.will_say("The second answer.")
    await page.click(".latest .action:has-text('Another reply')")
    await replied(page, "The second answer.")
    await page.reload()
    await replied(page, "The second answer.")
    await expect(page.locator(".message")).to_have_count(2)


async def test_a_model_that_fails_is_said_and_tried_again(page: Page, model: Told) -> None:
    await agree(page)
    model.will_say("(fails)", ends=False)
    await say(page, "What is in the shop?")
    await expect(page.locator(".failed .note")).to_have_text("The model is away. Try again.")
    model.will_say(ANSWER)
    await page.click(".failed .action")
    await replied(page, ANSWER)
    await expect(page.locator(".failed")).to_have_count(0)


async def test_a_dropped_connection_is_taken_up_where_it_broke(page: Page, model: Told) -> None:
    await agree(page)
    followed: list[str | None] = []

    async def drop(route: Route) -> None:
        """Pass on the first two events of the reply, and end as a broken line does."""
        whole = await (await route.fetch()).text()
        await route.fulfill(body="\n\n".join(whole.split("\n\n")[:2]) + "\n\n", content_type="text/event-stream")

    async def follow(route: Route) -> None:
        followed.append(await route.request.header_value("last-event-id"))
        await route.continue_()

    await page.route("**/v1/chat", drop)
    await page.route("**/v1/turns/*/stream", follow)
    model.will_say(ANSWER)
    await say(page, "What is in the shop?")
    await replied(page, ANSWER)
    assert len(followed) == 1
    assert re.fullmatch(r"[0-9a-f-]{36}:\d+", followed[0] or "")
    assert model.asked == 1


async def test_a_lost_first_request_is_sent_again_and_answered_once(page: Page, model: Told) -> None:
    await agree(page)
    sent: list[str | None] = []

    async def lose(route: Route) -> None:
        """The request arrives and the answer does not, once."""
        sent.append(await route.request.header_value("idempotency-key"))
        if len(sent) == 1:
            await route.fetch()
            await route.abort("connectionreset")
        else:
            await route.continue_()

    await page.route("**/v1/chat", lose)
    model.will_say(ANSWER)
    await say(page, "What is in the shop?")
    await replied(page, ANSWER)
    assert len(sent) == 2
    assert sent[0] == sent[1] is not None
    assert model.asked == 1
    await page.reload()
    await replied(page, ANSWER)
    await expect(page.locator(".message")).to_have_count(2)


async def test_a_reply_goes_on_when_the_page_is_opened_again(page: Page, model: Told) -> None:
    await agree(page)
    model.will_say("Once there was a lamp. ", "And ", ends=False)
    await say(page, "Tell me a story.")
    await expect(page.locator(".latest .bubble")).to_contain_text("Once there was a lamp.")
    await page.reload()
    await expect(page.locator(".latest .bubble")).to_contain_text("Once there was a lamp.")
    model.will_say("it shone.")
    await replied(page, "And it shone.")
    assert model.asked == 1


async def test_a_reply_is_reported_with_its_reason(page: Page, site: Site, model: Told) -> None:
    await agree(page)
    model.will_say(ANSWER)
    await say(page, "What is in the shop?")
    await replied(page, ANSWER)
    await page.click(".latest .action[aria-label='Report']")
    await page.check("#report input[value=pretends]")
    await page.click("#report button.primary")
    await expect(page.locator(".toast")).to_contain_text("Reported")
    async with transaction(site.db) as conn:
        rows = await (await conn.execute("select reason from reports")).fetchall()
    assert rows == [("pretends",)]


async def test_what_is_remembered_is_corrected_and_forgotten(page: Page, model: Told) -> None:
    await agree(page, "memory")
    model.will_say("I will remember.")
    await say(page, "My sister is called Ana.")
    await replied(page, "I will remember.")
    await page.click("#open-memories")
    rows = page.locator("li.memory")
    await expect(rows).to_have_count(1)
    await rows.locator("[aria-label=Correct]").click()
    await rows.locator("textarea").fill("My sister is called Anna.")
    await rows.locator("text=Save").click()
    await expect(rows).to_contain_text("My sister is called Anna.")
    await rows.locator("[aria-label=Forget]").click()
    await rows.locator(".button.danger").click()
    await expect(rows).to_have_count(0)
    await page.click("#drawer .toast .action")
    await expect(rows).to_contain_text("My sister is called Anna.")


async def test_personas_and_conversations_are_kept_apart(page: Page, model: Told) -> None:
    await agree(page)
    model.will_say("Mira speaks.")
    await say(page, "Hello Mira.")
    await replied(page, "Mira speaks.")
    await page.click(".persona:has-text('Theo')")
    await expect(page.locator("#bar-name")).to_have_text("Theo")
    await expect(page.locator(".message")).to_have_count(0)
    await page.click(".persona:has-text('Mira')")
    await replied(page, "Mira speaks.")
    await page.click("#new-conversation")
    await expect(page.locator(".message")).to_have_count(0)
    await page.click("#earlier button")
    await replied(page, "Mira speaks.")


async def test_markup_from_a_model_stays_text(page: Page, model: Told) -> None:
    await agree(page)
    model.will_say("A *soft* <img src=x onerror=alert(1)> word.")
    await say(page, "What is in the shop?")
    await replied(page, "<img src=x onerror=alert(1)>")
    await expect(page.locator(".latest em")).to_have_text("soft")
    await expect(page.locator(".latest .bubble img")).to_have_count(0)


async def test_a_phone_has_everything_and_never_scrolls_sideways(page: Page, site: Site, model: Told) -> None:
    await page.set_viewport_size({"width": 390, "height": 844})
    await agree(page, "typing")
    model.will_say("A-word-without-any-space-" * 12)
    await say(page, "What is in the shop?")
    await replied(page, "A-word-without-any-space")
    for reach in ("[aria-label^='Menu']", "#open-memories", "#new-conversation", "#say", "#send", ".badge"):
        await expect(page.locator(reach)).to_be_in_viewport()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await page.click("[aria-label^='Menu']")
    await page.click(".persona:has-text('Theo')")
    await expect(page.locator("#rail")).to_be_hidden()
    await expect(page.locator("#bar-name")).to_have_text("Theo")
    await page.goto(f"{site.address}/me")
    await expect(page.locator("#country")).to_be_enabled()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_the_theme_is_chosen_and_kept(page: Page) -> None:
    await agree(page)
    shade = "getComputedStyle(document.body).backgroundColor"
    light = await page.evaluate(shade)
    toggle = page.locator("[data-theme-toggle]")
    await toggle.click()
    await toggle.click()
    await expect(toggle).to_have_text("Theme: dark")
    dark = await page.evaluate(shade)
    assert light != dark
    await page.reload()
    assert await page.evaluate(shade) == dark


async def test_about_you_changes_consents_and_erases_only_what_was_meant(page: Page, site: Site) -> None:
    await agree(page, "memory")
    await page.goto(f"{site.address}/me")
    memory = page.locator("input[name=memory]")
    await expect(memory).to_be_checked()
    await memory.uncheck()
    await expect(page.locator("#saved")).to_have_text("Saved.")
    async with transaction(site.db) as conn:
        anna = await find_user(conn, "anna")
        last = (await consent.history(conn, anna.user_id))[-1]
    assert (last.purpose, last.granted) == ("memory", False)
    async with page.expect_download() as download:
        await page.click("text=Download my data")
    assert (await download.value).suggested_filename == "undertone-export.json"
    button = page.locator("#erase button")
    await page.fill("#word", "erase?")
    await expect(button).to_be_disabled()
    await page.fill("#word", "erase")
    await button.click()
    await expect(page.locator("h1")).to_have_text("Everything was erased")
    async with transaction(site.db) as conn:
        assert await (await conn.execute("select 1 from users where external_id = 'anna'")).fetchone() is None
    await page.goto(site.address)
    await expect(page.locator("h1")).to_have_text("You are not signed in")
