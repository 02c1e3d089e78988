"""Bar plots of the classes that gain and lose most, one panel per class split."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from zsl.files.escaping import drawn
from zsl.reporting.comparison.classes import ClassDifferences
from zsl.reporting.drawing import image, style

WIDTH, LINE = 6.0, 0.2
"""width of a panel and height of a bar in inches"""
GAIN, LOSS = "tab:blue", "tab:red"


def draw(found: Sequence[ClassDifferences], form: str) -> bytes:
    """Draw differences of accuracies with their intervals over seeds, as an image file of the format ``form``."""
    heights = [len(split.extremes) + 4 for split in found]
    with style():
        page = Figure(figsize=(WIDTH, LINE * sum(heights)), layout="constrained")
        panels = page.subplots(len(found), 1, squeeze=False, height_ratios=heights)
        for panel, split in zip(panels.flat, found, strict=True):
            _panel(panel, split)
        return image(page, form)


def _panel(panel: Axes, split: ClassDifferences) -> None:
    lines = split.extremes
    means = [line.difference.mean for line in lines]
    panel.barh(
        range(len(lines)),
        means,
        xerr=[line.difference.ci or 0.0 for line in lines],
        color=[GAIN if mean > 0 else LOSS for mean in means],
        error_kw={"lw": 0.8, "ecolor": "0.3"},
    )
    limit = min(100.0, 1.05 * max(1.0, *(abs(line.difference.mean) + (line.difference.ci or 0.0) for line in lines)))
    panel.set_xlim(-limit, limit)
    panel.set_yticks(range(len(lines)))
    panel.set_yticklabels([drawn(f"{line.name} ({line.kind})") for line in lines], fontsize=7)
    panel.invert_yaxis()
    panel.axvline(0, color="black", lw=0.8)
    seeds = f"{len(split.seeds)} seed" + "s" * (len(split.seeds) > 1)
    panel.set_xlabel(drawn(f"percentage points, {split.a.label} - {split.b.label}"))
    panel.set_title(drawn(f"{split.title} ({split.protocol}), mean over {seeds}, 95 % CI"), fontsize=8)
