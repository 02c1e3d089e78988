"""Section with training curves from ``metrics.csv`` of Lightning's CSV logger."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from zsl.files.regular_file import read_bytes
from zsl.reporting.html.gathered import Gathered
from zsl.reporting.html.plots import COLOURS, MUTED, Plot, axis, line, note, plain
from zsl.reporting.html.section import RowFigure, Section
from zsl.reporting.html.thinning import thinned
from zsl.reporting.table import Row

PLACES = ("metrics.csv", "csv/metrics.csv")
"""paths of logs, relative to the folder of ``result.json``"""
CLOCKS = ("step", "epoch")
"""columns of time"""
MOST = 6
"""greatest number of metrics in a plot"""
LARGEST = 2**28
"""greatest size of a log that is plotted, in bytes (256 MiB)"""
GREATEST = float(np.finfo(np.float32).max)
TOLERANCE = 0.002
"""greatest deviation of a thinned curve, as a fraction of the height and width of a panel"""

Log = Mapping[str, list[tuple[float, float]]]
"""metric -> (step, value), by step"""


def section(gathered: Gathered) -> Section | None:
    """Return a plot per row with a line per seed; None where there are none."""
    logs = {i: [_log(path) for path in row.paths] for i, row in gathered.plotted}
    plots = {i: _plot(gathered.rows[i], own) for i, own in logs.items() if any(own)}
    lead = f"Metrics logged during training, one line per seed, thinned to within {TOLERANCE:.1%} of a panel."
    figure = RowFigure("training", "By training step.", "Logged metrics against the training step.", plots)
    return Section("training", "Training", lead, content={"pair": figure}) if plots else None


def _log(path: Path) -> Log:
    """Read the valid lines of the log of a result; empty where there is no log."""
    found: dict[str, list[tuple[float, float]]] = {}
    for place in PLACES:
        try:
            text = read_bytes(path.parent / place, LARGEST).decode()
            for cells in csv.DictReader(io.StringIO(text, newline="")):
                _add(found, cells)
        except (OSError, ValueError, csv.Error):
            continue
    return {name: sorted(values) for name, values in sorted(found.items()) if len(values) > 1}


def _add(found: dict[str, list[tuple[float, float]]], cells: Mapping[str | None, str | None]) -> None:
    at = next((step for clock in CLOCKS if (step := _number(cells.get(clock))) is not None), None)
    for name, cell in cells.items():
        value = _number(cell)
        if at is not None and value is not None and name and name not in CLOCKS:
            found.setdefault(name, []).append((at, value))


def _number(cell: object) -> float | None:
    """Return the number in a cell, or None where it is no number or exceeds the range of single precision."""
    try:
        value = float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return value if abs(value) <= GREATEST else None


def _plot(row: Row, logs: Sequence[Log]) -> Plot:
    every = list(dict.fromkeys(name for log in logs for name in log))
    names = sorted(every, key=lambda name: (not name.startswith(("loss", "validation")), name))[:MOST]
    layout: dict[str, object] = {"height": 60 + 170 * len(names), "showlegend": False}
    layout["grid"] = {"rows": len(names), "columns": 1, "pattern": "independent", "ygap": 0.35}
    data, notes = [], []
    for panel, name in enumerate(names):
        own = "" if panel == 0 else str(panel + 1)
        layout[f"xaxis{own}"] = axis("step" if panel == len(names) - 1 else "")
        layout[f"yaxis{own}"] = axis("")
        notes.append(note(name, 0, 1, xref=f"x{own} domain", yref=f"y{own} domain", xanchor="left", yanchor="bottom"))
        for place, (seed, log) in enumerate(zip(row.seeds, logs, strict=True)):
            if name in log:
                x, y = (np.array(values) for values in zip(*log[name], strict=True))
                keep = thinned(_unit(x), _unit(y), TOLERANCE)
                hover = f"seed {seed}, step %{{x}}<br>{plain(name)} %{{y:.4g}}"
                look = {"color": COLOURS[place % len(COLOURS)], "width": 1.25}
                values = [float(f"{value:.5g}") for value in y[keep]]
                places = {"xaxis": f"x{own}", "yaxis": f"y{own}"}
                data.append(line(x[keep].tolist(), values, f"seed {seed}", hover, line=look, **places))
    if len(every) > len(names):
        notes.append(
            note(f"and {len(every) - len(names)} more in metrics.csv", 1, 0, xanchor="right", font={"color": MUTED})
        )
    return {"data": data, "layout": layout | {"annotations": notes}}


def _unit(values: np.ndarray) -> np.ndarray:
    """Scale values to [0, 1]."""
    span = float(np.ptp(values))
    scaled: np.ndarray = (values - values.min()) / span if span > 0 else np.zeros(len(values))
    return scaled
