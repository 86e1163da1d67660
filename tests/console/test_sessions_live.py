"""The sessions page in a real Chromium while a real tracker reports: seen without a reload, hostile words as text."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from page_site import Site, serve, watched
from shop import CHROME, SHOP, Shop, open_shop, visiting
from undertone.db import transaction
from undertone.llm.embedder import MiniLM
from undertone.people import operators

pytestmark = pytest.mark.browser
expect.set_options(timeout=15_000)

HOSTILE = "<img src=x onerror=alert(1)>\"'><script>alert(2)</script>"


@pytest.fixture
async def site(dsn: str, embedder: MiniLM) -> AsyncIterator[Site]:
    async with serve(dsn, embedder, visit_sites=[SHOP]) as running:
        yield running


@pytest.fixture
async def shop(site: Site) -> AsyncIterator[Shop]:
    async with open_shop(f"{site.address}/tracker.js") as running:
        yield running


@pytest.fixture
async def visitor(chromium: Browser, shop: Shop) -> AsyncIterator[BrowserContext]:
    async with visiting(chromium, shop) as context:
        yield context


@pytest.fixture
async def console(chromium: Browser, site: Site) -> AsyncIterator[Page]:
    """An operator at the sessions page. At the end: no error, no dialog, nothing asked of another host, no reload."""
    async with watched(chromium, site) as page:
        dialogs: list[str] = []
        page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        async with transaction(site.db) as conn:
            code = await operators.issue_link(conn)
        await page.goto(f"{site.address}/console/enter?code={code}")
        await page.get_by_role("link", name="Sessions").first.click()
        await expect(page.locator(".empty")).to_contain_text("No visits in this period")
        await page.evaluate("window.sameAsBefore = true")
        yield page
        assert dialogs == []


async def active_now(console: Page, number: int) -> None:
    await expect(console.locator(".figure-active dd")).to_have_text(str(number))


async def idle(site: Site) -> None:
    """Forty minutes pass for every visit."""
    async with transaction(site.db) as conn:
        await conn.execute(
            "update sessions set started_at = started_at - interval '40 min',"
            " last_seen_at = last_seen_at - interval '40 min'"
        )
        await conn.execute("update page_views set at = at - interval '40 min'")


async def test_a_visit_is_seen_as_it_happens_goes_idle_comes_back_and_is_withdrawn(
    console: Page, visitor: BrowserContext, shop: Shop, site: Site
) -> None:
    row = console.locator("tbody tr[data-key]")
    first, second = await visitor.new_page(), await visitor.new_page()
    await first.goto(f"{shop.address}/")
    await expect(row).to_have_count(1)
    await second.goto(f"{shop.address}/plans")
    await expect(row.locator(".pages")).to_have_text("2 pages")
    await second.evaluate("history.pushState({}, '', '/account'); document.title = 'Account'")
    await expect(row.locator(".pages")).to_have_text("3 pages")
    await expect(row.locator(".on")).to_have_text("/account")
    await expect(row).to_contain_text("Linux · Chrome 146")
    await active_now(console, 1)

    await idle(site)
    await active_now(console, 0)
    await expect(row.locator(".dot.live")).to_have_count(0)
    await (await visitor.new_page()).goto(f"{shop.address}/again")
    await expect(row).to_have_count(2)
    await expect(row.first.locator(".on")).to_have_text("/again")
    await expect(row.first.locator(".pages")).to_have_text("1 page")
    await active_now(console, 1)

    await first.evaluate("undertone.withdraw({delete: true})")
    await expect(console.locator(".empty")).to_contain_text("No visits in this period")
    await active_now(console, 0)
    assert await console.evaluate("window.sameAsBefore"), "the page was loaded anew"


async def test_it_can_be_paused_and_then_catches_up(console: Page, visitor: BrowserContext, shop: Shop) -> None:
    live = console.locator("#live")
    await live.click()
    await expect(live).to_have_text("Paused")
    await expect(live).to_have_attribute("aria-pressed", "false")
    await (await visitor.new_page()).goto(f"{shop.address}/plans")
    await live.click()
    await expect(live).to_have_text("Live")
    await expect(console.locator("tbody tr[data-key] .on")).to_have_text("/plans")


async def test_the_filters_make_an_address_and_the_back_button_undoes_them(
    console: Page, visitor: BrowserContext, shop: Shop, site: Site
) -> None:
    page = await visitor.new_page()
    await page.goto(f"{shop.address}/plans")
    await expect(console.locator("tbody tr[data-key]")).to_have_count(1)
    await console.reload()
    await console.select_option("[name=device]", "desktop")
    await console.wait_for_url("**/console/sessions?device=desktop")
    await expect(console.locator("tbody tr[data-key]")).to_have_count(1)
    await console.select_option("[name=state]", "over")
    await console.wait_for_url("**/console/sessions?state=over&device=desktop")
    await expect(console.locator(".empty")).to_contain_text("Nothing fits these filters")
    await console.go_back()
    link = console.locator(".row-link")
    await link.focus()
    await console.keyboard.press("Enter")
    await expect(console.locator(".timeline li").first).to_contain_text("Page /plans")
    await expect(console.locator(".timeline .end")).to_contain_text("Still here")
    await console.get_by_role("link", name="Sessions").last.click()
    await console.wait_for_url("**/console/sessions?device=desktop")
    await console.set_viewport_size({"width": 360, "height": 740})
    assert await console.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await expect(console.locator("tbody tr[data-key] .device")).to_be_visible()


async def test_what_visitors_send_stays_text(console: Page, chromium: Browser, shop: Shop, site: Site) -> None:
    hostile = await chromium.new_context(user_agent=f"{CHROME} {HOSTILE}")
    page = await hostile.new_page()
    await page.goto(f"{shop.address}/", referer=f"https://{SHOP}.evil.example/<script>alert(3)</script>")
    row = console.locator("tbody tr[data-key]")
    await expect(row.locator(".pages")).to_have_text("1 page")
    await page.evaluate(
        "([path, title]) => { history.pushState({}, '', path); document.title = title; }",
        [f"/<b>{HOSTILE}", HOSTILE],
    )
    await expect(row.locator(".pages")).to_have_text("2 pages")
    await row.locator(".row-link").click()
    await expect(console.locator(".timeline b").last).to_have_text(HOSTILE)
    assert await console.locator("main img, main script").count() == 0
    await hostile.close()
