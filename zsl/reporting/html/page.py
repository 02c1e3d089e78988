"""Runs -> one HTML file that needs nothing else: its sections in order, the style sheet and the scripts within."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zsl import __version__
from zsl.errors import InputError
from zsl.files.escaping import lines
from zsl.outputs.result import Result
from zsl.reporting.html import (
    bias,
    classes,
    datasets,
    occurrences,
    oracle_gap,
    reproduction,
    results,
    runs,
    search,
    synthetic,
    trade_off,
    training,
)
from zsl.reporting.html.gathered import Gathered
from zsl.reporting.html.section import Section
from zsl.reporting.layout import sheets
from zsl.reporting.table import Row

if TYPE_CHECKING:
    from jinja2 import Environment

OVERVIEW: tuple[Callable[[Gathered], Section | None], ...] = (
    results.section,
    reproduction.section,
    trade_off.section,
    oracle_gap.section,
)
"""sections on all rows together; one that has nothing to show is left out"""
ROW_BY_ROW: tuple[Callable[[Gathered], Section | None], ...] = (
    bias.section,
    classes.section,
    occurrences.section,
    synthetic.section,
    training.section,
    search.section,
)
"""sections on two rows of the reader's choice"""
ORIGINS: tuple[Callable[[Gathered], Section | None], ...] = (datasets.section, runs.section)
"""where the numbers come from"""

MISSING = "--html: needs Plotly and Jinja; pip install 'zsl[html]'"
MOST_TITLES = 3
"""data sets that the heading names"""
SCRIPTS = ("table.js", "figures.js")


def page(rows: Sequence[Row], found: Mapping[Path, Result], metrics: Sequence[str] = (), std: bool = False) -> str:
    """The page on these rows, in this order. The same results give the same page.

    Raises:
        InputError: Plotly or Jinja is not installed, or a metric that no row has.
    """
    plotly = _plotly()
    gathered = Gathered(rows, found, sheets(rows, metrics, std))
    scripts = [plotly, *map(_static, SCRIPTS)]
    parts = {
        name: [made for section in sections if (made := section(gathered)) is not None]
        for name, sections in (("overview", OVERVIEW), ("row_by_row", ROW_BY_ROW), ("origins", ORIGINS))
    }
    titles = list(dict.fromkeys(row.key.data_title for row in rows))
    return (
        environment()
        .get_template("page.html")
        .render(
            parts=parts,
            rows=rows,
            names=gathered.names,
            groups=list(gathered.by_data()),
            first=_first_pair(gathered),
            runs=len(found),
            title=", ".join(titles) if len(titles) <= MOST_TITLES else f"{len(titles)} data sets",
            methods=len({row.key.method for row in rows}),
            latest=max(run.created for run in found.values()),
            version=__version__,
            style=_static("page.css"),
            scripts=scripts,
            hashes=[_hash(script) for script in scripts],
        )
    )


def _first_pair(gathered: Gathered) -> tuple[int, int | None]:
    """The rows shown first: the two best of the first data set."""
    _, own = next(iter(gathered.by_data()))
    first, *others = [number for number, _ in sorted(own, key=lambda pair: gathered.standing(pair[1]))]
    return first, others[0] if others else None


def _plotly() -> str:
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise InputError(MISSING) from error
    script: str = get_plotlyjs()
    return script


def _static(name: str) -> str:
    return (files("zsl.reporting.html") / "static" / name).read_text("utf-8")


def _hash(script: str) -> str:
    """What a content security policy calls a script: nothing else than these may run on the page."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


def _shown(value: Any) -> Any:
    """Text without control characters; what is marked as safe stays."""
    return lines(value) if type(value) is str else value


def environment() -> Environment:
    """Return the environment that pages are made in: every text is escaped.

    Raises:
        InputError: Jinja is not installed.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise InputError(MISSING) from error

    return Environment(
        loader=PackageLoader("zsl.reporting.html"),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
