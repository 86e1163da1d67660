"""Session arithmetic against a table computed by hand: each case a story of beacons, and the sessions it must make."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from undertone.analytics.beacons_store import Known
from undertone.analytics.collecting import fold
from undertone.analytics.tracking import MOST_PAGES, Agent, Beacon, Page, Place, Visit, merge, opened
from undertone.analytics.user_agent import read_agent

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
PHONE, BOT = Agent("phone", "Safari", "17.5", "iOS"), Agent("bot", "Googlebot", "2.1", "", True)
ANNA, BEN = uuid4(), uuid4()
M, H = 60, 3600


def beacon(
    at: float, view: int = 1, engaged: int = 0, age: float = 0, path: str = "", visitor: str = "v", **more: object
) -> Beacon:
    """A beacon that arrives `at` seconds after NOON (UTC); pages are named after their view."""
    received = NOON + timedelta(seconds=at)
    made = Beacon("shop.test", visitor, view, received, opened(received, age), engaged, path or f"/{view}", PHONE)
    return replace(made, **more)  # pyright: ignore[reportArgumentType]


def told(*beacons: Beacon) -> list[Visit]:
    """The sessions that beacons make when each is written before the next arrives, the earliest first."""
    visits: dict[UUID, Visit] = {}
    pages: dict[tuple[UUID, int], Page] = {}
    for one in beacons:
        mine = [visit for visit in visits.values() if visit.key == one.key]
        latest = {one.key: max(mine, key=lambda visit: visit.started_at)} if mine else {}
        new_visits, new_pages = fold(Known(latest, pages, (), {ANNA, BEN}), [one])
        visits |= {visit.id: visit for visit in new_visits}
        pages |= new_pages
    return sorted(visits.values(), key=lambda visit: visit.started_at)


@dataclass
class Expected:
    """A session as it must be: seconds after NOON, then seconds."""

    began: float
    seen: float
    pages: int
    engaged: int
    entry: str = "/1"
    exit: str = "/1"

    def __eq__(self, other: object) -> bool:
        assert isinstance(other, Visit)
        return (
            (NOON + timedelta(seconds=self.began), NOON + timedelta(seconds=self.seen))
            == (other.started_at, other.last_seen_at)
            and (self.pages, self.engaged) == (other.pages, other.engaged_s)
            and (self.entry, self.exit) == (other.entry_path, other.exit_path)
        )


CASES = {
    "one page, left at once": ([beacon(0)], [Expected(0, 0, 1, 0)]),
    "one page, read for 40 seconds": ([beacon(0), beacon(30, engaged=28), beacon(40, engaged=38)],
        [Expected(0, 40, 1, 38)]),
    "an idle tab: half an hour open, 20 seconds of it engaged": ([beacon(0), beacon(29 * M, engaged=20)],
        [Expected(0, 29 * M, 1, 20)]),
    "back after 29:59": ([beacon(0), beacon(29 * M + 59, view=2)],
        [Expected(0, 29 * M + 59, 2, 0, "/1", "/2")]),
    "back after exactly 30 minutes": ([beacon(0), beacon(30 * M, view=2)],
        [Expected(0, 0, 1, 0), Expected(30 * M, 30 * M, 1, 0, "/2", "/2")]),
    "the same view wakes up after an hour: what was counted before is not counted again": (
        [beacon(0), beacon(60, engaged=55), beacon(H, engaged=60), beacon(H + 30, engaged=85)],
        [Expected(0, 60, 1, 55), Expected(H, H + 30, 1, 30)]),
    "24 hours of heartbeats end a session, and begin another": (
        [beacon(n * 20 * M, engaged=n * M) for n in range(73)],
        [Expected(0, 71 * 20 * M, 1, 71 * M), Expected(24 * H, 24 * H, 1, 0)]),
    "over midnight one session": ([beacon(11 * H + 50 * M), beacon(12 * H + 10 * M, view=2)],
        [Expected(11 * H + 50 * M, 12 * H + 10 * M, 2, 0, "/1", "/2")]),
    "the same beacon twice": ([beacon(0), beacon(20, engaged=20), beacon(20, engaged=20), beacon(20, engaged=20)],
        [Expected(0, 20, 1, 20)]),
    "a leaving beacon overtakes a heartbeat": ([beacon(0), beacon(40, engaged=40), beacon(41, engaged=30)],
        [Expected(0, 41, 1, 40)]),
    "the second page's beacon overtakes the first's": (
        [beacon(5, view=2, path="/b"), beacon(6, view=1, age=6, path="/a")],
        [Expected(0, 6, 2, 0, "/a", "/b")]),
    "the first beacon was lost": ([beacon(30, age=30, engaged=28)], [Expected(0, 30, 1, 28)]),
    "an old page's last words do not make it the exit": (
        [beacon(0), beacon(10, view=2), beacon(11, engaged=10)], [Expected(0, 11, 2, 10, "/1", "/2")]),
    "two tabs, one visible at a time": (
        [beacon(0), beacon(10, engaged=10), beacon(10, view=2), beacon(40, view=2, engaged=30), beacon(50, engaged=20)],
        [Expected(0, 50, 2, 50, "/1", "/2")]),
    "two windows side by side: never more engaged than elapsed": (
        [beacon(0), beacon(0, view=2), beacon(60, engaged=60), beacon(60, view=2, engaged=60)],
        [Expected(0, 60, 2, 60, "/1", "/2")]),
    "a forged hour within ten seconds": ([beacon(0), beacon(10, engaged=3600)], [Expected(0, 10, 1, 10)]),
    "a forged age of a year moves a minute": ([beacon(0, age=3e7)], [Expected(-60, 0, 1, 0)]),
    "the server's clock steps back": ([beacon(100), beacon(40, engaged=10)], [Expected(100, 100, 1, 0)]),
    "somebody signs in half-way": ([beacon(0), beacon(10, view=2, user_id=ANNA)],
        [Expected(0, 10, 2, 0, "/1", "/2")]),
    "another person signs in at the same browser": (
        [beacon(0, user_id=ANNA), beacon(10, view=2, user_id=BEN)],
        [Expected(0, 0, 1, 0), Expected(10, 10, 1, 0, "/2", "/2")]),
    "two visitors behind one address": (
        [beacon(0, visitor="a"), beacon(1, view=2, visitor="b"), beacon(9, visitor="a", engaged=9)],
        [Expected(0, 9, 1, 9), Expected(1, 1, 1, 0, "/2", "/2")]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_table_of_hard_cases(name: str) -> None:
    beacons, expected = CASES[name]
    assert expected == told(*beacons)


def test_a_session_ended_by_the_next_says_when() -> None:
    first, second = told(beacon(0), beacon(10, engaged=5), beacon(2 * H))
    assert first.ended_at == first.last_seen_at
    assert second.ended_at is None


def test_who_signed_in_stays_with_the_session_and_nobody_unknown_is_named() -> None:
    (visit,) = told(beacon(0, user_id=ANNA), beacon(10))
    assert visit.user_id == ANNA
    (visit,) = told(beacon(0, user_id=uuid4()))
    assert visit.user_id is None


def test_a_visitor_who_moves_has_the_latest_address() -> None:
    home, train = Place("DE", "203.0.113.7"), Place("DE", "198.51.100.4")
    (visit,) = told(beacon(0, place=home), beacon(60, view=2, place=train), beacon(90, view=2))
    assert visit.place == train


def test_a_bot_without_a_memory_makes_a_session_a_page_and_is_marked() -> None:
    visits = told(*(beacon(n, view=n, visitor=f"b{n}", agent=BOT) for n in range(5)))
    assert [(visit.pages, visit.agent.is_bot) for visit in visits] == [(1, True)] * 5


def test_a_program_that_opens_pages_without_end_fills_one_session() -> None:
    (visit,) = told(*(beacon(n / 100, view=n) for n in range(MOST_PAGES + 50)))
    assert visit.pages == MOST_PAGES


BEACONS = some.lists(
    some.builds(
        beacon,
        at=some.floats(0, 3 * H),
        view=some.integers(1, 4),
        engaged=some.integers(0, 9000),
        age=some.floats(0, 9000),
    ),
    min_size=1,
    max_size=25,
)


@settings(deadline=None)
@given(BEACONS)
def test_whatever_comes_no_number_is_impossible_and_twice_is_once(beacons: list[Beacon]) -> None:
    """Within a minute beacons come in any order, as processes that write them may be so far apart."""
    beacons.sort(key=lambda one: int((one.received_at - NOON).total_seconds()) // 60)
    visits = told(*beacons)
    for visit in visits:
        assert timedelta() <= visit.last_seen_at - visit.started_at <= timedelta(hours=24, minutes=1)
        assert 0 <= visit.engaged_s <= (visit.last_seen_at - visit.started_at).total_seconds()
        assert visit.pages >= 1
    again = told(*(one for one in beacons for _ in range(2)))
    assert [(v.pages, v.engaged_s, v.last_seen_at) for v in again] == [
        (v.pages, v.engaged_s, v.last_seen_at) for v in visits
    ]


@settings(deadline=None)
@given(BEACONS)
def test_a_batch_makes_the_same_sessions_as_one_by_one(beacons: list[Beacon]) -> None:
    in_order = sorted(beacons, key=lambda one: (one.received_at, one.opened_at))
    visits, _ = fold(Known({}, {}, (), ()), beacons)
    assert [replace(v, id=ANNA) for v in sorted(visits, key=lambda v: v.started_at)] == [
        replace(v, id=ANNA) for v in told(*in_order)
    ]


def test_two_beacons_of_a_view_merge_the_same_way_in_either_order() -> None:
    first, second = beacon(0, age=0, referrer="a.test/"), beacon(30, age=28, engaged=25, title="Later")
    merged = merge(first, second)
    assert merged == merge(second, first)
    assert (merged.engaged_s, merged.title, merged.referrer, merged.opened_at) == (25, "Later", "a.test/", NOON)


AGENTS = {
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 "
    "Edg/126.0.0.0": Agent("desktop", "Edge", "126.0", "Windows"),
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 "
    "Mobile/15E148 Safari/604.1": Agent("phone", "Safari", "17.5", "iOS"),
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36":
    Agent("phone", "Chrome", "126.0", "Android"),
    "Mozilla/5.0 (Linux; Android 14; SM-X910) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36":
    Agent("tablet", "Chrome", "126.0", "Android"),
    "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36":
    Agent("desktop", "Chrome", "126.0", "Chrome OS"),
    "Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/538.1 (KHTML, like Gecko) Version/6.0 TV Safari/538.1":
    Agent("other", "Safari", "6.0", "Tizen"),
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)":
    Agent("bot", "Googlebot", "2.1", "", True),
    "curl/8.5.0": Agent("bot", "curl", "8.5", "", True),
    "": Agent("bot", is_bot=True),
    "<script>alert(1)</script>": Agent("other"),
}  # fmt: skip


@pytest.mark.parametrize("header", AGENTS)
def test_user_agents(header: str) -> None:
    assert read_agent(header) == AGENTS[header]


def test_an_ipad_that_says_it_is_a_mac_is_known_by_its_fingers() -> None:
    header = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.5 Safari/605.1.15"
    assert read_agent(header).device == "desktop"
    assert read_agent(header, touch=True).device == "tablet"


def test_a_huge_user_agent_is_cut() -> None:
    assert read_agent("Mozilla/5.0 " + "(" * 100_000).device == "other"
