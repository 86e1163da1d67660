"""The profile read anew from the person's stored messages, as if each had just come in.

    readings = await rebuild_profile(engine, external_id)

For a new version of the readers, another taxonomy or other priors. Kept only with consent to `typing`; a correction
stays. Vectors are the stored ones (half precision), so a figure may differ in its third place. Knows no detector.
"""

from collections import defaultdict, deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from undertone import memory, signals
from undertone.db import transaction
from undertone.engine.nouns import Engine
from undertone.errors import Forbidden
from undertone.people import Person
from undertone.types import Reading

LOOKS_BACK = 12
"""Messages of its conversation that each reading sees, as in a turn."""


async def rebuild_profile(engine: Engine, person: Person) -> int:
    """Returns how many messages were read. Raises Forbidden without the person's consent to be typed."""
    if "typing" not in person.consents:
        raise Forbidden("Without consent to `typing` nobody is read: ask the person first.")
    recent: dict[UUID, deque[signals.Observation]] = defaultdict(lambda: deque(maxlen=LOOKS_BACK))
    state: Mapping[str, Any] | None = None
    last: Reading | None = None
    readings = 0
    async with transaction(engine.resources.db) as conn:
        async for turn in memory.every_user_turn(conn, person.user_id):
            spoken = turn.message
            vector = turn.vector
            if vector is None or engine.resources.recall_embed is not engine.resources.embed:
                vector = (await engine.resources.embed.embed([spoken.text]))[0]
            turns = recent[spoken.conversation_id]
            turns.append(
                signals.Observation(spoken.text, vector, spoken.created_at, spoken.response_time_s, spoken.typing_stops)
            )
            last = signals.read(list(turns), state, types=engine.types)
            state = last.state
            readings += 1
        await signals.rewrite_profile(conn, person.user_id, readings, last, now=datetime.now(UTC))
    return readings
