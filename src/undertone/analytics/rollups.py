"""The job that keeps the roll-ups: every five minutes, by one worker of all.

Knows when, and nothing of how.
"""

from datetime import UTC, datetime

from undertone.analytics.rollups_store import roll_up
from undertone.analytics.visit_hours_store import roll_up_visits
from undertone.db import transaction
from undertone.jobs import job
from undertone.observability import get_logger
from undertone.resources import Resources

log = get_logger(__name__)


@job("roll_up", timetable="*/5 * * * *")
async def roll_up_events(resources: Resources) -> None:
    """Make the days and the hours of visits anew of which something arrived since the last run."""
    async with transaction(resources.db) as conn:
        days = await roll_up(conn)
    async with transaction(resources.db) as conn:
        hours = await roll_up_visits(conn, datetime.now(UTC))
    log.info("rolled_up", days=len(days), visit_hours=hours)
