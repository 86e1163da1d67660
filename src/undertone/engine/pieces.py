"""Texts made to fit a number of tokens, and made unable to pose as our notes.

    kept, tokens = fit("card", CARD, lines, 960, ratio, left_out)

What did not fit is said in `left_out`. Pure; knows no budget and no order of parts.
"""

import re
from collections.abc import Sequence

from undertone.engine.budgets import count

_HEADING = re.compile(r"^[ \t]*#+[ \t]+", re.MULTILINE)
CUT = "\n[...]\n"
_TAG = re.compile(r"[<＜]\s*(/?)\s*(notes|earlier)\b[^<>＜＞]{0,80}[>＞]", re.IGNORECASE)
"""The tags of blocks that we write ourselves, in every spelling that a model would take for one."""


def defuse(text: str) -> str:
    """Someone's words cannot open or close our blocks, however the tag is written."""
    return _TAG.sub(lambda found: f"({found.group(1)}{found.group(2)})", text) if "<" in text or "＜" in text else text


def in_line(text: str) -> str:
    """Someone's words on one line, so that no line of theirs stands among ours."""
    text = defuse(text)
    lines = text.splitlines()
    return text if lines == [text] else " ".join(_HEADING.sub("", line).strip() for line in lines if line.strip())


def material(part: str, text: str) -> str:
    """A quotation as it stands in that part of a request: memories and what is known of a person take a line each."""
    return in_line(text) if part in ("card", "summaries", "memories") else defuse(text)


def as_text(text: str) -> str:
    """A character's text without lines that pose as the request's own headings."""
    return _HEADING.sub("", text) if "#" in text else text


def listed(title: str, lines: Sequence[str]) -> str:
    """A title with a line each below it; nothing without lines."""
    return title + "".join(f"\n- {line}" for line in lines) if lines else ""


def cut(part: str, text: str, budget: int, ratio: float, left_out: list[str]) -> str:
    """The text, or its beginning and its end where the whole does not fit."""
    if count(text, ratio) <= budget:
        return text
    data = text.encode("utf-8", "replace")
    half = max(0, int(budget * ratio) - len(CUT.encode())) // 2
    left_out.append(f"{part}: cut to {max(0, budget)} of {count(text, ratio)} tokens")
    if not half:
        return ""
    return data[:half].decode("utf-8", "ignore") + CUT + data[-half:].decode("utf-8", "ignore")


def fit(
    part: str, title: str, lines: Sequence[str], budget: int, ratio: float, left_out: list[str]
) -> tuple[list[str], int]:
    """The first lines that fit under their title, and what they weigh with it."""
    kept: list[str] = []
    spent = count(f"{title}\n\n", ratio)
    for line in lines:
        cost = count(f"\n- {line}", ratio)
        if spent + cost > budget:
            break
        kept.append(in_line(line))
        spent += cost
    if len(kept) < len(lines):
        left_out.append(f"{part}: {len(lines) - len(kept)} of {len(lines)} did not fit {max(0, budget)} tokens")
    return kept, spent if kept else 0
