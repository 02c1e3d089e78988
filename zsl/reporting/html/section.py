"""A section of the page and the figures in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from zsl.reporting.html.plots import Plot


@dataclass(frozen=True)
class Figure:
    """A plot with its title and caption, and with the words that say what it shows to who cannot see it."""

    id: str
    title: str
    caption: str
    alt: str
    plot: Plot


@dataclass(frozen=True)
class RowFigure:
    """A plot of its own for every row that has one; the reader chooses two rows, shown side by side."""

    id: str
    caption: str
    alt: str
    plots: Mapping[int, Plot]


@dataclass(frozen=True)
class Section:
    """A heading, a few words, and what the template shows of ``content``."""

    id: str
    title: str
    lead: str
    template: str = "figures.html"
    content: Mapping[str, Any] = field(default_factory=dict)
