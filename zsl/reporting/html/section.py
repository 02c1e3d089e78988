"""Sections of a page and their figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from zsl.reporting.html.plots import Plot


@dataclass(frozen=True)
class Figure:
    """Plot with its title, caption and text alternative."""

    id: str
    title: str
    caption: str
    alt: str
    plot: Plot


@dataclass(frozen=True)
class RowFigure:
    """Plots by row number; the reader chooses two rows, which are shown side by side."""

    id: str
    caption: str
    alt: str
    plots: Mapping[int, Plot]


@dataclass(frozen=True)
class Section:
    """Section with a heading, a lead text, and ``content`` for its template."""

    id: str
    title: str
    lead: str
    template: str = "figures.html"
    content: Mapping[str, Any] = field(default_factory=dict)
