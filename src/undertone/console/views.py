"""What the address of the sessions page says: period, filters, where to go on. The page is what its address is.

    view = View.model_validate(request's query)
    view.filters(now), view.address(device="phone"), view.address(after=None)

Knows no query and no HTML.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from undertone.analytics.visits_store import SessionFilters
from undertone.server.auth import CONSOLE

PATH = f"{CONSOLE}/sessions"


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch that ends now, and how its picture is cut: a bar a `step`, a label where `marks` says so."""

    name: str
    span: timedelta
    step: timedelta
    label: str
    marks: Callable[[datetime], bool]

    def label_of(self, at: datetime) -> str:
        """What stands under the bar that begins then; nothing under most."""
        return at.strftime(self.label) if self.marks(at) else ""


PERIODS = {
    "1h": Period("Hour", timedelta(hours=1), timedelta(minutes=2), "%H:%M", lambda at: at.minute % 10 == 0),
    "24h": Period("Day", timedelta(hours=24), timedelta(hours=1), "%H:%M", lambda at: at.hour % 3 == 0),
    "7d": Period("Week", timedelta(days=7), timedelta(hours=3), "%A", lambda at: at.hour == 0),
    "30d": Period("Month", timedelta(days=30), timedelta(days=1), "%d %b", lambda at: at.toordinal() % 5 == 0),
}


def _empty_is_none(value: object) -> object:
    return None if value == "" else value


Text = Annotated[Annotated[str, Field(max_length=200)] | None, BeforeValidator(_empty_is_none)]


class View(BaseModel):
    """What is shown. Empty fields of the form count as left out."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    period: Literal["1h", "24h", "7d", "30d"] = "24h"
    state: Annotated[Literal["active", "over"] | None, BeforeValidator(_empty_is_none)] = None
    device: Text = None
    browser: Text = None
    os: Text = None
    country: Text = None
    site: Text = None
    user: Text = None
    bots: Annotated[Literal["with", "only"] | None, BeforeValidator(_empty_is_none)] = None
    addresses: Annotated[Literal["shown"] | None, BeforeValidator(_empty_is_none)] = None
    after: Text = None

    @property
    def stretch(self) -> Period:
        """The period in numbers."""
        return PERIODS[self.period]

    def filters(self, now: datetime) -> SessionFilters:
        """The filters, for the period that ends now."""
        return SessionFilters(
            active={"active": True, "over": False, None: None}[self.state],
            device=self.device,
            browser=self.browser,
            os=self.os,
            country=self.country,
            site=self.site,
            user=self.user,
            bot={"with": None, "only": True, None: False}[self.bots],
            since=now - self.stretch.span,
        )

    def chosen(self) -> dict[str, str]:
        """The filters that are set, by name."""
        names = ("state", "device", "browser", "os", "country", "site", "user", "bots")
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    def address(self, **changes: Any) -> str:
        """The address of the same page with some fields changed; None leaves one out. It begins at the top again."""
        fields = {"after": None} | changes
        wanted = self.model_dump(exclude_none=True) | fields
        kept = {name: value for name, value in wanted.items() if value is not None}
        if kept.get("period") == "24h":
            del kept["period"]
        kept = {name: value for name, value in kept.items() if name != "after" or fields["after"]}
        return f"{PATH}?{urlencode(kept)}" if kept else PATH
