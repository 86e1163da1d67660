"""Conversation craft on the chat page in a real Chromium: swiping, other words, going on, offers, reminders."""

import os
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from page_site import Site, Told, serve, watched
from undertone.db import transaction
from undertone.engine import deliveries, offers_store
from undertone.engine.offers import MARK, Offer
from undertone.llm.embedder import MiniLM
from undertone.people import consent
from undertone.people.identity import find_user

pytestmark = pytest.mark.browser

PICTURES = os.environ.get("UNDERTONE_PICTURES")
"""A folder for screenshots, to look at after a change of the pages."""
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@pytest.fixture
def model() -> Told:
    return Told()


@pytest.fixture
async def site(dsn: str, embedder: MiniLM, model: Told) -> AsyncIterator[Site]:
    async with serve(dsn, embedder, model) as running:
        yield running


@pytest.fixture
async def page(chromium: Browser, site: Site) -> AsyncIterator[Page]:
    async with watched(chromium, site) as tab:
        await tab.goto(await site.link("anna"))
        await tab.click("#gate button.primary")
        await expect(tab.locator(".hello")).to_be_visible()
        yield tab


async def picture(page: Page, name: str) -> None:
    """The page as it is, wide and narrow, light and dark, where somebody asked for pictures."""
    if PICTURES is None:
        return
    for scheme in ("light", "dark"):
        for width in (1280, 390):
            await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            await page.set_viewport_size({"width": width, "height": 844})
            await page.screenshot(path=str(Path(PICTURES) / f"{name}-{width}-{scheme}.png"))
    await page.emulate_media(color_scheme="light", reduced_motion="reduce")
    await page.set_viewport_size({"width": 1280, "height": 800})


async def say(page: Page, model: Told, text: str, reply: str) -> None:
    model.will_say(reply)
    await page.fill("#say", text)
    await page.press("#say", "Enter")
    await replied(page, reply)


async def replied(page: Page, text: str) -> None:
    await expect(page.locator(".latest .bubble")).to_contain_text(text)
    await expect(page.locator("#send")).to_be_visible()


async def allow(site: Site, purpose: str) -> None:
    async with transaction(site.db) as conn:
        anna = await find_user(conn, "anna")
        await consent.answer(conn, anna.user_id, purpose, "1", True, "test")


def wish() -> str:
    day = DAYS[(datetime.now(UTC) + timedelta(days=2)).weekday()]
    return f"Wish me luck on {day}, I have my driving test!"


async def test_one_swipes_between_replies_and_changes_ones_own_words(page: Page, model: Told) -> None:
    await say(page, model, "What is in the shop?", "The first answer.")
    model.will_say("The second answer.")
    await page.click(".latest .action:has-text('Another reply')")
    await replied(page, "The second answer.")
    swipe = page.locator(".latest .swipe")
    await expect(swipe).to_contain_text("2 of 2")
    await expect(swipe.locator("[aria-label='Later reply']")).to_be_disabled()
    await picture(page, "swipe")
    await swipe.locator("[aria-label='Earlier reply']").click()
    await replied(page, "The first answer.")
    await expect(page.locator(".latest .swipe")).to_contain_text("1 of 2")
    await page.reload()
    await replied(page, "The first answer.")
    await expect(page.locator(".latest .swipe")).to_contain_text("1 of 2")

    await page.click("#new-conversation")
    await expect(page.locator(".message")).to_have_count(0)
    await say(page, model, "I was at the sea.", "How was the water?")
    await say(page, model, "Cold.", "Brave of you.")
    await page.locator(".mine").first.hover()
    await page.locator(".mine [aria-label='Change your message']").first.click()
    field = page.locator(".edit-words")
    await expect(field).to_have_value("I was at the sea.")
    await picture(page, "edit")
    model.will_say("Which hill?")
    await field.fill("I was in the hills.")
    await field.press("Enter")
    await replied(page, "Which hill?")
    await expect(page.locator(".message")).to_have_count(2)
    versions = page.locator(".mine .swipe")
    await expect(versions).to_contain_text("2 of 2")
    await versions.locator("[aria-label='Earlier wording']").click()
    await replied(page, "Brave of you.")
    await expect(page.locator(".message")).to_have_count(4)
    await expect(page.locator(".mine").first).to_contain_text("I was at the sea.")


