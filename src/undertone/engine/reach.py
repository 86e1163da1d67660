"""How far back a request reaches: this conversation message by message, those before it in pages.

    past = await read(conn, user_id, persona_id, conversation_id, position=message.position, window=16_000)
    pages, tokens = fit_pages(past.pages, ...)        # both begin at round places,
    shown = fit_messages(past.history, ...)           # so that their beginning seldom moves

Bounded by the window: a small one never reads the past, a large one reads it in one query. Knows no prompt.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from undertone import memory
from undertone.engine.budgets import BYTES_PER_TOKEN, MESSAGE_OVERHEAD, REACH_BACK, budgets, count
from undertone.resources import Connection
from undertone.types import Message

SHORT = 25
"""Tokens of a short chat message: as many messages are read as could fit at that length."""
LONG_TALK = 2_048
"""A conversation longer than this shows its newer half as messages; what lies before it comes in pages."""
STEP = 1_024
WIDE_CHUNKS = (256, 128, 64)
"""Messages evicted at once, where that costs at most an eighth of the history ..."""
CHUNKS = (32, 16, 8, 4, 2)
"""... or as many as half of it allows: the prefix changes once in sixteen turns at best."""
RESERVES = (0.05, 0.25, 0.5)
"""Shares of the history kept free for this conversation: the pages before it give way in these steps only."""


@dataclass(frozen=True, slots=True)
class Past:
    """What was read of a person's past with a persona."""

    history: Sequence[Message]
    """This conversation, oldest first."""
    whole: bool
    """False when older messages of it were not read, and no page holds them."""
    pages: Sequence[memory.Page] = ()
    """What was said before `history`, oldest first."""


async def read(
    conn: Connection,
    user_id: UUID,
    persona_id: str,
    conversation_id: UUID,
    *,
    position: int,
    window: int,
    remembers: bool = True,
) -> Past:
    """Read what could stand in a window: one query, and from `REACH_BACK` tokens on one more for the pages.

    `position` is the newest message's; without `remembers` earlier conversations stay out.
    """
    budget = budgets(window)["history"]
    after = (position - STEP) // STEP * STEP if position > LONG_TALK else 0
    limit = max(100, budget // SHORT)
    history = await memory.history(conn, user_id, conversation_id, limit, after=after)
    whole = len(history) < limit and not after
    if window < REACH_BACK or not remembers or not history:
        return Past(history, whole)
    pages = await memory.read_pages(
        conn,
        user_id,
        persona_id,
        conversation_id,
        before=history[0].position,
        most_bytes=int(budget * BYTES_PER_TOKEN),
    )
    return Past(history, whole, pages)


def recall_tokens(most: int, text: str) -> int:
    """Tokens of memories to recall for one message: all that are allowed where it asks for something, half more since
    what the persona itself said may have to wait; a third where it only tells, as what comes up then is background."""
    return most * 3 // 2 if memory.asks(text) else most // 3


def reserve(history_tokens: int, budget: int) -> int:
    """Tokens kept for this conversation out of the history's budget, growing in steps so that the rest stands still."""
    return next((int(budget * share) for share in RESERVES if history_tokens <= budget * share), max(0, budget))


def weigh(history: Sequence[Message], ratio: float) -> int:
    """What messages weigh with their frames, in tokens."""
    return sum(count(message.text, ratio) + MESSAGE_OVERHEAD for message in history)


def fit_pages(
    pages: Sequence[memory.Page], budget: int, ratio: float, left_out: list[str]
) -> tuple[Sequence[memory.Page], int]:
    """The newest pages that fit and their tokens, beginning at a round number when some had to go."""
    start, spent = len(pages), 0
    sizes = [-int(-(page.size + 1) // ratio) for page in pages]
    while start and spent + sizes[start - 1] <= budget:
        start -= 1
        spent += sizes[start]
    if start and start < len(pages):
        chunk = 1
        while chunk * 16 <= len(pages) - start:
            chunk *= 2
        start = next((i for i in range(start, min(start + chunk, len(pages))) if pages[i].number % chunk == 0), start)
    if pages and pages[0].number:
        left_out.append(f"earlier: nothing before message {pages[0].first_seq} of all they said was read")
    if start:
        gone = sum(page.messages for page in pages[:start])
        left_out.append(f"earlier: the oldest {gone} messages read did not fit {max(0, budget)} tokens")
    return pages[start:], sum(sizes[start:])


def fit_messages(
    history: Sequence[Message], budget: int, ratio: float, left_out: list[str], *, whole: bool
) -> Sequence[Message]:
    """The newest messages that fit, beginning at a multiple of a chunk so that the beginning seldom moves."""
    spent, start = 0, len(history)
    for index in range(len(history) - 1, -1, -1):
        spent += count(history[index].text, ratio) + MESSAGE_OVERHEAD
        if spent > budget:
            break
        start = index
    if start or not whole:
        start = _aligned(history, start)
        older = "" if whole else ", and older ones were not read"
        left_out.append(f"history: {start} of {len(history)} messages read did not fit {budget} tokens{older}")
    return history[start:]


def _aligned(history: Sequence[Message], start: int) -> int:
    """The first beginning of the largest chunk that costs no more than it may."""
    fits = len(history) - start
    for chunk, most in (*((c, fits // 8) for c in WIDE_CHUNKS), *((c, fits // 2) for c in CHUNKS)):
        for index in range(start, start + most + 1):
            if index < len(history) and history[index].position % chunk == 1:
                return index
    return start
