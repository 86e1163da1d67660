"""Reading the person: user type, sentiment, engagement, behaviour and more, from their own messages.

`read` is pure and quick; the profile it feeds is kept only with consent, shown to the person and corrected by them.
"""

from undertone.signals.detectors import DETECTORS, read
from undertone.signals.language import readable
from undertone.signals.observation import Observation
from undertone.signals.store import HOLDINGS, Profile, load_profile, rewrite_profile, save_profile
from undertone.signals.user_type import TypeReader, reader

__all__ = [
    "DETECTORS",
    "HOLDINGS",
    "Observation",
    "Profile",
    "TypeReader",
    "load_profile",
    "read",
    "readable",
    "reader",
    "rewrite_profile",
    "save_profile",
]
