"""Synthetic features beside real ones."""

from __future__ import annotations

from collections.abc import Sequence

from zsl.outputs.result import Result
from zsl.outputs.schema import DAGGER
from zsl.reporting.html.gathered import Gathered
from zsl.reporting.html.plots import COLOURS, LEGEND_ABOVE, MUTED, Plot, axis, plain
from zsl.reporting.html.section import RowFigure, Section

NEAR = "synthetic_near_own"


def section(gathered: Gathered) -> Section | None:
    """Class means in a plane, a plot a row that has synthetic features."""
    plots = {i: _plot(run) for i, row in gathered.drawn if (run := _first(gathered.runs(row)))}
    figure = RowFigure(
        "synthetic",
        "Means of every seen class, real and synthetic, in the plane of the first two principal components of the real "
        "ones; a line links the two of a class. The run with the smallest seed.",
        "Means of real and of synthetic features of seen classes in two dimensions.",
        plots,
    )
    lead = "Where a generator has learned a class, its synthetic features lie about the mean of the real ones."
    return Section("synthetic", "Synthetic features", lead, content={"pair": figure}) if plots else None


def _first(runs: Sequence[Result]) -> Result | None:
    return min((run for run in runs if run.synthetic), key=lambda run: run.seed, default=None)


def _plot(run: Result) -> Plot:
    means = run.synthetic
    names = [plain(name) for name in means["classes"]]
    links: dict[str, list[float | None]] = {
        of: [value for pair in zip(means[f"real_{of}"], means[f"made_{of}"], strict=True) for value in (*pair, None)]
        for of in "xy"
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
                "x": list(means[f"{of}_x"]),
                "y": list(means[f"{of}_y"]),
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
    words = [] if near is None else [f"seen classes whose synthetic features are nearest to their own mean: {near:.0%}"]
    layout = {
        "height": 460,
        "legend": LEGEND_ABOVE,
        "xaxis": axis("first principal component"),
        "yaxis": axis("second", scaleanchor="x"),
    }
    return {"data": data, "layout": layout, "words": words}
