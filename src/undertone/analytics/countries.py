"""Which country an address is in, by a file of the operator's in MaxMind's format (GeoLite2, DB-IP, IPinfo).

    countries = open_countries(path)      # None without a path: no country is known then
    countries.of("203.0.113.7")           # "DE" or None

No file ships with Undertone. Read once, when the server starts. Knows no visit.
"""

from pathlib import Path
from typing import cast

import maxminddb

from undertone.errors import BadInput


class Countries:
    """An open file of countries."""

    def __init__(self, reader: maxminddb.Reader) -> None:
        self._reader = reader

    def of(self, address: str) -> str | None:
        """The ISO 3166-1 code of an address's country; None where the file knows none."""
        try:
            found = self._reader.get(address)
        except ValueError:  # no address, or an IPv6 one in a file of IPv4
            return None
        for name in ("country", "country_code", "registered_country"):
            code = cast(object, found.get(name)) if isinstance(found, dict) else None
            code = cast("dict[str, object]", code).get("iso_code") if isinstance(code, dict) else code
            if isinstance(code, str) and len(code) == 2 and code.isascii() and code.isalpha():
                return code.upper()
        return None


def open_countries(path: Path | None) -> Countries | None:
    """Open the operator's file. Raises BadInput in words where it is not there or not in that format."""
    if path is None:
        return None
    try:
        return Countries(maxminddb.open_database(path))
    except (OSError, maxminddb.InvalidDatabaseError) as error:
        raise BadInput(
            f"UNDERTONE_COUNTRIES: {path} is not a file of countries in MaxMind's format ({error})."
        ) from error
