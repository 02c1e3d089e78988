"""Figure of selective risk against coverage."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from zsl.files.escaping import drawn
from zsl.reporting.drawing import image, style
from zsl.reporting.risk_coverage import GROUPS, RiskLine

DASHES = ("-", "--", ":", "-.")
FEW = 0.05
"""coverage below which a risk may lie outside the panel"""


def draw(lines: Sequence[RiskLine], form: str) -> bytes:
    """Draw panels of all, seen and unseen images for every data set, as an image file of the format ``form``.

    A curve is the mean over seeds, with its 95 % interval as a band; the legend has its AURC. Equal lines give
    identical bytes.
    """
    places = list(dict.fromkeys(line.place for line in lines))
    with style():
        page = Figure(figsize=(10, 3.4 * len(places)), layout="constrained")
        panels = page.subplots(len(places), len(GROUPS), squeeze=False, sharex=True, sharey="row")
        for across, place in zip(panels, places, strict=True):
            own = [line for line in lines if line.place == place]
            for panel, group in zip(across, GROUPS, strict=True):
                _panel(panel, own, group)
            across[0].set_ylabel("selective risk")
            across[0].set_ylim(0, _top(own))
            protocol, data, phi = place
            words = f"{data} ({protocol}), {phi}" + ", calibrated" * own[0].calibrated
            across[0].set_title(drawn(f"{words}: {GROUPS[0]} images"), loc="left", fontsize=8)
        return image(page, form)


def _top(lines: Sequence[RiskLine]) -> float:
    """Return the upper end of the axis: above all risks but those of the first few answers, of which one may be all."""
    risks = [
        risk.mean
        for line in lines
        for group in line.curves
        for at, risk in zip(line.grid(group), line.at(group, line.grid(group)), strict=True)
        if at >= FEW
    ]
    return 1.05 * max(*risks, 0.01)


def _panel(panel: Axes, lines: Sequence[RiskLine], group: str) -> None:
    for i, line in enumerate(lines):
        if group not in line.curves:
            continue
        at = line.grid(group)
        found = line.at(group, at)
        risk, half = (np.array(values) for values in ([each.mean for each in found], [each.ci or 0 for each in found]))
        colour, dash = f"C{i % 10}", DASHES[i // 10 % len(DASHES)]
        label = drawn(f"{line.name} (AURC {line.area(group).mean:.3f})")
        panel.plot(at, risk, dash, color=colour, lw=1.2, label=label)
        if half.any():
            low, high = np.clip(risk - half, 0, 1), np.clip(risk + half, 0, 1)
            panel.fill_between(at, low, high, color=colour, alpha=0.15, lw=0)
    panel.set_title(f"{group} images", loc="left", fontsize=8)
    panel.set_xlim(0, 1)
    panel.set_xlabel("coverage")
    if any(group in line.curves for line in lines):
        panel.legend(fontsize=6)
