"""Critical-difference diagrams (Demšar 2006, § 3.2.4)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from zsl.files.escaping import drawn
from zsl.reporting.comparison.ranking import Ranking
from zsl.reporting.drawing import image, style
from zsl.reporting.wording import label

AXIS = 4.5
"""length of the axis, in inches"""
LETTER = 0.075
"""width of a letter, in inches"""
TICKS = 12
"""approximate greatest number of ticks"""
LINE = 0.22
"""height of a name, in inches"""
BAR = 0.5
"""distance between the bars of groups, in heights of a name"""


def draw(found: Sequence[Ranking], form: str) -> bytes:
    """Draw axes of average ranks, the best on the left, as an image file of the format ``form``; a panel per ranking.

    Bars join contenders that do not differ significantly; the critical difference is drawn above the axis. Where
    Friedman's test is not significant, one bar joins all.
    """
    heights = [_depth(ranking) + 4.0 for ranking in found]
    longest = max(len(contender.label) for ranking in found for contender in ranking.contenders)
    margin = LETTER * (longest + len(" (10.00) ")) + 0.2
    with style():
        page = Figure(figsize=(AXIS + 2 * margin, LINE * sum(heights)), layout="constrained")
        panels = page.subplots(len(found), 1, squeeze=False, height_ratios=heights)
        for panel, ranking in zip(panels.flat, found, strict=True):
            _panel(panel, ranking, margin / AXIS)
        return image(page, form)


def _depth(ranking: Ranking) -> float:
    """Return the distance of the lowest name below the axis, in heights of a name."""
    return 0.5 + BAR * len(ranking.groups) + (len(ranking.contenders) + 1) // 2


def _panel(panel: Axes, ranking: Ranking, margin: float) -> None:
    """Draw one ranking; ``margin`` is the space for names on either side, in lengths of the axis."""
    k = len(ranking.contenders)
    panel.set_xlim(1 - margin * (k - 1), k + margin * (k - 1))
    panel.set_ylim(_depth(ranking), -1.8)
    panel.set_axis_off()
    panel.plot([1, k], [0, 0], color="black", lw=1)
    for tick in range(1, k + 1, math.ceil(k / TICKS)):
        panel.plot([tick, tick], [-0.2, 0], color="black", lw=1)
        panel.text(tick, -0.3, str(tick), ha="center", va="bottom")
    end = 1 + min(ranking.critical_difference, k - 1)
    panel.plot([1, end], [-1.3, -1.3], color="0.4", lw=2)
    panel.text(end, -1.3, f"  CD = {ranking.critical_difference:.2f}", va="center", color="0.4")
    for level, (first, last) in enumerate(ranking.groups, start=1):
        ends = [ranking.ranks[first] - 0.03, ranking.ranks[last] + 0.03]
        panel.plot(ends, [BAR * level] * 2, color="tab:blue", lw=3, solid_capstyle="round")
    top = 0.8 + BAR * len(ranking.groups)
    for i, (contender, rank) in enumerate(zip(ranking.contenders, ranking.ranks, strict=True)):
        left = i < (k + 1) // 2
        depth = top + (i if left else k - 1 - i)
        edge, side = (1 - 0.05 * (k - 1), "right") if left else (k + 0.05 * (k - 1), "left")
        panel.plot([rank, rank, edge], [0, depth, depth], color="black", lw=0.7)
        text = f"{contender.label} ({rank:.2f}) " if left else f" ({rank:.2f}) {contender.label}"
        panel.text(edge, depth, drawn(text), ha=side, va="center")
    title = f"Average rank by {label(ranking.metric)} over {len(ranking.blocks)} {ranking.unit}s ({ranking.protocol})"
    panel.set_title(drawn(f"{title}\n{ranking.verdict}"), fontsize=8)
