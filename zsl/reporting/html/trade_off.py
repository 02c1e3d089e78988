"""Section with seen-unseen curves: the trade-off between u and s by the stacking bias."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from zsl.outputs.result import Result
from zsl.outputs.schema import DAGGER
from zsl.reporting.html.gathered import Gathered, Numbered
from zsl.reporting.html.plots import FAINT, MUTED, Plot, axis, line, note, plain, points, series
from zsl.reporting.html.section import Figure, Section
from zsl.reporting.html.thinning import thinned
from zsl.reporting.table import Row

Plotted: TypeAlias = tuple[int, Row, Result]
"""number of a row, the row, and the run whose curve is plotted"""

VISIBLE = 8
"""number of curves that are visible at first; others are switched on in the legend"""
TOLERANCE = 0.1
"""greatest deviation of a thinned curve in percentage points, less than a pixel"""


def section(gathered: Gathered) -> Section | None:
    """Return a figure per data set with a curve per row; None where there are none."""
    figures = [
        Figure(
            f"curve-{i}",
            title,
            f"The best {VISIBLE} of {len(own)} by H; click the legend to show others." if len(own) > VISIBLE else "",
            f"Seen against unseen accuracy under calibrated stacking on {title}, {len(own)} rows.",
            _plot(gathered, own),
        )
        for i, (title, rows) in enumerate(gathered.by_data())
        if (own := _ranked(gathered, rows))
    ]
    lead = (
        "u and s at every stacking bias γ: on the left only seen classes are predicted, on the right only unseen ones. "
        "One curve per row, of its run with the median AUSUC; ● mean of the row at γ = 0, ◆ at the chosen γ; dotted "
        f"lines: equal H. Curves are exact, then thinned to within {TOLERANCE} percentage points."
    )
    return Section("curves", "Seen-unseen curves", lead, content={"figures": figures}) if figures else None


def _ranked(gathered: Gathered, rows: Sequence[Numbered]) -> list[Plotted]:
    """Return the rows that have curves by H, best first, and rows chosen on the test set last."""
    own = [(i, row, run) for i, row in rows if (run := gathered.typical(row)) is not None]
    return sorted(own, key=lambda plotted: gathered.sort_key(plotted[1]))


def _plot(gathered: Gathered, rows: Sequence[Plotted]) -> Plot:
    data, top = [], 1.0
    for place, (i, row, run) in enumerate(rows):
        u, s = (np.array(run.curve[axis_], dtype=float) for axis_ in "us")
        keep = thinned(u, s, TOLERANCE)
        name, look = gathered.names[i], series(place)
        top = max(top, u.max(), s.max())
        shown = {"legendgroup": f"row{i}"} | ({} if place < VISIBLE else {"visible": "legendonly"})
        hover = f"{plain(name)}<br>u %{{x:.1f}}, s %{{y:.1f}}"
        data.append(line(u[keep].round(2), s[keep].round(2), name, hover, line=look | {"width": 1.75}, **shown))
        for suffix, symbol in (("", "circle"), ("_calibrated", "diamond")):
            at = [row.metrics.get(m + suffix) or row.metrics.get(m + suffix + DAGGER) for m in "us"]
            if at[0] and at[1]:
                marker = {"color": look["color"], "symbol": symbol, "size": 9, "line": {"width": 1, "color": "--paper"}}
                data.append(
                    points(
                        [round(at[0].mean, 2)],
                        [round(at[1].mean, 2)],
                        name,
                        hover,
                        marker=marker,
                        showlegend=False,
                        **shown,
                    )
                )
    top = min(100.0, top * 1.04)
    contours = [_contour(H, top) for H in range(10, 100, 10) if top > H]
    labels = [
        note(f"H {H}", H, H, xref="x", yref="y", font={"size": 10, "color": MUTED})
        for H in range(10, 100, 10)
        if top > H
    ]
    layout = {
        "height": 520,
        "xaxis": axis("u, accuracy on unseen classes (%)", range=[0, top]),
        "yaxis": axis("s, accuracy on seen classes (%)", range=[0, top]),
        "annotations": labels,
    }
    return {"data": contours + data, "layout": layout}


def _contour(H: int, top: float) -> dict[str, object]:
    """Return the contour s = Hu / (2u - H) of equal H."""
    u = np.geomspace(H / 2 * 1.001, top, 40)
    s = H * u / (2 * u - H)
    inside = s <= top
    look = {"color": FAINT, "width": 1, "dash": "dot"}
    x, y = u[inside].round(2).tolist(), s[inside].round(2).tolist()
    return line(x, y, f"H = {H}", "", line=look, showlegend=False, hoverinfo="skip")
