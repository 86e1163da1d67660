"""What a User-Agent header says, in words that can be counted: device, browser, operating system, bot.

    read_agent("Mozilla/5.0 (iPhone; ...")      # Agent(device="phone", browser="Safari", os="iOS", ...)

The patterns are those of two well-kept libraries; the same header is read once. A header may say anything: what is read
here is a claim. Knows no request.
"""

from functools import lru_cache

from crawleruseragents import is_crawler
from ua_parser import parse
from ua_parser.core import Device, Result

from undertone.analytics.tracking import Agent

LONGEST = 512
"""Characters of a header that are read."""
_SAME = {
    "Mobile Safari": "Safari",
    "Chrome Mobile": "Chrome",
    "Chrome Mobile iOS": "Chrome",
    "Chrome Mobile WebView": "Android WebView",
    "Mobile Safari UI/WKWebView": "iOS WebView",
    "Firefox Mobile": "Firefox",
    "Firefox iOS": "Firefox",
    "Edge Mobile": "Edge",
    "Opera Mobile": "Opera",
    "Mac OS X": "macOS",
}
_DESKTOPS = frozenset({"Windows", "macOS", "Chrome OS", "Linux", "Ubuntu", "Fedora", "Debian", "FreeBSD", "OpenBSD"})


@lru_cache(maxsize=8192)
def read_agent(header: str, touch: bool = False) -> Agent:
    """The agent of a header; `touch`: its screen takes several fingers, by which an iPad that says Mac is known."""
    header = "".join(letter for letter in header[:LONGEST] if letter.isprintable())
    found = parse(header)
    device = found.device or Device("")
    if not header.strip() or device.family == "Spider" or is_crawler(header):
        return Agent("bot", *_browser(found), _os(found), is_bot=True)
    os = _os(found)
    if "iPad" in header or (os == "macOS" and touch):
        return Agent("tablet", *_browser(found), "iPadOS")
    return Agent(_device(header, device, os), *_browser(found), os)


def _device(header: str, device: Device, os: str) -> str:
    tablet = "tablet" in f"{device.family} {device.brand} {header}".lower()
    if tablet or (os == "Android" and "Mobile" not in header and "TV" not in header):
        return "tablet"
    if "Mobi" in header or os == "iOS":
        return "phone"
    return "desktop" if os in _DESKTOPS and "TV" not in header else "other"


def _browser(found: Result) -> tuple[str, str]:
    if (agent := found.user_agent) is None:
        return "", ""
    version = ".".join(part for part in (agent.major, agent.minor) if part)
    return _SAME.get(agent.family, agent.family)[:64], version[:16]


def _os(found: Result) -> str:
    return _SAME.get(found.os.family, found.os.family)[:64] if found.os else ""
