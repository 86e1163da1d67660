"""Canaries: strings that stand in the instructions and never in an honest reply, and the forms they may leak in.

    seen = letters(reply);  any(form in seen for form in forms("ref-7f3a99..."))

Spacing, case, punctuation, reversal, base64, hexadecimal and rot13 hide nothing. Knows no reply and no model; a canary
told in riddles or spread over a story gets through.
"""

import base64
import codecs
import unicodedata
from functools import lru_cache


@lru_cache(maxsize=256)
def forms(canary: str) -> tuple[str, ...]:
    """The letters of every form of `canary` that is looked for; none for an empty one."""
    plain = letters(canary)
    if not plain:
        return ()
    raw = canary.encode()
    coded = {plain, plain[::-1], raw.hex(), letters(codecs.encode(canary, "rot13"))}
    for skip in range(3):
        # Of base64 only the middle is the same whatever stands before and after.
        middle = base64.b64encode(b"\0" * skip + raw)[-(-skip * 8 // 6) : -4].decode()
        if len(letters(middle)) >= 8:
            coded.add(letters(middle))
    return tuple(sorted(coded))


def letters(text: str) -> str:
    """Letters and digits only, in lower case."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())
