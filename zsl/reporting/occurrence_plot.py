"""Histograms of k-occurrence, one panel per row of the table."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from zsl.files.escaping import drawn
from zsl.outputs.schema import DAGGER
from zsl.reporting.drawing import image, style
from zsl.reporting.table import Row
from zsl.reporting.wording import figure, label, options

ACROSS = 3
"""panels side by side"""
WIDTH, HEIGHT = 3.4, 2.6
"""size of a panel in inches"""
ANTIHUB, PLAIN, HUB = "0.6", "tab:blue", "tab:red"
SHOWN = ("T1", "H", "skewness", "Robin_Hood")


def draw(rows: Sequence[Row], k: int, bins: Sequence[str], form: str) -> bytes:
    """Draw the percentage of classes in each bin, mean over seeds, as an image file of the format ``form``.

    Equal rows give identical bytes. Antihubs are grey, hubs red; metrics that were chosen on the test set end in †.
    """
    across = min(ACROSS, len(rows))
    down = math.ceil(len(rows) / across)
    with style():
        page = Figure(figsize=(across * WIDTH, down * HEIGHT), layout="constrained")
        panels = page.subplots(down, across, squeeze=False, sharey=True)
        for panel, row, differing in zip(panels.flat, rows, options(rows, 3), strict=False):
            _panel(panel, row, differing, bins)
        for empty in panels.flat[len(rows) :]:
            empty.set_visible(False)
        page.supxlabel(f"N_{k} of a class, the number of images for which it is among the {k} best; μ: mean of N_{k}")
        page.supylabel("% of classes")
        return image(page, form)


def _panel(panel: Axes, row: Row, differing: str, bins: Sequence[str]) -> None:
    of = row.key
    metrics = {name.rstrip(DAGGER): (name, summary) for name, summary in row.metrics.items()}
    colours = [ANTIHUB, PLAIN, PLAIN, PLAIN, HUB, HUB, HUB]
    counts = [metrics[name][1].mean for name in bins]
    panel.bar(list(bins), [100 * count / sum(counts) for count in counts], color=colours)
    panel.tick_params(axis="x", labelsize=7)
    name = of.method if of.correction == "none" else f"{of.method} + {of.correction}"
    panel.set_title(
        "\n".join(map(drawn, filter(None, (name, f"{of.data_title}, {of.setting}", differing)))), fontsize=8
    )
    wanted = (name for name in metrics if name.endswith(SHOWN))
    lines = [f"{label(metrics[n][0])} {figure(metrics[n][0], metrics[n][1], len(row.seeds))}" for n in wanted]
    panel.text(0.97, 0.95, "\n".join(lines), transform=panel.transAxes, ha="right", va="top", fontsize=7)
