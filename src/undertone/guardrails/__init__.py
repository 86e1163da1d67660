"""What must never happen, and what must always be said.

`check_input` reads one message, `OutputRail` holds back a reply, `care.advance` says what a person is owed,
`limits.admit` says when it is enough, and `require_protocol` keeps the engine shut without a crisis protocol.
"""

from undertone.guardrails import (
    care,
    crisis,
    disclosure,
    incidents,
    ledger,
    limits,
    limits_store,
    own_limits,
    second_look,
    spoken,
    webhooks,
    wishes,
)
from undertone.guardrails.crisis import crisis_reply, require_protocol
from undertone.guardrails.farewell import takes_leave
from undertone.guardrails.rails import OutputRail
from undertone.guardrails.store import HOLDINGS, load_care, note_break, save_care
from undertone.guardrails.verdict import check_input

__all__ = [
    "HOLDINGS",
    "OutputRail",
    "care",
    "check_input",
    "crisis",
    "crisis_reply",
    "disclosure",
    "incidents",
    "ledger",
    "limits",
    "limits_store",
    "load_care",
    "note_break",
    "own_limits",
    "require_protocol",
    "save_care",
    "second_look",
    "spoken",
    "takes_leave",
    "webhooks",
    "wishes",
]
