"""What a visit is: which session a beacon belongs to, and how the numbers of session and page change. Pure.

The server's clock rules: a tracker sends durations and random numbers, never a time. Knows no database, no HTTP.
"""

from datetime import timedelta

IDLE = timedelta(minutes=30)
"""A visitor not heard of for so long begins a new session."""
CAP = timedelta(hours=24)
"""No session is longer; what comes after begins another."""
ACTIVE = timedelta(minutes=5)
"""Seen within this time, a session is active."""
