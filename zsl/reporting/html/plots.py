"""Plotly's figures as plain data. Colours are names of the style sheet's, so that light and dark pages share a plot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from zsl.files.escaping import plotly

Plot: TypeAlias = dict[str, Any]
"""``data`` and ``layout``, as Plotly has them"""

COLOURS = tuple(f"--series-{i}" for i in range(8))
SCALE = tuple(f"--scale-{i}" for i in range(6))
"""from worst to best"""
INK, MUTED, FAINT = "--ink", "--muted", "--rule"
LEGEND_ABOVE = {"orientation": "h", "x": 0, "y": 1.03, "yanchor": "bottom"}
DASHES = ("solid", "dash", "dot", "dashdot")


def plain(words: object) -> str:
    """Text as Plotly shows it literally: it reads some HTML in names and labels."""
    return plotly(words)


def series(i: int) -> dict[str, Any]:
    """Colour and dash of the i-th of any number of lines."""
    return {"color": COLOURS[i % len(COLOURS)], "dash": DASHES[i // len(COLOURS) % len(DASHES)]}


def line(x: Sequence[float], y: Sequence[float], name: str, hover: str, **more: Any) -> dict[str, Any]:
    """A line with what it says where it is pointed at."""
    trace = {"type": "scatter", "mode": "lines", "x": list(x), "y": list(y), "name": plain(name)}
    return trace | {"hovertemplate": hover + "<extra></extra>"} | more


def points(x: Sequence[float], y: Sequence[float], name: str, hover: str, **more: Any) -> dict[str, Any]:
    """Markers, likewise."""
    return line(x, y, name, hover, **more) | {"mode": "markers"}


def axis(title: str = "", **more: Any) -> dict[str, Any]:
    """An axis with its title."""
    return {"title": {"text": title}, **more}


def note(words: str, x: float, y: float, **more: Any) -> dict[str, Any]:
    """A few words within a plot, at fractions of its width and height unless ``more`` says otherwise."""
    place = {"x": x, "y": y, "xref": "paper", "yref": "paper", "showarrow": False}
    return {"text": "<br>".join(map(plain, words.split("\n")))} | place | {"font": {"size": 12, "color": MUTED}} | more


def rule(x: float, colour: str = MUTED, dash: str = "dot") -> dict[str, Any]:
    """A vertical line over the whole height."""
    drawn = {"color": colour, "width": 1, "dash": dash}
    return {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper", "line": drawn}
