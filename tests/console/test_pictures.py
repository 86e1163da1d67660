"""Pictures, words and files of the console: what a bar says, nothing that a policy forbids, durations as read."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from undertone import console
from undertone.console import pictures, words
from undertone.console.pictures import Bar
from undertone.console.views import PERIODS, View

FILES = sorted(
    file for folder in ("static", "templates") for file in (Path(console.__file__).parent / folder).iterdir()
)
HOSTILE = "</svg><script>alert(1)</script>"


@pytest.mark.parametrize("narrow", [False, True])
def test_each_bar_says_what_it_is_and_nothing_has_a_style_or_a_script(narrow: bool) -> None:
    values = [Bar("14:00" if n % 2 == 0 else "", f"27 Nov {n}", n * 10) for n in range(12)]
    svg = pictures.bars(values, HOSTILE, narrow=narrow)
    assert re.findall(r"<title>([^<]+)</title>", svg) == [f"27 Nov {n}: {n * 10}" for n in range(12)]
    assert not re.search(r"<style|<script|\sstyle=|\son\w+=|xlink:href|http://pygal", svg)
    assert svg.count("</svg>") == 1
    assert len(re.findall(r">14:00</text>", svg)) == (3 if narrow else 6)
    assert 'role="img"' in svg


def test_no_value_at_all_is_a_picture_too() -> None:
    assert "<rect" in pictures.bars([Bar("", "27 Nov", 0)], "Sessions")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (59.6, "1 m 00 s"), (61, "1 m 01 s"), (3599, "59 m 59 s"), (3600, "1 h 00 m"), (90_000, "1 d 1 h")],
)
def test_a_duration_is_read_at_a_glance(seconds: float, said: str) -> None:
    assert words.duration(seconds) == said


def test_times_and_changes_in_words() -> None:
    now = datetime(2026, 5, 4, 12, tzinfo=UTC)
    spans = [timedelta(seconds=59), timedelta(minutes=3), timedelta(hours=47), timedelta(days=3)]
    assert [words.ago(now - span, now) for span in spans] == ["now", "3 min ago", "47 h ago", "3 days ago"]
    assert words.clock(now, "Asia/Kolkata", now) == "17:30"
    assert words.clock(now - timedelta(days=1), "UTC", now) == "3 May 12:00"
    assert words.clock(now - timedelta(days=400), "UTC", now) == "30 Mar 2025 12:00"
    assert [words.change(*pair) for pair in ((12, 10), (9, 10), (10, 10), (5, 0))] == ["+20 %", "−10 %", "", ""]
    assert [words.number(n) for n in (0, 2.04, 12_345, 3.0)] == ["0", "2.0", "12\u2009345", "3"]


def test_an_address_keeps_what_is_chosen_and_leaves_out_what_is_usual() -> None:
    view = View.model_validate({"period": "7d", "device": "phone", "after": "x", "user": "", "odd": "1"})
    assert view.address() == "/console/sessions?period=7d&device=phone"
    assert view.address(device=None, period="24h") == "/console/sessions"
    assert view.address(after="y&z") == "/console/sessions?period=7d&device=phone&after=y%26z"
    assert all(period.span % period.step == timedelta(0) for period in PERIODS.values())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_its_files_name_no_foreign_host_and_allow_no_markup_from_text(file: Path) -> None:
    text = file.read_text("utf-8")
    assert not re.search(r"https?://|(?<![:\w])//[a-z]+\.", text)
    if file.suffix == ".html":
        assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=|\|\s*safe", text)
    if file.suffix == ".js":
        assert not re.search(r"innerHTML\s*=(?!=)|outerHTML\s*=(?!=)|insertAdjacentHTML|document\.write|\beval\b", text)
