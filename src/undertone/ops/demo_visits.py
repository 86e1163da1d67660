"""Visits of a made-up month: people who come back to chat, strangers who look round, bots; some are there now.

    visits = visits_of(lot, people, now)           # sessions with their pages, for demo_store.add_visits

Everything happens on SITE, which no real site can be. Addresses are from the ranges kept for documentation. Knows no
database.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

SITE = "demo.example"
STRANGERS_A_DAY = 34
HERE_NOW = 6
"""Visits that are still going on."""
BOTS = 0.06

BROWSERS = {
    ("phone", "iOS", "Safari", "19.2"): 30,
    ("phone", "Android", "Chrome", "146.0"): 26,
    ("desktop", "Windows", "Chrome", "146.0"): 17,
    ("desktop", "macOS", "Safari", "19.2"): 9,
    ("desktop", "Windows", "Edge", "146.0"): 6,
    ("desktop", "Linux", "Firefox", "151.0"): 5,
    ("tablet", "iPadOS", "Safari", "19.1"): 4,
    ("phone", "Android", "Samsung Internet", "31.0"): 3,
}
CRAWLERS = (("Googlebot", "2.1"), ("bingbot", "2.0"), ("GPTBot", "1.3"))
COUNTRIES = {"DE": 24, "US": 22, "GB": 13, "FR": 10, "ES": 8, "NL": 7, "BR": 6, "PL": 4, "JP": 3, None: 3}
REFERRERS = {"": 52, "www.google.com/": 20, "duckduckgo.com/": 7, "www.reddit.com/r/companions/": 9, "t.co/": 6,
             "news.example/companions-that-listen": 6}  # fmt: skip
PAGES = {
    "/": "Companions who listen",
    "/companions": "All companions",
    "/companions/mira": "Mira",
    "/companions/theo": "Theo",
    "/chat/mira": "Chat with Mira",
    "/chat/theo": "Chat with Theo",
    "/plans": "Plans",
    "/privacy": "Your privacy",
    "/account": "Account",
}
LOOKS = {"/companions": 8, "/companions/mira": 7, "/companions/theo": 6, "/plans": 4, "/privacy": 3, "/": 2}
"""Where strangers go next, how often."""


@dataclass(frozen=True, slots=True)
class View:
    """One page."""

    at: datetime
    path: str
    engaged_s: int

    @property
    def title(self) -> str:
        return PAGES[self.path]


@dataclass(slots=True)
class Visit:
    """One session."""

    id: UUID
    visitor: str
    user_id: UUID | None
    agent: tuple[str, str, str, str]
    country: str | None
    address: str
    referrer: str
    views: list[View] = field(default_factory=list[View])
    last_seen_at: datetime = datetime.min
    is_bot: bool = False


@dataclass(frozen=True, slots=True)
class _Visitor:
    """Somebody with a browser of their own."""

    name: str
    user_id: UUID | None
    agent: tuple[str, str, str, str]
    country: str | None
    address: str


def visits_of(lot: random.Random, talks: Sequence[tuple[UUID, str, datetime, datetime]], now: datetime) -> list[Visit]:
    """A visit round each talk (whose, with which persona, begun, ended), and those of strangers, oldest first."""
    homes = {person: _visitor(lot, person) for person in dict.fromkeys(person for person, *_ in talks)}
    found = [_for_talk(lot, homes[person], persona, began, ended) for person, persona, began, ended in talks]
    found += _strangers(lot, now)
    found += [_here_now(lot, n, now) for n in range(HERE_NOW)]
    return sorted((visit for visit in found if visit.last_seen_at <= now), key=lambda visit: visit.views[0].at)


def _visitor(lot: random.Random, person: UUID | None = None) -> _Visitor:
    agent = lot.choices(list(BROWSERS), list(BROWSERS.values()))[0]
    country = lot.choices(list(COUNTRIES), list(COUNTRIES.values()))[0]
    return _Visitor(f"{lot.getrandbits(96):024x}", person, agent, country, _address(lot))


def _address(lot: random.Random) -> str:
    if lot.random() < 0.3:
        return f"2001:db8:{lot.getrandbits(16):x}:{lot.getrandbits(16):x}::{lot.getrandbits(16):x}"
    return f"{lot.choice(('192.0.2', '198.51.100', '203.0.113'))}.{lot.randint(1, 254)}"


def _visit(lot: random.Random, visitor: _Visitor, referrer: str) -> Visit:
    number = UUID(int=lot.getrandbits(128), version=4)
    return Visit(number, visitor.name, visitor.user_id, visitor.agent, visitor.country, visitor.address, referrer)


def _for_talk(lot: random.Random, home: _Visitor, persona: str, began: datetime, ended: datetime) -> Visit:
    """Straight to the chat, or by way of the front page; a tab left open now and then."""
    visit = _visit(lot, home, lot.choices(list(REFERRERS), list(REFERRERS.values()))[0] if lot.random() < 0.2 else "")
    at = began - timedelta(seconds=lot.randint(15, 90))
    if lot.random() < 0.6:
        visit.views.append(View(at, "/", lot.randint(3, 12)))
    talked = max(20, round((ended - began).total_seconds()))
    visit.views.append(View(began - timedelta(seconds=8), f"/chat/{persona}", round(talked * lot.uniform(0.6, 0.95))))
    left_open = lot.expovariate(1 / 900) if lot.random() < 0.3 else lot.uniform(5, 60)
    visit.last_seen_at = ended + timedelta(seconds=left_open)
    if lot.random() < 0.12:
        visit.views.append(View(ended + timedelta(seconds=5), "/account", lot.randint(4, 40)))
        visit.last_seen_at = max(visit.last_seen_at, ended + timedelta(seconds=50))
    return visit


def _strangers(lot: random.Random, now: datetime) -> Iterator[Visit]:
    for day in range(30):
        weekend = 1.25 if (now - timedelta(days=day)).weekday() >= 5 else 1.0
        for _ in range(round(lot.gauss(STRANGERS_A_DAY, 6) * weekend * (1 - day / 90))):
            hour = lot.choice((lot.gauss(20.5, 2.5), lot.gauss(13, 3))) % 24
            midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=day)
            yield _look_round(lot, _visitor(lot), midnight + timedelta(hours=hour))


def _look_round(lot: random.Random, visitor: _Visitor, at: datetime) -> Visit:
    if lot.random() < BOTS:
        name, version = lot.choice(CRAWLERS)
        bot = _Visitor(visitor.name, None, ("bot", "", name, version), visitor.country, visitor.address)
        visit = _visit(lot, bot, "")
        visit.is_bot = True
        paths = lot.sample(list(PAGES), 3)
        visit.views += [View(at + timedelta(seconds=2 * n), path, 0) for n, path in enumerate(paths)]
        visit.last_seen_at = visit.views[-1].at
        return visit
    visit = _visit(lot, visitor, lot.choices(list(REFERRERS), list(REFERRERS.values()))[0])
    path = "/" if lot.random() < 0.7 else lot.choice(("/companions/mira", "/companions/theo"))
    for _ in range(min(9, 1 + int(lot.expovariate(0.55)))):
        stays = lot.lognormvariate(2.9, 0.9)
        visit.views.append(View(at, path, round(stays * lot.uniform(0.5, 0.95))))
        at += timedelta(seconds=stays)
        path = lot.choices(list(LOOKS), list(LOOKS.values()))[0]
    idle = lot.expovariate(1 / 1200) if lot.random() < 0.2 else 0
    visit.last_seen_at = at + timedelta(seconds=idle)
    return visit


def _here_now(lot: random.Random, n: int, now: datetime) -> Visit:
    """Somebody whose visit goes on."""
    visit = _look_round(lot, _visitor(lot), now)
    while visit.is_bot:
        visit = _look_round(lot, _visitor(lot), now)
    back = visit.last_seen_at - now + timedelta(seconds=lot.randint(3, 240) if n < HERE_NOW - 1 else 900)
    visit.views = [View(view.at - back, view.path, view.engaged_s) for view in visit.views]
    visit.last_seen_at -= back
    return visit
