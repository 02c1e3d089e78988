"""Section on hyperparameter searches: trials with their scores, and importance of hyperparameters."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from zsl.outputs.result import Result
from zsl.reporting.html.gathered import Gathered
from zsl.reporting.html.importance import GRID, full, main_effects
from zsl.reporting.html.plots import FAINT, INK, MUTED, SCALE, Plot, axis, note, plain
from zsl.reporting.html.section import RowFigure, Section
from zsl.reporting.table import leaves

OUTCOMES = frozenset({"epochs"})
"""keys of a trial that early stopping sets, not the search"""
FEW = 12
"""greatest number of distinct values that an axis labels one by one"""


def section(gathered: Gathered) -> Section | None:
    """Return parallel coordinates and importance per row; None where there are none."""
    tried = {i: _tried(gathered.runs(row)) for i, row in gathered.plotted}
    found = {i: (points, scores, name) for i, (points, scores, name) in tried.items() if len(points) > 1}
    if not found:
        return None
    lines = RowFigure(
        "search",
        "One line per trial, darker for higher scores; scores on the data of the selection, mean over seeds.",
        "Parallel coordinates: hyperparameters and scores of trials.",
        {i: _coordinates(points, scores, name) for i, (points, scores, name) in found.items()},
    )
    bars = RowFigure(
        "importance",
        "Share of the score's variance that each hyperparameter explains (η², main effect of functional ANOVA).",
        "Bars of the importance of hyperparameters.",
        {i: plot for i, (points, scores, _) in found.items() if (plot := _importance(points, scores))},
    )
    lead = (
        "Completed trials of the hyperparameter search. The difference of the summed importances to 100 % is "
        f"interaction; for importance, numbers with more than {GRID} values are divided at their quartiles."
    )
    return Section("search", "Search for hyperparameters", lead, content={"pairs": [lines, bars]})


def _tried(runs: Sequence[Result]) -> tuple[list[dict[str, Any]], list[float], str]:
    """Return points, their scores (mean over seeds) from worst to best, and the name of the objective.

    Trials that diverged or were pruned have no comparable score, and are left out.
    """
    objective = str(dict(leaves(runs[0].config)).get("selection.objective", "T1"))
    scores = defaultdict(list)
    for run in runs:
        for trial in run.selection.trials:
            point, score = trial.get("chosen"), trial.get(objective)
            if (
                "pruned" not in trial
                and isinstance(point, dict)
                and isinstance(score, int | float)
                and 0 <= score <= 100
            ):
                kept = {key: value for key, value in point.items() if key not in OUTCOMES}
                scores[json.dumps(kept, sort_keys=True)].append(float(score))
    ranked = sorted(((fmean(own), point) for point, own in scores.items()))
    return [json.loads(point) for _, point in ranked], [score for score, _ in ranked], objective


def _coordinates(points: Sequence[dict[str, Any]], scores: Sequence[float], objective: str) -> Plot:
    names = [*dict.fromkeys(name for point in points for name in point)]
    columns = [_placed([point.get(name) for point in points]) for name in names]
    low, high = scores[0], scores[-1]
    heights = [*(place for place, _ in columns), [(score - low) / (high - low or 1) for score in scores]]
    ticks = [*(words for _, words in columns), {0.0: f"{low:.1f}", 1.0: f"{high:.1f}"}]
    data = []
    for i, (point, score) in enumerate(zip(points, scores, strict=True)):
        share, best = (score - low) / (high - low or 1), i == len(points) - 1
        words = "<br>".join(plain(f"{name} = {value}") for name, value in point.items())
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": list(range(len(heights))),
                "y": [round(place[i], 4) for place in heights],
                "line": {"color": SCALE[round(share * (len(SCALE) - 1))], "width": 2.5 if best else 1.25},
                "hovertemplate": f"{words}<br>{plain(objective)} {score:.1f}<extra></extra>",
            }
        )
    labels = [
        note(
            text, x, y, xref="x", yref="y", xanchor="left", xshift=4, font={"size": 11, "color": INK}, bgcolor="--veil"
        )
        for x, words in enumerate(ticks)
        for y, text in words.items()
    ]
    layout = {
        "height": 380,
        "showlegend": False,
        "hovermode": "closest",
        "margin": {"t": 40, "b": 12, "l": 12, "r": 12},
        "xaxis": axis(
            tickvals=list(range(len(heights))),
            ticktext=[plain(name) for name in (*names, objective)],
            range=[-0.1, len(heights) - 0.7],
            side="top",
            showline=False,
            showgrid=False,
            zeroline=False,
        ),
        "yaxis": axis(visible=False, range=[-0.06, 1.06]),
        "shapes": [
            {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "line": {"color": FAINT, "width": 1}, "layer": "below"}
            for x in range(len(heights))
        ],
        "annotations": labels,
    }
    return {"data": data, "layout": layout}


def _placed(values: Sequence[Any]) -> tuple[list[float], dict[float, str]]:
    """Return positions of values on an axis from 0 to 1, and the labels of the axis by position.

    A few values have equal distances; many numbers are to scale, logarithmic if they span a factor of 100.
    """
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    distinct = sorted(
        set(map(json.dumps, values)), key=lambda text: (not _numeric(text), _numeric(text) and float(text), text)
    )
    if len(numbers) == len(values) and len(distinct) > FEW:
        logarithmic = min(numbers) > 0 and max(numbers) >= 100 * min(numbers)
        placed = [math.log(number) if logarithmic else float(number) for number in numbers]
        low, span = min(placed), max(placed) - min(placed)
        return [(place - low) / span for place in placed], {0.0: f"{min(numbers):.3g}", 1.0: f"{max(numbers):.3g}"}
    step = 1 / max(1, len(distinct) - 1)
    places = {text: i * step for i, text in enumerate(distinct)}
    return [places[json.dumps(value)] for value in values], {place: text.strip('"') for text, place in places.items()}


def _numeric(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _importance(points: Sequence[dict[str, Any]], scores: Sequence[float]) -> Plot | None:
    shares = main_effects(points, scores)
    if not shares:
        return None
    rest = 1 - sum(shares.values())
    every = shares | ({"(interactions)": rest} if full(points) and len(shares) > 1 else {})
    names = [plain(name) for name in every]
    bars = {
        "type": "bar",
        "orientation": "h",
        "x": [round(100 * share, 1) for share in every.values()],
        "y": names,
        "marker": {"color": [SCALE[4]] * len(shares) + [MUTED]},
        "hovertemplate": "%{y}: %{x:.1f} %<extra></extra>",
    }
    layout = {
        "height": 110 + 30 * len(names),
        "showlegend": False,
        "xaxis": axis("% of the score's variance", range=[0, 100]),
        "yaxis": axis(automargin=True, autorange="reversed", type="category", ticklabelstandoff=6),
    }
    return {"data": [bars], "layout": layout}
