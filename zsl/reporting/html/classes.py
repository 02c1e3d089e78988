"""Section with bar plots of the accuracy of every class."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from zsl.outputs.result import Result
from zsl.reporting.html.gathered import Gathered
from zsl.reporting.html.plots import COLOURS, INK, Plot, axis, note, plain
from zsl.reporting.html.section import RowFigure, Section

GROUPS = {"u": "unseen", "s": "seen"}
GAP = 2
"""width of the gap between the two groups, in bars"""
FEW = 24
"""greatest number of bars whose classes are named on the axis"""


def section(gathered: Gathered) -> Section | None:
    """Return a plot per row, of means over its seeds; None where there are none."""
    plots = {i: _plot(runs) for i, row in gathered.plotted if _measured(runs := gathered.runs(row))}
    lead = "Per-class accuracies that u and s are means of: all classes are candidates. Mean over seeds."
    figure = RowFigure(
        "classes",
        "Unseen and seen classes, each sorted from best to worst; dotted lines: their means u and s.",
        "Bars of per-class accuracy, unseen classes left, seen classes right.",
        plots,
    )
    return Section("classes", "Classes", lead, content={"pair": figure}) if plots else None


def _measured(runs: Sequence[Result]) -> bool:
    return any(run.per_class.get(metric) for run in runs for metric in GROUPS)


def _plot(runs: Sequence[Result]) -> Plot:
    data: list[dict[str, object]] = []
    shapes, notes, start = [], [], 0
    ticks: dict[int, str] = {}
    for (metric, words), colour in zip(GROUPS.items(), COLOURS, strict=False):
        means = _means(runs, metric)
        if not means:
            continue
        x = list(range(start, start + len(means)))
        start = x[-1] + 1 + GAP
        ticks |= dict(zip(x, map(plain, means), strict=True))
        data.append(
            {
                "type": "bar",
                "name": words,
                "x": x,
                "y": [round(value, 1) for value in means.values()],
                "text": [plain(name) for name in means],
                "textposition": "none",
                "marker": {"color": colour},
                "hovertemplate": f"%{{text}}<br>{metric} %{{y:.1f}}<extra></extra>",
            }
        )
        mean = fmean(means.values())
        drawn = {"color": INK, "width": 1.25, "dash": "dot"}
        shapes.append({"type": "line", "x0": x[0] - 0.5, "x1": x[-1] + 0.5, "y0": mean, "y1": mean, "line": drawn})
        edge, side = (x[0] - 0.5, "left") if metric == "u" else (x[-1] + 0.5, "right")
        notes.append(note(f"{words}: {metric} {mean:.1f}", edge, 1.07, xref="x", xanchor=side))
    named = {"tickvals": list(ticks), "ticktext": list(ticks.values()), "tickangle": -60, "automargin": True}
    layout = {
        "height": 380,
        "bargap": 0.15,
        "showlegend": False,
        "xaxis": axis("", showgrid=False, **(named if len(ticks) <= FEW else {"showticklabels": False})),
        "yaxis": axis("accuracy (%)", range=[0, 102]),
        "shapes": shapes,
        "annotations": notes,
    }
    return {"data": data, "layout": layout}


def _means(runs: Sequence[Result], metric: str) -> dict[str, float]:
    """Return class -> mean over the runs that have test images of the class, from best to worst."""
    names = dict.fromkeys(name for run in runs for name in run.per_class.get(metric, {}))
    values = {name: [v for run in runs if (v := run.per_class.get(metric, {}).get(name)) is not None] for name in names}
    means = {name: fmean(of) for name, of in values.items() if of}
    return dict(sorted(means.items(), key=lambda pair: (-pair[1], pair[0])))
