"""Section with plots of u, s and H against the bias γ of calibrated stacking."""

from __future__ import annotations

import numpy as np
from numpy import ndarray as Array

from zsl.outputs.result import Result
from zsl.outputs.schema import DAGGER
from zsl.reporting.html.gathered import Gathered
from zsl.reporting.html.plots import COLOURS, INK, LEGEND_ABOVE, MUTED, Plot, axis, line, note, rule
from zsl.reporting.html.section import RowFigure, Section
from zsl.reporting.html.thinning import thinned

TOLERANCE = 0.001
"""greatest deviation of a thinned curve, as a fraction of the height and width of the plot"""
MARGIN = 0.03
"""margin on either side, as a fraction of the width"""
WORTH = 0.05
"""γ is plotted where H is at least this fraction of its maximum"""


def section(gathered: Gathered) -> Section | None:
    """Return a plot per row, of its run with the median AUSUC; None where there are none."""
    typical = {i: gathered.typical(row) for i, row in gathered.plotted}
    with np.errstate(over="ignore"):
        drawn = {i: run for i, run in typical.items() if run and 0 < np.ptp(run.curve.get("gamma", [0])) < np.inf}
    plots = {i: _plot(run) for i, run in drawn.items()}
    lead = (
        "γ is subtracted from the scores of seen classes, so that values of γ cannot be compared between methods. The "
        f"plots show the range in which H is at least {WORTH:.0%} of its maximum, and marked γ near it; curves are "
        f"thinned to within {TOLERANCE:.1%} of the plot."
    )
    figure = RowFigure(
        "bias",
        f"The run with the median AUSUC. γ* maximises H on the test images: an oracle ({DAGGER}).",
        "Accuracies u and s and their harmonic mean H as functions of the stacking bias.",
        plots,
    )
    return Section("bias", "H against the stacking bias", lead, content={"pair": figure}) if plots else None


def _plot(run: Result) -> Plot:
    gamma, u, s = (np.array(run.curve[name], dtype=float) for name in ("gamma", "u", "s"))
    H = np.divide(2 * u * s, u + s, out=np.zeros_like(u), where=u + s > 0)
    best = int(H.argmax())
    marks = {"γ = 0": 0.0, f"γ*{DAGGER}": float(gamma[best])}
    if run.selection.gamma is not None:
        marks["γ chosen" + DAGGER * (run.selection.policy == "test")] = run.selection.gamma
    worth = gamma[WORTH * H.max() <= H]
    span = float(np.ptp(worth) or np.ptp(gamma))
    near = {name: x for name, x in marks.items() if worth.min() - span <= x <= worth.max() + span}
    low = min(worth.min(), *near.values()) - MARGIN * span
    high = max(worth.max(), *near.values()) + MARGIN * span
    layout = {
        "height": 380,
        "legend": LEGEND_ABOVE,
        "xaxis": axis("γ, in units of the scores", range=[low, high]),
        "yaxis": axis("accuracy (%)", range=[0, min(100.0, 1.08 * max(u.max(), s.max()))]),
        "shapes": [rule(x) for x in near.values()],
        "annotations": [
            note(name, x, 1.0 - 0.06 * i, xref="x", xanchor="left", font={"size": 11, "color": MUTED})
            for i, (name, x) in enumerate(near.items())
        ],
    }
    lines = [
        _line(gamma, y, name, low, high, colour, width)
        for y, name, colour, width in ((u, "u", COLOURS[0], 1.25), (s, "s", COLOURS[1], 1.25), (H, "H", INK, 2.25))
    ]
    far = [f"{name}: {x:.4g}, outside the plot" for name, x in marks.items() if name not in near]
    return {"data": lines, "layout": layout, "words": far}


def _line(gamma: Array, y: Array, name: str, low: float, high: float, colour: str, width: float) -> dict[str, object]:
    inside = np.flatnonzero((gamma >= low) & (gamma <= high))
    first, last = max(inside[0] - 1, 0), min(inside[-1] + 2, len(gamma))
    x, y = gamma[first:last], y[first:last]
    keep = thinned((x - low) / (high - low), y / max(float(y.max()), 1e-9), TOLERANCE)
    shown = [float(f"{value:.5g}") for value in x[keep]]
    hover = f"γ = %{{x:.4g}}<br>{name} %{{y:.1f}}"
    return line(shown, y[keep].round(2), name, hover, line={"color": colour, "width": width})
