"""How often one address may do something within a stretch of time, counted in this process.

    beacons = Allowance(600, 60, "Too many beacons from this address.")
    beacons.spend(address)                 # raises LimitReached for one too many

A household has a /64 of version 6, not one address, so that is what is counted. Knows no request.
"""

from ipaddress import ip_network
from time import monotonic

from undertone.errors import LimitReached
from undertone.server.client_address import Address


class Allowance:
    """So many by an address in so many seconds; the count of all begins anew when these have passed."""

    def __init__(self, most: int, span_s: float, refusal: str) -> None:
        self._most = most
        self._span_s = span_s
        self._refusal = refusal
        self._spent: dict[str, int] = {}
        self._since = monotonic()

    def spend(self, address: Address | None) -> None:
        """Count one. Raises LimitReached for one too many, with the seconds to wait."""
        self.check(address)
        whose = _whose(address)
        self._spent[whose] = self._spent.get(whose, 0) + 1

    def check(self, address: Address | None) -> None:
        """Raises LimitReached when nothing is left, and counts nothing."""
        now = monotonic()
        if now - self._since >= self._span_s:
            self._spent.clear()
            self._since = now
        if self._spent.get(_whose(address), 0) >= self._most:
            raise LimitReached(self._refusal, retry_after=self._span_s - (now - self._since))


def _whose(address: Address | None) -> str:
    if address is not None and address.version == 6:
        return str(ip_network((address, 64), strict=False))
    return "" if address is None else str(address)
