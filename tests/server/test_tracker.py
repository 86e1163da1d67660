"""The tracker in a real Chromium, on a site of another origin: what it sends, when, and what it never sends."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page

from page_site import Site, serve
from shop import SHOP, Shop, open_shop, visiting
from undertone.analytics import visits_store
from undertone.analytics.visits_store import PageView, Session, SessionFilters
from undertone.llm.embedder import MiniLM

pytestmark = pytest.mark.browser

VISITS = SessionFilters(site=SHOP)


@pytest.fixture
async def site(dsn: str, embedder: MiniLM) -> AsyncIterator[Site]:
    async with serve(dsn, embedder, visit_sites=[SHOP]) as running:
        yield running


@pytest.fixture
async def shop(site: Site) -> AsyncIterator[Shop]:
    async with open_shop(f"{site.address}/tracker.js") as running:
        yield running


@pytest.fixture
async def browser(chromium: Browser, shop: Shop) -> AsyncIterator[BrowserContext]:
    async with visiting(chromium, shop) as context:
        yield context


async def until(site: Site, holds: Callable[[tuple[Session, ...]], bool]) -> tuple[Session, ...]:
    """The site's sessions, as soon as they are as they should be; the test fails when they never are."""
    found: tuple[Session, ...] = ()
    try:
        async with asyncio.timeout(15), site.db.connection() as conn:
            while True:
                found = await visits_store.list_sessions(conn, filters=VISITS)
                if holds(found):
                    return found
                await asyncio.sleep(0.1)
    except TimeoutError:
        pytest.fail(f"never came to be: {found}")


async def pages(site: Site, session: Session) -> list[PageView]:
    async with site.db.connection() as conn:
        return list(await visits_store.timeline(conn, session.id))


async def heard(shop: Shop, act: Callable[[], Awaitable[Any]], page: Page) -> dict[str, Any]:
    """The beacon that an act makes the page send."""
    before = len(shop.beacons)
    async with page.expect_request(lambda request: request.url.endswith("/v1/collect")):
        await act()
    return shop.beacons[before]


async def test_three_pages_in_two_tabs_are_one_session_with_titles(
    browser: BrowserContext, shop: Shop, site: Site
) -> None:
    first = await browser.new_page()
    await first.goto(f"{shop.address}/?token=secret", referer="https://search.test/find?q=private")
    await until(site, lambda found: [s.pages for s in found] == [1])
    await first.evaluate("history.pushState({}, '', '/plans#top'); setTimeout(() => document.title = 'Plans', 50)")
    second = await browser.new_page()
    await second.goto(f"{shop.address}/account")
    (session,) = await until(site, lambda found: [s.pages for s in found] == [3])
    assert (session.device, session.browser, session.os, session.is_bot) == ("desktop", "Chrome", "Linux", False)
    assert (session.entry_path, session.referrer, session.consent) == ("/", "search.test/find", False)
    assert {(page.path, page.title) for page in await pages(site, session)} == {
        ("/", "Page /"), ("/plans", "Plans"), ("/account", "Page /account"),
    }  # fmt: skip
    assert "secret" not in json.dumps(shop.beacons)
    await first.go_back()
    (session,) = await until(site, lambda found: [s.pages for s in found] == [4])
    assert session.exit_path == "/"


async def test_before_consent_nothing_is_sent_or_kept_and_withdrawing_deletes(
    browser: BrowserContext, shop: Shop, site: Site
) -> None:
    shop.attributes = 'data-consent="required"'
    page = await browser.new_page()
    await page.goto(f"{shop.address}/")
    await page.goto(f"{shop.address}/again")
    await page.mouse.move(5, 5)
    assert (shop.beacons, await page.evaluate("localStorage.length")) == ([], 0)
    sent = await heard(shop, lambda: page.evaluate("undertone.grant()"), page)
    assert (sent["u"], sent["c"]) == ("/again", 1)
    await page.goto(f"{shop.address}/more")
    (session,) = await until(site, lambda found: [s.pages for s in found] == [2])
    assert session.consent
    await page.evaluate("undertone.withdraw({delete: true})")
    assert await until(site, lambda found: found == ()) == ()
    assert await page.evaluate("Object.entries(localStorage)") == [["undertone.consent", "0"]]
    so_far = len(shop.beacons)
    await page.goto(f"{shop.address}/after")
    await page.evaluate("history.pushState({}, '', '/later')")
    assert len(shop.beacons) == so_far
    again = await heard(shop, lambda: page.evaluate("undertone.grant()"), page)
    assert again["v"] != sent["v"], "who comes back is somebody new"


@pytest.mark.parametrize("signal", ["globalPrivacyControl', {value: true}", "doNotTrack', {value: '1'}"])
async def test_a_browser_that_says_no_is_left_alone(browser: BrowserContext, shop: Shop, signal: str) -> None:
    await browser.add_init_script(f"Object.defineProperty(navigator, '{signal})")
    page = await browser.new_page()
    await page.goto(f"{shop.address}/")
    await page.evaluate("undertone.grant()")
    await page.goto(f"{shop.address}/next")
    await page.evaluate("undertone.withdraw()")
    assert shop.beacons == []


async def test_it_beats_while_somebody_is_there_and_rests_when_nobody_is(browser: BrowserContext, shop: Shop) -> None:
    page = await browser.new_page()
    await page.clock.install()
    await page.goto(f"{shop.address}/")
    first = await heard(shop, lambda: page.clock.run_for(100), page)
    assert (first["e"], int(first["a"])) == (0, 0)
    beat = await heard(shop, lambda: page.clock.run_for(31_000), page)
    assert beat["p"] == first["p"]
    assert 30 <= beat["e"] <= 31
    assert 30 <= beat["a"] < 32
    await page.clock.run_for(1_200_000)  # twenty minutes without a touch: a minute of them counts
    assert shop.beacons[-1]["e"] <= 60
    still = len(shop.beacons)
    await page.clock.run_for(1_200_000)
    assert len(shop.beacons) == still
    await page.mouse.move(50, 50)
    back = await heard(shop, lambda: page.clock.run_for(100), page)
    assert back["p"] != first["p"], "after half an hour the page is a new view"
    assert back["e"] == 0


async def test_a_named_person_is_sent_by_token_only(browser: BrowserContext, shop: Shop) -> None:
    page = await browser.new_page()
    assert "k" not in await heard(shop, lambda: page.goto(f"{shop.address}/"), page)
    sent = await heard(shop, lambda: page.evaluate("undertone.identify('utp_x')"), page)
    assert sent["k"] == "utp_x"
    assert await page.evaluate("Object.keys(localStorage)") == ["undertone.visitor"]


async def test_a_page_that_is_left_says_how_long_somebody_was_there(
    browser: BrowserContext, shop: Shop, site: Site
) -> None:
    """Heard at the server: a browser tells nobody of what a page sends while it goes."""
    page = await browser.new_page()
    await page.clock.install()
    await page.goto(f"{shop.address}/")
    await heard(shop, lambda: page.clock.run_for(100), page)
    await page.clock.run_for(4_000)
    assert len(shop.beacons) == 1
    await page.goto(f"{shop.address}/next")
    await page.clock.run_for(100)
    (session,) = await until(site, lambda found: [s.pages for s in found] == [2])
    assert [view.path for view in await pages(site, session)] == ["/", "/next"]
    assert (await pages(site, session))[0].engaged_s in (3, 4)
