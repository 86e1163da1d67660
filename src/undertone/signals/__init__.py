"""Reading the person: user type, sentiment, engagement and behaviour from their own messages.

`read` is pure and quick; the profile it feeds is kept only with consent, shown to the person and corrected by them.
"""

from undertone.signals.detectors import DETECTORS, read
from undertone.signals.observation import Observation
from undertone.signals.store import HOLDINGS, Profile, load_profile, save_profile

__all__ = ["DETECTORS", "HOLDINGS", "Observation", "Profile", "load_profile", "read", "save_profile"]
