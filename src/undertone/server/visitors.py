"""From a request to a beacon: which site, which address, which visitor, and what of it can be believed.

    visitors = Visitors(collector, sites=[...], ...)          # built once by app.py
    site, origin = visitors.site_of(request)

Whatever a browser sends is a claim: texts are cut and cleaned, numbers bounded, times are ours. Knows no database.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from undertone.analytics.collecting import Collector
from undertone.analytics.countries import Countries
from undertone.analytics.tracking import Beacon, Place, opened
from undertone.analytics.user_agent import read_agent
from undertone.errors import BadInput, Forbidden
from undertone.people import Principal
from undertone.server.allowance import Allowance
from undertone.server.client_address import Address, Network, client_address, network_of

DAY_S = 86_400
MINUTE_S = 60.0
LONGEST_PATH, LONGEST_TITLE, LONGEST_REFERRER = 512, 200, 300
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")
"""Control characters, and those that turn the direction of writing."""


class Sent(BaseModel):
    """What the tracker sends; docs/visits.md says what each letter is."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)
    v: str = Field(pattern="^[0-9a-f]{32}$")
    p: int = Field(0, ge=0, lt=2**53)
    u: str = Field("/", max_length=2048)
    t: str = Field("", max_length=1024)
    r: str = Field("", max_length=2048)
    a: float = Field(0, ge=0, allow_inf_nan=False)
    e: float = Field(0, ge=0, allow_inf_nan=False)
    c: int = 0
    d: int = 0
    k: str | None = Field(None, max_length=200)
    w: int = Field(0, ge=0, le=2)


class Visitors:
    """What is allowed, from where, and how often; one a process."""

    def __init__(
        self,
        collector: Collector,
        *,
        sites: Sequence[str] = (),
        trusted: Sequence[Network] = (),
        countries: Countries | None = None,
        address_whole: bool = True,
        per_minute: int = 600,
    ) -> None:
        self.collector = collector
        self._sites = [site.lower() for site in sites]
        self._trusted = trusted
        self._countries = countries
        self._whole = address_whole
        self._beacons = Allowance(per_minute, MINUTE_S, "Too many beacons from this address.")

    def site_of(self, request: Request) -> tuple[str, str | None]:
        """The host whose page sent this, and its origin. Raises Forbidden for a host that may not.

        A browser sets `Origin` and `Referer` itself, so no page can speak for another site; a program can say anything.
        """
        origin = request.headers.get("origin")
        claimed = origin if origin and origin != "null" else request.headers.get("referer") or ""
        try:
            parts = urlsplit(claimed)
            host, netloc = (parts.hostname or "").lower(), parts.netloc.lower()
        except ValueError:
            host = netloc = ""
        own = not self._sites and netloc == request.headers.get("host", "").lower()
        if not host or len(host) > 253 or not (own or any(_fits(host, site) for site in self._sites)):
            raise Forbidden("Visits are not taken from this site. Its host belongs in UNDERTONE_VISIT_SITES.")
        return host, origin if origin != "null" else None

    def address_of(self, request: Request) -> Address | None:
        """Where the request came from, by trusted proxies' word only."""
        peer = request.client.host if request.client else None
        return client_address(peer, request.headers.getlist("x-forwarded-for"), self._trusted)

    def admit(self, address: Address | None) -> None:
        """Count a beacon of this address. Raises LimitReached for one too many within a minute."""
        self._beacons.spend(address)

    def read(self, body: bytes) -> Sent:
        """A beacon's body. Raises BadInput, without repeating what was sent."""
        try:
            return Sent.model_validate_json(body)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "the body"
            raise BadInput(f"This is no beacon: {where}: {first['msg'][:100]}.") from None

    def digest(self, site: str, visitor: str) -> str:
        """What is kept of a visitor's number, so that what is stored cannot be used to speak as them."""
        return hashlib.sha256(f"{site}\n{visitor}".encode()).hexdigest()[:32]

    def beacon(
        self,
        sent: Sent,
        site: str,
        address: Address | None,
        headers: Mapping[str, str],
        who: Principal | None,
        now: datetime,
    ) -> Beacon:
        """The beacon as it is counted."""
        return Beacon(
            site=site,
            visitor=self.digest(site, sent.v),
            view=sent.p,
            received_at=now,
            opened_at=opened(now, sent.a),
            engaged_s=int(min(sent.e, DAY_S)),
            path=_path(sent.u),
            title=_plain(sent.t, LONGEST_TITLE),
            referrer=_referrer(sent.r, site),
            agent=read_agent(headers.get("user-agent", ""), bool(sent.d)),
            place=self._place(address),
            consent=sent.c == 1,
            user_id=who.user_id if who else None,
        )

    def _place(self, address: Address | None) -> Place:
        if address is None:
            return Place()
        country = self._countries.of(str(address)) if self._countries else None
        return Place(country, str(address) if self._whole else network_of(address), not self._whole)


def _fits(host: str, site: str) -> bool:
    return host.endswith(site[1:]) if site.startswith("*.") else host == site


def _plain(text: str, longest: int) -> str:
    return _UNPRINTABLE.sub(" ", text).strip()[:longest]


def _path(text: str) -> str:
    """A path without query and fragment: those hold search words and secrets."""
    path = re.split(r"[?#]", _plain(text, 2048), maxsplit=1)[0][:LONGEST_PATH]
    return path if path.startswith("/") else f"/{path}"[:LONGEST_PATH]


def _referrer(text: str, site: str) -> str:
    """Host and path of where the visitor came from; nothing for the site itself, or for what is no web address."""
    try:
        parts = urlsplit(_plain(text, 2048))
        host = (parts.hostname or "").lower()
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not host or host == site:
        return ""
    return f"{host}{parts.path}"[:LONGEST_REFERRER]
