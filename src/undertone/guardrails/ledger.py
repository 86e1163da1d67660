"""The referral ledger: each time a person was shown crisis help, on a chain that shows tampering, with no identifiers.

    await record_referral(conn, today, kind="suicidal", level="crisis", country="US")
    proof = await verify(conn)              # raises LedgerError; proof.seal is worth publishing

The database refuses UPDATE, DELETE and TRUNCATE and seals each line over the one before, so an edited or removed line
breaks the chain. A cut-off end cannot be seen from inside: compare `verify`'s count and seal with earlier ones kept
elsewhere.
"""

from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Final

from undertone.errors import UndertoneError
from undertone.guardrails import store
from undertone.resources import Connection

FIRST: Final = sha256(b"referral_ledger").digest()
_PAGE: Final = 5_000


class LedgerError(UndertoneError):
    """The referral ledger was altered."""

    code = "ledger_broken"


@dataclass(frozen=True, slots=True)
class Proof:
    """A whole ledger: how many lines, and the last seal in hexadecimal."""

    count: int
    seal: str


async def record_referral(conn: Connection, day: date, *, kind: str, level: str = "crisis", country: str = "") -> int:
    """Write one line in the caller's transaction. Returns its number. `country` is a two-letter code or ""."""
    return await store.append_referral(conn, day, kind, level, country.upper())


async def verify(conn: Connection) -> Proof:
    """Read the whole chain. Raises LedgerError naming the first line that does not fit."""
    number, seal = 0, FIRST
    while page := await store.referrals(conn, number, _PAGE):
        for line in page:
            number += 1
            if line.number != number or line.previous != seal or line.seal != sealed(line):
                raise LedgerError(
                    f"Line {number} of the referral ledger does not fit the chain: it was altered or removed."
                )
            seal = line.seal
    return Proof(number, seal.hex())


async def seal_at(conn: Connection, number: int) -> str | None:
    """The seal of line `number` in hexadecimal, to compare with one kept elsewhere; None without such a line."""
    if number == 0:
        return FIRST.hex()
    found = await store.referrals(conn, number - 1, 1)
    return found[0].seal.hex() if found and found[0].number == number else None


async def yearly_counts(conn: Connection, year: int) -> dict[str, int]:
    """Referrals of a year by kind, and their "total": the figure the yearly reports ask for."""
    counts: dict[str, int] = {}
    for (kind, _), count in (await store.count_referrals(conn, year)).items():
        counts[kind] = counts.get(kind, 0) + count
    return {**counts, "total": sum(counts.values())}


def sealed(line: store.Referral) -> bytes:
    """SHA-256 over the previous seal and the line's own words, as the database computes it."""
    words = "|".join((str(line.number), line.day.isoformat(), line.kind, line.level, line.country))
    return sha256(line.previous + words.encode()).digest()
