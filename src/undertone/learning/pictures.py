"""Pictures of a model's figures as SVG: reliability, confusion, learning curve. Needs the `train` extra (matplotlib).

    reliability(chances, truth, out / "reliability.svg")

The same data gives the same bytes. Knows no task.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
INK, ACCENT, PALE = "#2b2a33", "#5b5bd6", "#d9d9f3"


def reliability(chances: Floats, truth: Ints, path: Path, bins: int = 10) -> None:
    """How often the likeliest label was right, by how likely it was said to be. `chances` (n, classes)."""
    top, right = chances.max(1), chances.argmax(1) == truth
    place = np.minimum((top * bins).astype(int), bins - 1)
    used = [b for b in range(bins) if (place == b).any()]
    said = [float(top[place == b].mean()) for b in used]
    came = [float(right[place == b].mean()) for b in used]
    counts = [int((place == b).sum()) for b in used]
    figure, axes = _axes(4.6, 4.2)
    axes.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle=":")
    axes.scatter(said, came, s=[20 + 400 * c / len(truth) for c in counts], color=ACCENT, alpha=0.8, zorder=3)
    for x, y, count in zip(said, came, counts, strict=True):
        axes.annotate(str(count), (x, y), textcoords="offset points", xytext=(7, -11), fontsize=8, color=INK)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="said to be likely", ylabel="was right")
    _save(figure, path)


def confusion(guess: Ints, truth: Ints, labels: Sequence[str], path: Path) -> None:
    """Rows are what is true, columns what was said; each row sums to 1."""
    counts = np.zeros((len(labels), len(labels)))
    np.add.at(counts, (truth, guess), 1)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    names = [label.replace("_", "\n").lower() for label in labels]
    figure, axes = _axes(5.4, 4.6)
    axes.imshow(shares, cmap=_shades(), vmin=0, vmax=1)
    for row, column in np.ndindex(*shares.shape):
        dark = shares[row, column] > 0.6
        axes.text(column, row, f"{shares[row, column]:.2f}", ha="center", va="center", color="white" if dark else INK)
    axes.set_xticks(range(len(labels)), names, fontsize=8)
    axes.set_yticks(range(len(labels)), names, fontsize=8)
    axes.set(xlabel="said", ylabel="true")
    _save(figure, path)


def curve(points: Mapping[str, Mapping[str, float]], at: int, path: Path) -> None:
    """Accuracy by labelled conversations a class."""
    sizes = [int(size) for size in points]
    values = [points[size]["accuracy"] for size in points]
    figure, axes = _axes(5.4, 3.6)
    axes.plot(sizes, values, color=ACCENT, marker="o")
    for x, y in zip(sizes, values, strict=True):
        axes.annotate(f"{y:.2f}", (x, y), textcoords="offset points", xytext=(0, 7), ha="center", fontsize=9, color=INK)
    axes.set(ylim=(0, 1), xlabel="labelled conversations a class", ylabel=f"accuracy after {at} messages")
    axes.set_xticks(sizes)
    axes.grid(axis="y", color=PALE)
    _save(figure, path)


def _axes(width: float, height: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure: Any = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _shades() -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("shades", ["#ffffff", ACCENT])


def _save(figure: Any, path: Path) -> None:
    import matplotlib as mpl

    path.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"svg.hashsalt": "undertone", "svg.fonttype": "none"}):
        figure.savefig(path, format="svg", metadata={"Date": None}, facecolor="white")
