"""Section on hubness, with histograms of how often classes are predicted."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from zsl.outputs.result import Result
from zsl.reporting.html.gathered import Gathered
from zsl.reporting.html.plots import COLOURS, LEGEND_ABOVE, Plot, axis
from zsl.reporting.html.section import RowFigure, Section
from zsl.reporting.occurrences import BINS, MATRICES, histogram, measures
from zsl.reporting.wording import label


def section(gathered: Gathered) -> Section | None:
    """Return a histogram per row; None where there are none."""
    plots = {i: plot for i, row in gathered.plotted if (plot := _plot(gathered.runs(row)))}
    lead = (
        "N₁ of a class counts the images for which it is predicted; μ is the mean of N₁ over classes. Hubs, on the "
        "right, are predicted for far too many images, antihubs (N = 0) for none. Mean over seeds."
    )
    figure = RowFigure(
        "hubness",
        "Share of classes by N₁, with unseen classes (ZSL) and with all classes (GZSL) as candidates.",
        "Histogram of the number of images for which each class is predicted.",
        plots,
    )
    return Section("hubness", "Hubness", lead, content={"pair": figure}) if plots else None


def _plot(runs: Sequence[Result]) -> Plot | None:
    data: list[dict[str, object]] = []
    words = []
    for (among, matrix), colour in zip(MATRICES.items(), COLOURS, strict=False):
        counts = [run.hubness[matrix] for run in runs if run.hubness and sum(run.hubness[matrix]["N1"])]
        if not counts:
            continue
        shares = [_percent(histogram(list(count["N1"]))) for count in counts]
        found = [measures(1, list(count["N1"]), list(count["bad_N1"])) for count in counts]
        words.append(f"among {among}: " + " · ".join(f"{label(n)} {fmean(m[n] for m in found):.2f}" for n in found[0]))
        data.append(
            {
                "type": "bar",
                "name": f"among {among} classes",
                "x": list(BINS),
                "y": [round(fmean(share[name] for share in shares), 2) for name in BINS],
                "marker": {"color": colour},
                "hovertemplate": "%{x}<br>%{y:.1f} % of classes<extra></extra>",
            }
        )
    layout = {
        "height": 380,
        "legend": LEGEND_ABOVE,
        "barmode": "group",
        "bargap": 0.25,
        "xaxis": axis("N₁ of a class"),
        "yaxis": axis("% of classes"),
    }
    return {"data": data, "layout": layout, "words": words} if data else None


def _percent(counts: dict[str, float]) -> dict[str, float]:
    total = sum(counts.values())
    return {name: 100 * count / total for name, count in counts.items()}