async def test_a_reply_goes_on_a_better_one_is_suggested_and_time_away_greeted(
    page: Page, site: Site, model: Told
) -> None:
    await say(page, model, "Tell me a story.", "Once there was a lamp.")
    model.will_say("And it shone.")
    await page.click(".latest .action:has-text('Go on')")
    await replied(page, "And it shone.")
    await expect(page.locator(".theirs")).to_have_count(2)
    await page.click(".latest [aria-label='Suggest a better reply']")
    await expect(page.locator("#suggestion")).to_have_value("And it shone.")
    await picture(page, "suggest")
    await page.fill("#suggestion", "And it lit the whole street.")
    await page.click("#suggest button.primary")
    await expect(page.locator(".toast")).to_contain_text("Kept")
    async with transaction(site.db) as conn:
        rows = await (await conn.execute("select kind, suggestion from preferences order by id")).fetchall()
    assert rows == [("continued", None), ("fixed", "And it lit the whole street.")]
    async with transaction(site.db) as conn:
        await conn.execute("update messages set created_at = created_at - interval '20 days'")
        await conn.execute("update conversations set last_at = last_at - interval '20 days', closed_at = now()")
    await page.click("#new-conversation")
    await expect(page.locator(".hello blockquote")).to_contain_text("nothing to catch up on")


async def test_an_offer_is_a_marked_card_and_a_reminder_is_agreed_to(page: Page, site: Site, model: Told) -> None:
    await allow(site, "offers")
    async with transaction(site.db) as conn:
        item = Offer(
            "song", "A song of your own", "Written from a few words of yours.", "4.99", "EUR", "https://x.test/s"
        )
        await offers_store.save(conn, item)
    await say(page, model, "What does a song cost here?", "You can find that below.")
    card = page.locator(".offer")
    await expect(card).to_contain_text(MARK)
    await expect(card.locator("h4")).to_have_text("A song of your own")
    link = card.locator("a")
    await expect(link).to_contain_text(re.compile(r"€4\.99|4[.,]99"))
    assert await link.get_attribute("rel") == "noopener noreferrer"
    await picture(page, "offer")
    await card.locator("text=No offers, please").click()
    await expect(card).to_have_count(0)
    async with transaction(site.db) as conn:
        anna = await find_user(conn, "anna")
        last = (await consent.history(conn, anna.user_id))[-1]
    assert (last.purpose, last.granted) == ("offers", False)
    await say(page, model, wish(), "I hope it goes well.")
    chip = page.locator(".reminder")
    await expect(chip).to_contain_text("Shall this come back to you on")
    await picture(page, "reminder")
    await chip.locator("text=Yes, remind me").click()
    await expect(chip).to_contain_text("You will hear about this on")
    await page.goto(f"{site.address}/me")
    await expect(page.locator("#reminders li")).to_contain_text("driving test")
    await expect(page.locator("input[name=reminders]")).to_be_checked()
    await expect(page.locator("#quiet-to")).to_have_value("8")
    await page.locator("#reminders").scroll_into_view_if_needed()
    await picture(page, "me")
    async with transaction(site.db) as conn:
        due = await (await conn.execute("select due_at from reminders where state = 'set'")).fetchone()
        assert due is not None
        assert await deliveries.deliver_due(conn, due[0] + timedelta(minutes=1)) == 1
    await page.goto(site.address)
    said = page.locator(".theirs", has_text="Good luck!")
    await expect(said).to_contain_text("A reminder you asked for.")
    await picture(page, "reminded")
    await said.locator("text=Turn reminders off").click()
    await expect(said).to_contain_text("Reminders are off.")
    async with transaction(site.db) as conn:
        anna = await find_user(conn, "anna")
        last = (await consent.history(conn, anna.user_id))[-1]
    assert (last.purpose, last.granted) == ("reminders", False)
