"""Section that compares means of synthetic features with means of real ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zsl.outputs.result import Result
from zsl.outputs.schema import DAGGER
from zsl.reporting.html.gathered import Gathered
from zsl.reporting.html.plots import COLOURS, LEGEND_ABOVE, MUTED, Plot, axis, plain
from zsl.reporting.html.section import RowFigure, Section
from zsl.reporting.robust_limits import Limits, note

NEAR = "synthetic_near_own"


def section(gathered: Gathered) -> Section | None:
    """Return a plot of class means per row that has synthetic features; None where there are none."""
    plots = {i: _plot(run) for i, row in gathered.plotted if (run := _first(gathered.runs(row)))}
    figure = RowFigure(
        "synthetic",
        "Means of the real and of the synthetic features of every seen class, projected on the first two principal "
        "components of the real ones; lines connect the two means of a class. The run with the smallest seed.",
        "Means of real and of synthetic features of seen classes in two dimensions.",
        plots,
    )
    lead = "Where a generator has learned a class, its synthetic features have nearly the mean of the real ones."
    return Section("synthetic", "Synthetic features", lead, content={"pair": figure}) if plots else None


def _first(runs: Sequence[Result]) -> Result | None:
    return min((run for run in runs if run.synthetic), key=lambda run: run.seed, default=None)


def _plot(run: Result) -> Plot:
    means = run.synthetic
    names = [plain(name) for name in means["classes"]]
    points = {of: np.array([means[f"{of}_x"], means[f"{of}_y"]], dtype=float).T for of in ("real", "made")}
    every = np.concatenate(list(points.values()))
    limits = Limits.of(every)
    drawn = {of: limits.clipped(own) for of, own in points.items()}
    links: dict[str, list[float | None]] = {
        of: [value for pair in zip(drawn["real"][:, i], drawn["made"][:, i], strict=True) for value in (*pair, None)]
        for i, of in enumerate("xy")
    }
    data = [
        {
            "type": "scatter",
            "mode": "lines",
            **links,
            "line": {"color": MUTED, "width": 1},
            "hoverinfo": "skip",
            "showlegend": False,
        },
        *(
            {
                "type": "scatter",
                "mode": "markers",
                "name": words,
                "x": drawn[of][:, 0].tolist(),
                "y": drawn[of][:, 1].tolist(),
                "text": names,
                "marker": {"color": colour, "symbol": symbol, "size": 7},
                "hovertemplate": f"%{{text}}, {words}<extra></extra>",
            }
            for of, words, colour, symbol in (
                ("real", "real", COLOURS[0], "circle"),
                ("made", "synthetic", COLOURS[1], "diamond"),
            )
        ),
    ]
    near = run.metrics.get(NEAR, run.metrics.get(NEAR + DAGGER))
    far = note(int(limits.beyond(every).sum()))
    words = [far] if far else []
    words += (
        [] if near is None else [f"seen classes whose synthetic features are nearest to their own mean: {near:.0%}"]
    )
    layout = {
        "height": 460,
        "legend": LEGEND_ABOVE,
        "xaxis": axis("first principal component"),
        "yaxis": axis("second principal component", scaleanchor="x"),
    }
    return {"data": data, "layout": layout, "words": words}
