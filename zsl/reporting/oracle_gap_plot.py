"""Figure of what choosing on the test set adds."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from zsl.files.escaping import drawn
from zsl.outputs.schema import DAGGER
from zsl.reporting.drawing import image, style
from zsl.reporting.oracle_gap import GAPS, OracleGap
from zsl.reporting.wording import label

AROUND, EACH, APART = 1.2, 0.3, 0.12
"""inches of a panel without lines, and of each line; how far the two means are from its middle, as a part of it"""


def draw(gaps: Sequence[OracleGap], form: str) -> bytes:
    """Draw a panel for every data set and metric, with a line for each method, as an image of the format ``form``.

    A line goes from the mean that was chosen on validation classes to that chosen on the test set, with 95 % intervals.
    Equal gaps give identical bytes.
    """
    places = dict.fromkeys((gap.row.key.data_title, name) for gap in gaps for name in GAPS.values() if name in gap.of)
    own = {
        (data, name): [gap for gap in gaps if gap.row.key.data_title == data and name in gap.of]
        for data, name in places
    }
    heights = [AROUND + EACH * len(of) for of in own.values()]
    with style():
        page = Figure(figsize=(8, sum(heights)), layout="constrained")
        panels = page.subplots(len(own), 1, squeeze=False, height_ratios=heights)[:, 0]
        for panel, ((data, name), of) in zip(panels, own.items(), strict=True):
            _panel(panel, of, name)
            panel.set_title(drawn(data), loc="left", fontsize=8)
        return image(page, form)


def _panel(panel: Axes, gaps: Sequence[OracleGap], name: str) -> None:
    gaps = sorted(gaps, key=lambda gap: gap.of[name].gain.mean)
    found = [gap.of[name] for gap in gaps]
    for side, away, marker, words in (
        ([of.on_validation for of in found], APART, "o", "chosen on validation classes"),
        ([of.on_test for of in found], -APART, "D", f"chosen on the test set {DAGGER}"),
    ):
        means, halves = [each.mean for each in side], [each.ci or 0 for each in side]
        y = [place + away for place in range(len(found))]
        panel.errorbar(means, y, xerr=halves, fmt=marker, ms=5, lw=1, capsize=2, label=words)
    for i, of in enumerate(found):
        panel.plot([of.on_validation.mean, of.on_test.mean], [i + APART, i - APART], color="0.6", lw=2, zorder=0)
        right = max(each.mean + (each.ci or 0) for each in (of.on_validation, of.on_test))
        panel.annotate(f"{of.gain.mean:+.1f}", (right, i), (5, 0), textcoords="offset points", va="center", fontsize=7)
    panel.set_yticks(range(len(found)), [drawn(gap.row.key.method) for gap in gaps])
    panel.set_ylim(-0.7, len(found) - 0.3)
    panel.set_xlabel(drawn(f"{label(name)} (%)"))
    panel.margins(x=0.12)
    panel.legend(fontsize=7, loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False)
