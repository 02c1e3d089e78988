"""u, s and H against the bias γ of calibrated stacking."""

from __future__ import annotations

import numpy as np
from numpy import ndarray as Array

from zsl.reporting.html.gathered import Gathered
from zsl.reporting.html.plots import COLOURS, INK, LEGEND_ABOVE, MUTED, Plot, axis, line, note, rule
from zsl.reporting.html.section import RowFigure, Section
from zsl.reporting.html.thinning import thinned
from zsl.reporting.result import Result
from zsl.reporting.schema import DAGGER

TOLERANCE = 0.001
"""of the height and of the width of the plot"""
WORTH = 0.05
"""γ is drawn where H is at least this share of its best"""


def section(gathered: Gathered) -> Section | None:
    """A plot a row, of the run with the median AUSUC."""
    plots = {
        i: _plot(run)
        for i, row in enumerate(gathered.rows)
        if len((run := gathered.median(row, "AUSUC")).curve.get("gamma", ())) > 1
    }
    lead = (
        "γ is taken off the scores of seen classes, in their own units, so that its values cannot be compared between "
        f"methods. Drawn where H is at least {WORTH:.0%} of its best, or a marked γ lies; thinned to within "
        f"{TOLERANCE:.1%} of the plot."
    )
    figure = RowFigure(
        "bias",
        f"The run with the median AUSUC. γ* is the best on the test images themselves, an oracle ({DAGGER}).",
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
    low, high = min(worth.min(), *marks.values()), max(worth.max(), *marks.values())
    margin = 0.03 * (high - low or 1.0)
    low, high = low - margin, high + margin
    layout = {
        "height": 380,
        "legend": LEGEND_ABOVE,
        "xaxis": axis("γ, in units of the scores", range=[low, high]),
        "yaxis": axis("accuracy (%)", range=[0, min(100.0, 1.08 * max(u.max(), s.max()))]),
        "shapes": [rule(x) for x in marks.values()],
        "annotations": [
            note(name, x, 1.0 - 0.06 * i, xref="x", xanchor="left", font={"size": 11, "color": MUTED})
            for i, (name, x) in enumerate(marks.items())
        ],
    }
    lines = [
        _line(gamma, y, name, low, high, colour, width)
        for y, name, colour, width in ((u, "u", COLOURS[0], 1.25), (s, "s", COLOURS[1], 1.25), (H, "H", INK, 2.25))
    ]
    return {"data": lines, "layout": layout}


def _line(gamma: Array, y: Array, name: str, low: float, high: float, colour: str, width: float) -> dict[str, object]:
    inside = np.flatnonzero((gamma >= low) & (gamma <= high))
    first, last = max(inside[0] - 1, 0), min(inside[-1] + 2, len(gamma))
    x, y = gamma[first:last].clip(low, high), y[first:last]
    keep = thinned((x - low) / (high - low), y / max(float(y.max()), 1e-9), TOLERANCE)
    shown = [float(f"{value:.5g}") for value in x[keep]]
    hover = f"γ = %{{x:.4g}}<br>{name} %{{y:.1f}}"
    return line(shown, y[keep].round(2), name, hover, line={"color": colour, "width": width})
