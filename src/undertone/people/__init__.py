"""Who someone is to us and what they allowed: keys and tokens, consents, age, export and erasure.

`standing` says in one round trip whom a message comes from and what holds for them; `require_chat` refuses what may not
be; every room registers what it holds about a person with `register`.
"""

from undertone.people.consent import Person, refused, require, require_chat, standing
from undertone.people.identity import Principal, authenticate
from undertone.people.privacy import register
from undertone.people.store import hold_user

__all__ = [
    "Person",
    "Principal",
    "authenticate",
    "hold_user",
    "refused",
    "register",
    "require",
    "require_chat",
    "standing",
]
