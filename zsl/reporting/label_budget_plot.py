"""Figure of accuracy against labels per class."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from zsl.files.escaping import drawn
from zsl.reporting.drawing import image, style
from zsl.reporting.label_budget import LabelBudget, places, shown, words
from zsl.reporting.wording import label

MARKERS = "osD^vPX*"


def draw(lines: Sequence[LabelBudget], form: str) -> bytes:
    """Draw a panel of u and one of s for every data set, as an image file of the format ``form``.

    A dotted line is the level of u without labels, and a ring the first number of labels at which u is below it.
    """
    data = list(dict.fromkeys(line.place for line in lines))
    with style():
        page = Figure(figsize=(8, 3.4 * len(data)), layout="constrained")
        panels = page.subplots(len(data), 2, squeeze=False)
        for (left, right), key in zip(panels, data, strict=True):
            own = [line for line in lines if line.place == key]
            metrics = shown(own)
            for panel, metric in zip((left, right), metrics, strict=True):
                _panel(panel, own, metric, metric == metrics[0])
            left.set_title(drawn(f"{key[1]} ({key[0]}), {key[2]}"), loc="left", fontsize=8)
            right.legend(fontsize=7)
        return image(page, form)


def _panel(panel: Axes, lines: Sequence[LabelBudget], metric: str, unseen: bool) -> None:
    at = places(lines)
    for i, line in enumerate(lines):
        colour, marker = f"C{i % 10}", MARKERS[i // 10 % len(MARKERS)]
        known = [(shots, found[metric]) for shots, found in line.points.items() if metric in found]
        x, y = [at[shots] for shots, _ in known], [found.mean for _, found in known]
        panel.errorbar(
            x,
            y,
            [found.ci or 0 for _, found in known],
            color=colour,
            marker=marker,
            ms=4,
            lw=1.2,
            capsize=2,
            label=drawn(line.name),
        )
        if unseen and line.zero:
            panel.axhline(y[0], color=colour, ls=":", lw=1)
        if unseen and line.start is not None and metric in line.start:
            below = [(px, py) for px, py in zip(x, y, strict=True) if py < line.start[metric].mean]
            panel.plot([px for px, _ in below[:1]], [py for _, py in below[:1]], "o", mfc="none", mec=colour, ms=11)
    panel.set_xticks(list(at.values()), [words(shots) for shots in at])
    panel.set_xlabel("labels per class")
    panel.set_ylabel(drawn(f"{label(metric)} (%)"))
