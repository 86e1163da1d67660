"""Pictures as SVG in the page: pygal draws them on the server, and our style sheet colours them.

    svg = bars([Bar("14:00", "27 Nov 14:00", 3), Bar("", "27 Nov 15:00", 9)], "Sessions by hour")

pygal's own styles, scripts and tooltips are taken out, since the policy of our pages allows none in a page; each bar
says what it is to a pointer and to a screen reader. Knows no number's meaning.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

import pygal
from markupsafe import Markup

# pygal hooks into every import for maps that we do not use, and Python 3.11 warns of its old-fashioned hook each time.
sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, pygal.PluginImportFixer)]

WIDE, NARROW = (1160, 160), (400, 170)
"""Width and height of the same picture on a desk and on a phone."""
DROPPED_TAGS = {"defs", "desc", "title", "style", "script"}
DROPPED_CLASSES = {"tooltip-overlay", "text-overlay", "overlay", "titles"}
NAMESPACE = "{http://www.w3.org/2000/svg}"


@dataclass(frozen=True, slots=True)
class Bar:
    """A value, what stands under it (often nothing), and what it says to whoever points at it."""

    label: str
    said: str
    value: int


def bars(values: Sequence[Bar], title: str, *, narrow: bool = False) -> Markup:
    """A bar a value; on a phone every other label is left out."""
    width, height = NARROW if narrow else WIDE
    chart = pygal.Bar(
        width=width,
        height=height,
        margin=4,
        spacing=8,
        js=[],
        css=[],
        no_prefix=True,
        show_legend=False,
        explicit_size=False,
        print_values=False,
        rounded_bars=2,
        truncate_label=-1,
        min_scale=2,
        max_scale=4,
        range=(0, max([4, *(bar.value for bar in values)])),
        value_formatter=_whole,
        classes=["picture", "narrow" if narrow else "wide"],
    )
    marked = [n for n, bar in enumerate(values) if bar.label]
    shown = set(marked[::2] if narrow else marked)
    chart.x_labels = [bar.label if n in shown else "" for n, bar in enumerate(values)]
    chart.add(title, [bar.value for bar in values])
    tree = chart.render_tree()
    for bar, drawn in zip(values, (g for g in tree.iter("g") if g.get("class") == "bar"), strict=True):
        said = ElementTree.SubElement(drawn, "title", {"keep": ""})
        said.text = f"{bar.said}: {bar.value:,}"
    _prune(tree)
    tree.set("role", "img")
    tree.set("aria-label", title)
    tree.attrib.pop("id", None)
    return Markup(ElementTree.tostring(tree, encoding="unicode"))  # noqa: S704 - every text went through ElementTree


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _prune(element: ElementTree.Element) -> None:
    """Take out what pygal adds for its own scripts, and whatever has a style of its own."""
    for child in list(element):
        classes = set((child.get("class") or "").split())
        kept = child.attrib.pop("keep", None) is not None
        comment = callable(child.tag)
        dropped = comment or (child.tag.removeprefix(NAMESPACE) in DROPPED_TAGS and not kept)
        if dropped or classes & DROPPED_CLASSES or "style" in child.attrib:
            element.remove(child)
        else:
            _prune(child)
