"""Whatever a browser, a proxy or a program sends: no text that cannot be stored, no number out of bounds, no crash."""

import json
from datetime import UTC, datetime
from ipaddress import IPv4Network, ip_address, ip_network
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from undertone.analytics.collecting import Collector
from undertone.analytics.tracking import DELAY
from undertone.errors import BadInput, LimitReached
from undertone.server.client_address import client_address, network_of
from undertone.server.visitors import Visitors

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
OURS = [ip_network("10.0.0.0/8")]
VISITOR = "0123456789abcdef" * 2
ANYTHING = some.text(some.characters(exclude_categories=()))


@pytest.fixture(scope="module")
def visitors() -> Visitors:
    return Visitors(Collector(cast(Any, None)), per_minute=3)


@settings(deadline=None)
@given(some.binary(max_size=300))
def test_bytes_are_a_beacon_or_bad_input(visitors: Visitors, body: bytes) -> None:
    with pytest.raises(BadInput):
        visitors.read(body)


JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | ANYTHING,
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None)
@given(some.dictionaries(some.sampled_from("pueatrcdkw"), JSON))
def test_json_is_a_beacon_or_bad_input_in_one_short_line(visitors: Visitors, fields: dict[str, Any]) -> None:
    refused = None
    try:
        assert 0 <= visitors.read(json.dumps({"v": VISITOR} | fields).encode()).p < 2**53
    except BadInput as error:
        refused = error.detail
    assert refused is None or (len(refused) < 200 and "\n" not in refused)


@settings(deadline=None)
@given(
    some.fixed_dictionaries(
        {"u": ANYTHING, "t": ANYTHING, "r": ANYTHING | ANYTHING.map("https://".__add__)},
        optional={"a": some.floats(0), "e": some.floats(0)},
    ),
    ANYTHING,
)
def test_what_is_kept_can_be_stored_and_is_bounded(visitors: Visitors, fields: dict[str, Any], agent: str) -> None:
    try:
        sent = visitors.read(json.dumps({"v": VISITOR, "p": 1} | fields).encode())
    except BadInput:
        return
    beacon = visitors.beacon(sent, "shop.test", ip_address("203.0.113.7"), {"user-agent": agent}, None, NOW)
    assert NOW - DELAY <= beacon.opened_at <= NOW
    assert 0 <= beacon.engaged_s <= 86_400
    assert beacon.path.startswith("/")
    assert not {"?", "#"} & set(beacon.path)
    for text, longest in ((beacon.path, 512), (beacon.title, 200), (beacon.referrer, 300)):
        assert len(text) <= longest
        assert not any(letter in text for letter in "\x00\n\x1b\u202e")
        text.encode()


REFERRERS = {
    "https://www.search.test/find?q=private#top": "www.search.test/find",
    "http://user:secret@news.test:8080/a": "news.test/a",
    "https://shop.test/other": "",
    "javascript:alert(1)": "",
    "data:text/html,<script>": "",
    "android-app://com.search": "",
    "https://[": "",
    "//x": "",
    "": "",
}


@pytest.mark.parametrize("referrer", REFERRERS)
def test_of_a_referrer_host_and_path_are_kept(visitors: Visitors, referrer: str) -> None:
    sent = visitors.read(json.dumps({"v": VISITOR, "r": referrer}).encode())
    assert visitors.beacon(sent, "shop.test", None, {}, None, NOW).referrer == REFERRERS[referrer]


@settings(deadline=None)
@given(some.text(max_size=20), some.lists(some.text(max_size=60), max_size=4))
def test_no_header_makes_a_crash(peer: str, headers: list[str]) -> None:
    client_address(peer, headers, OURS)


@settings(deadline=None)
@given(some.lists(some.ip_addresses().map(str), max_size=5))
def test_nothing_a_client_writes_changes_the_address_that_our_proxy_saw(forged: list[str]) -> None:
    seen = ip_address("203.0.113.7")
    assert client_address("10.0.0.1", [", ".join([*forged, str(seen)])], OURS) == seen
    assert client_address(str(seen), [", ".join(forged)], OURS) == seen, "the peer is no proxy of ours"


def test_a_chain_of_nothing_but_trusted_proxies_ends_at_the_first() -> None:
    everywhere = [IPv4Network("0.0.0.0/0")]
    assert client_address("10.0.0.3", ["10.0.0.1, 10.0.0.2"], everywhere) == ip_address("10.0.0.1")
    assert client_address(None, ["10.0.0.1"], everywhere) is None


def test_an_address_is_cut_to_its_network() -> None:
    assert network_of(ip_address("203.0.113.7")) == "203.0.113.0/24"
    assert network_of(ip_address("2001:db8:1:2::3")) == "2001:db8:1::/48"


def test_a_household_of_version_6_shares_one_limit(visitors: Visitors) -> None:
    for last in range(3):
        visitors.admit(ip_address(f"2001:db8:1:2::{last}"))
    visitors.admit(ip_address("2001:db8:1:3::1"))
    with pytest.raises(LimitReached) as refused:
        visitors.admit(ip_address("2001:db8:1:2:ffff::1"))
    assert 0 < refused.value.extra["retry_after"] <= 60


def test_a_visitors_number_is_not_what_is_stored(visitors: Visitors) -> None:
    digest = visitors.digest("shop.test", VISITOR)
    assert VISITOR not in digest
    assert digest != visitors.digest("blog.test", VISITOR), "nor the same on another site"
