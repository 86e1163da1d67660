"""Tokens: how many a text has, how a window is shared out, and how far a request may grow before its price jumps.

    room = fit("grok-4.3", 1_000_000)        # Window(tokens=198_000, why="... doubles ... from 200,000 ...")
    table = budgets(room.tokens)             # tokens for each part; "history" is what the others leave

Knows no message and no prompt. Counts are by UTF-8 length and a ratio learned from what the provider reports.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from undertone.llm import catalogue

BYTES_PER_TOKEN = 4.0
"""Start value for English chat on current tokenizers; `TokenRatio` learns the model's own from reported usage."""
MESSAGE_OVERHEAD = 4
"""Tokens a chat template spends on each message's frame."""
REACH_BACK = 32_000
"""From this window on, history reaches into earlier conversations word for word; below it, recall alone does."""
MARGIN = 0.98
"""A request planned to stay under a price step or a model's window keeps this share of it: counts are estimates."""

BUDGETS: tuple[tuple[str, float, int], ...] = (
    ("persona", 0.20, 6_000),
    ("card", 0.06, 4_000),
    ("summaries", 0.10, 60_000),
    ("memories", 0.12, 40_000),
    ("notes", 0.05, 800),
    ("message", 0.20, 4_000),
    ("reply", 0.08, 1_000),
)
"""Part, share of the window, and the most tokens it ever takes. History gets all that the others leave."""


def budgets(window: int) -> dict[str, int]:
    """Tokens for each part at one window; "history" is what the others leave."""
    table = {part: min(int(window * share), most) for part, share, most in BUDGETS}
    table["history"] = window - sum(table.values())
    return table


def count(text: str, bytes_per_token: float = BYTES_PER_TOKEN) -> int:
    """Tokens of a text by its UTF-8 length, rounded up."""
    return -int(-len(text.encode("utf-8", "replace")) // bytes_per_token) if text else 0


@dataclass(frozen=True, slots=True)
class Window:
    """How many tokens one request may hold, and why not as many as were asked for."""

    tokens: int
    why: str = ""


def fit(model: str, wanted: int, *, over_step: bool = False) -> Window:
    """The window for a model: at most its own and, unless `over_step`, short of where the whole request costs more.

    A model that the catalogue does not know gets what was asked for.
    """
    known = catalogue.find(model)
    if known is None:
        return Window(wanted)
    if known.step_from is not None and not over_step:
        reply = budgets(wanted)["reply"]  # the step counts the prompt alone
        most = int(known.step_from * MARGIN) + reply
        if wanted > most:
            return Window(
                most,
                f"{most:,} of {wanted:,} tokens, since from {known.step_from:,} prompt tokens on {known.name} bills the"
                f" whole request {known.step_times:g} times (UNDERTONE_CONTEXT_OVER_STEP allows it)",
            )
    most = int(known.window * MARGIN)
    if wanted > most:
        return Window(most, f"{most:,} of {wanted:,} tokens, since {known.name} takes {known.window:,}")
    return Window(wanted)


class TokenRatio:
    """Bytes a token, one number a model, learned from the usage that providers report.

    Kept in the database by `tokens_store.share`, so that every process begins where the others are.
    """

    def __init__(self) -> None:
        self._ratios: dict[str, float] = {}
        self._news: set[str] = set()

    def of(self, model: str) -> float:
        """The ratio in whole tenths, rounded down: counts err on the safe side and a small change moves nothing."""
        return int(self._ratios.get(model, BYTES_PER_TOKEN) * 10 + 1e-6) / 10

    def learn(self, model: str, messages: int, request_bytes: int, prompt_tokens: int) -> None:
        """Move a tenth of the way to what one call of so many messages showed; absurd reports are ignored."""
        told = prompt_tokens - MESSAGE_OVERHEAD * messages
        if told < 50 or not 1.0 <= request_bytes / told <= 12.0:
            return
        old = self._ratios.get(model, request_bytes / told)
        self._ratios[model] = 0.9 * old + 0.1 * request_bytes / told
        self._news.add(model)

    def take_news(self) -> dict[str, float]:
        """What was learned since the last call."""
        news = {model: self._ratios[model] for model in self._news}
        self._news.clear()
        return news

    def keep_news(self, news: Mapping[str, float]) -> None:
        """They could not be passed on; the next call of `take_news` has them again."""
        self._news |= news.keys()

    def adopt(self, shared: Mapping[str, float]) -> None:
        """Take what all processes know together; what was learned here meanwhile stays."""
        self._ratios |= {model: ratio for model, ratio in shared.items() if model not in self._news}
