"""Section with accuracy against labels per class."""

from __future__ import annotations

from collections.abc import Sequence

from zsl.reporting.html.gathered import Gathered
from zsl.reporting.html.plots import Plot, axis, line, plain, series
from zsl.reporting.html.section import Figure, Section
from zsl.reporting.label_budget import LabelBudget, budgets, has_shots, places, shown, words
from zsl.reporting.wording import label


def section(gathered: Gathered) -> Section | None:
    """Return a figure of u and one of s per data set with a line per method; None where no run has ``data.shots``."""
    if not has_shots(gathered.rows):
        return None
    found, figures = budgets(gathered.rows), []
    for i, key in enumerate(dict.fromkeys(each.place for each in found)):
        own = [each for each in found if each.place == key]
        unseen = shown(own)[0]
        crossings = [f"{each.name}: {each.crossing(unseen)}" for each in own if each.crossing(unseen)]
        for metric in shown(own):
            caption = "Labels cost u between: " + "; ".join(crossings) + "." if metric[0] == "u" and crossings else ""
            alt = f"{label(metric)} against labels per class on {key[1]}, {len(own)} methods."
            title = f"{label(metric)}, {key[1]} ({key[0]}), {key[2]}"
            figures.append(Figure(f"shots-{i}-{metric}", title, caption, alt, _plot(own, metric)))
    lead = (
        "Accuracy by labelled training images of every seen class (data.shots); bars: 95 % intervals over seeds and "
        "draws. 0 labels: nothing is learned from an image of the data set."
    )
    return Section("shots", "Labels per class", lead, content={"figures": figures, "beside": True})


def _plot(lines: Sequence[LabelBudget], metric: str) -> Plot:
    at, data = places(lines), []
    for i, own in enumerate(lines):
        known = [(shots, found[metric]) for shots, found in own.points.items() if metric in found]
        bars = {"type": "data", "array": [round(found.ci or 0, 2) for _, found in known], "thickness": 1}
        hover = f"{plain(own.name)}<br>{label(metric)} %{{y:.1f}}"
        x, y = [at[shots] for shots, _ in known], [round(found.mean, 2) for _, found in known]
        data.append(line(x, y, own.name, hover, line=series(i), mode="lines+markers", error_y=bars))
    ticks = {"tickvals": list(at.values()), "ticktext": [words(shots) for shots in at]}
    layout = {
        "height": 380,
        "xaxis": axis("labels per class", **ticks),
        "yaxis": axis(f"{label(metric)} (%)", rangemode="tozero"),
    }
    return {"data": data, "layout": layout}
