"""Decay: how strong a kept memory is, and when it leaves the hot tier. It never falls to nothing.

    strength(age_days=400, idle_days=400, uses=0, importance=0.3)      # 0.3: below COLD_BELOW, and old enough to cool

A pure function. Strength decides a storage tier, never a rank in recall: decay as a multiplier destroyed recall (.633
to .341 at a half-life of 30 days, see docs/experiments.md). What is cold is not volunteered, and comes back by words.
"""

FLOOR = 0.1
"""No memory is weaker."""
HALF_LIFE_DAYS = 180.0
OLD_DAYS = 365.0
"""Nothing cools that was told or used within a year."""
COLD_BELOW = 0.36
SHARES = (0.5, 0.3, 0.2)
"""What importance, recency and use can add above the floor."""
IMPORTANCE = {"person": 0.95, "fact": 0.9, "preference": 0.5, "event": 0.4, "summary": 0.5}
"""Who is in somebody's life outlasts what happened once; multiplied with how sure a memory is."""


def strength(*, age_days: float, idle_days: float, uses: int, importance: float, pinned: bool = False) -> float:
    """How strong a memory is, in [FLOOR, 1]; 1 when pinned.

    `idle_days` since it was last used, `age_days` since it was told: the smaller counts. `importance` in [0, 1]. Falls
    with time, rises with use and importance, and each of them only by its share.
    """
    if pinned:
        return 1.0
    since = max(0.0, min(age_days, idle_days))
    recency = 0.5 ** (since / HALF_LIFE_DAYS)
    use = 1.0 - 0.5 ** max(0, uses)
    parts = (min(max(importance, 0.0), 1.0), recency, use)
    return FLOOR + (1.0 - FLOOR) * sum(share * part for share, part in zip(SHARES, parts, strict=True))


def cools(*, age_days: float, idle_days: float, uses: int, importance: float, pinned: bool = False) -> bool:
    """Whether a memory belongs in the cold tier: old, long unused, and weak."""
    if min(age_days, idle_days) < OLD_DAYS:
        return False
    found = strength(age_days=age_days, idle_days=idle_days, uses=uses, importance=importance, pinned=pinned)
    return found < COLD_BELOW
