"""Reports: what happened, counted from events by day, for operators; what came of it; and visits to sites.

`roll_up` keeps the daily numbers, `run_report` answers one by name, `add_outcome` keeps what a platform reports,
`visits_store` reads sessions.
Nothing here is read by the engine: what people pay never chooses how they are answered.
"""

from undertone.analytics import outcomes_store, rollups, rollups_store, tables, visits_store
from undertone.analytics.outcomes_store import add_outcome
from undertone.analytics.reports import REPORTS, Report, person_days, run_report
from undertone.analytics.rollups_store import roll_up, set_zone
from undertone.analytics.visit_hours_store import roll_up_visits

HOLDINGS = {
    "outcomes": (outcomes_store.export_outcomes, outcomes_store.erase_outcomes),
    "user_metrics": (rollups_store.export_metrics, rollups_store.erase_metrics),
    "user_totals": (rollups_store.export_totals, rollups_store.erase_totals),
    "sessions": (visits_store.export_sessions, visits_store.erase_sessions),
}

__all__ = [
    "HOLDINGS",
    "REPORTS",
    "Report",
    "add_outcome",
    "person_days",
    "roll_up",
    "roll_up_visits",
    "rollups",
    "run_report",
    "set_zone",
    "tables",
    "visits_store",
]
