"""The heads this room ships, trained on the project's own rows: sentiment.

    train_sentiment([Path("sentiment.jsonl"), Path("sentiment-chat.jsonl")], embed)

User type is trained by `learning.training`, since any taxonomy is. Needs the `train` extra.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from undertone.learning import LinearText
from undertone.learning.dataset import read_rows

LABELS = ("negative", "neutral", "positive")
Embed = Callable[[Sequence[str]], npt.NDArray[np.float32]]


def train_sentiment(paths: Sequence[Path], embed: Embed) -> LinearText:
    """Fit the sentiment head on all rows of `paths`; each file counts as one author when the views are mixed."""
    from undertone.learning import fitting  # scikit-learn: only while training

    rows = [(row, path.stem) for path in paths for row in read_rows([path], LABELS)]
    texts = [row.text for row, _ in rows]
    authors = [author for _, author in rows]
    return fitting.fit_linear_text(
        texts,
        embed(texts),
        [row.label for row, _ in rows],
        groups=authors if len(set(authors)) > 1 else None,
        dense_c=2.0,
    )
