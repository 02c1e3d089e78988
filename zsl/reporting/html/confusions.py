"""Section with bar plots of the most frequent wrong answers."""

from __future__ import annotations

import logging
from pathlib import Path

from zsl.errors import InputError
from zsl.outputs.result import Result
from zsl.reporting.comparison.confused import AMONG, ConfusedPair, confusions
from zsl.reporting.comparison.predictions import Predicted, read
from zsl.reporting.html.gathered import Gathered
from zsl.reporting.html.plots import COLOURS, Plot, axis, plain
from zsl.reporting.html.section import RowFigure, Section

MOST = 15
"""greatest number of pairs in a plot"""
NAMED = 5
"""greatest number of images of a pair that are named"""
log = logging.getLogger(__name__)


def section(gathered: Gathered) -> Section | None:
    """Return plots of the run with the smallest seed of every row that has predictions; None where there are none."""
    runs = {i: run for i, row in gathered.plotted if (run := _first(row.paths, gathered)) is not None}
    figures = []
    for group, colour in zip(AMONG, COLOURS, strict=False):
        found = {i: confusions([run], group)[:MOST] for i, run in runs.items()}
        figures.append(
            RowFigure(
                f"confusions-{group}",
                f"Images of {group} classes: true class → predicted class. Hover over a bar for some of the images.",
                f"Bars of the numbers of images of {group} classes that were taken for another class, by pair.",
                {i: _plot(pairs, colour) for i, pairs in found.items() if pairs},
            )
        )
    lead = (
        f"The {MOST} most frequent wrong answers, all classes being candidates, of the run with the smallest seed that "
        "has predictions (save.predictions=true); zsl confusions lists all."
    )
    shown = [figure for figure in figures if figure.plots]
    return Section("confusions", "Confusions", lead, content={"pairs": shown}) if shown else None


def _first(paths: tuple[Path, ...], gathered: Gathered) -> Predicted | None:
    results: list[tuple[Path, Result]] = [(path, gathered.results[path]) for path in paths]
    for path, result in sorted(results, key=lambda pair: pair[1].seed):
        try:
            if (found := read(result, path)) is not None:
                return found
        except InputError as error:
            log.warning("%s; its confusions are left out", error)
    return None


def _plot(pairs: list[ConfusedPair], colour: str) -> Plot:
    pairs = pairs[::-1]  # the first bar is drawn at the bottom
    named = ["".join(f"<br>{plain(image)}" for image in pair.images[:NAMED]) for pair in pairs]
    data = {
        "type": "bar",
        "orientation": "h",
        "x": [pair.count for pair in pairs],
        "y": [f"{plain(pair.true)} → {plain(pair.predicted)}" for pair in pairs],
        "text": [f"{pair.share:.0%} of the class{images}" for pair, images in zip(pairs, named, strict=True)],
        "textposition": "none",
        "marker": {"color": colour},
        "hovertemplate": "%{y}<br>%{x} images, %{text}<extra></extra>",
    }
    layout = {
        "height": 120 + 22 * len(pairs),
        "bargap": 0.25,
        "xaxis": axis("images"),
        "yaxis": axis("", automargin=True, type="category"),
    }
    return {"data": [data], "layout": layout}
