"""Seen-unseen curves: what s is paid for u by the stacking bias."""

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

Drawn: TypeAlias = tuple[int, Row, Result]
"""a row's number, the row, and the run whose curve stands for it"""

VISIBLE = 8
"""curves shown from the start; the legend brings the others"""
TOLERANCE = 0.1
"""percentage points, less than a pixel, by which a curve may move when it is thinned"""


def section(gathered: Gathered) -> Section | None:
    """A figure a data set, a curve a row."""
    figures = [
        Figure(
            f"curve-{i}",
            title,
            f"The {VISIBLE} best of {len(own)} by H; the legend shows the others." if len(own) > VISIBLE else "",
            f"Seen against unseen accuracy under calibrated stacking on {title}, {len(own)} rows.",
            _plot(gathered, own),
        )
        for i, (title, rows) in enumerate(gathered.by_data())
        if (own := _by_standing(gathered, rows))
    ]
    lead = (
        "Every stacking bias γ at once, from all answers seen (left) to all unseen (right): exact. A curve "
        "a row, that of its run with the median AUSUC; ● the row's means at γ = 0, ◆ at the chosen γ; dotted, "
        f"equal H. Thinned to within {TOLERANCE} percentage points."
    )
    return Section("curves", "Seen-unseen curves", lead, content={"figures": figures}) if figures else None


def _by_standing(gathered: Gathered, rows: Sequence[Numbered]) -> list[Drawn]:
    """The rows that have curves, by H from best to worst, those chosen on the test set last."""
    own = [(i, row, run) for i, row in rows if (run := gathered.typical(row)) is not None]
    return sorted(own, key=lambda drawn: gathered.standing(drawn[1]))


def _plot(gathered: Gathered, rows: Sequence[Drawn]) -> Plot:
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
    """s = Hu / (2u - H)."""
    u = np.geomspace(H / 2 * 1.001, top, 40)
    s = H * u / (2 * u - H)
    inside = s <= top
    look = {"color": FAINT, "width": 1, "dash": "dot"}
    x, y = u[inside].round(2).tolist(), s[inside].round(2).tolist()
    return line(x, y, f"H = {H}", "", line=look, showlegend=False, hoverinfo="skip")
