"""Plotly figures as plain data; colours are variables of the style sheet, which has a light and a dark theme."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from zsl.files.escaping import plotly

Plot: TypeAlias = dict[str, Any]
"""``data`` and ``layout`` of a Plotly figure"""

COLOURS = tuple(f"--series-{i}" for i in range(8))
SCALE = tuple(f"--scale-{i}" for i in range(6))
"""colours from worst to best"""
INK, MUTED, FAINT = "--ink", "--muted", "--rule"
LEGEND_ABOVE = {"orientation": "h", "x": 0, "y": 1.03, "yanchor": "bottom"}
DASHES = ("solid", "dash", "dot", "dashdot")


def plain(words: object) -> str:
    """Escape text for Plotly, which interprets some HTML in names and labels."""
    return plotly(words)


def series(i: int) -> dict[str, Any]:
    """Return colour and dash of the i-th line."""
    return {"color": COLOURS[i % len(COLOURS)], "dash": DASHES[i // len(COLOURS) % len(DASHES)]}


def line(x: Sequence[float], y: Sequence[float], name: str, hover: str, **more: Any) -> dict[str, Any]:
    """Return a line with its hover text."""
    trace = {"type": "scatter", "mode": "lines", "x": list(x), "y": list(y), "name": plain(name)}
    return trace | {"hovertemplate": hover + "<extra></extra>"} | more


def points(x: Sequence[float], y: Sequence[float], name: str, hover: str, **more: Any) -> dict[str, Any]:
    """Return markers with their hover text."""
    return line(x, y, name, hover, **more) | {"mode": "markers"}


def axis(title: str = "", **more: Any) -> dict[str, Any]:
    """Return an axis with its title."""
    return {"title": {"text": title}, **more}


def note(words: str, x: float, y: float, **more: Any) -> dict[str, Any]:
    """Return an annotation of a plot, at fractions of its width and height unless ``more`` sets other references."""
    place = {"x": x, "y": y, "xref": "paper", "yref": "paper", "showarrow": False}
    return {"text": "<br>".join(map(plain, words.split("\n")))} | place | {"font": {"size": 12, "color": MUTED}} | more


def rule(x: float, colour: str = MUTED, dash: str = "dot") -> dict[str, Any]:
    """Return a vertical line over the whole height of a plot."""
    drawn = {"color": colour, "width": 1, "dash": dash}
    return {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper", "line": drawn}
