"""Self-contained HTML page on runs, with its sections, style sheet and scripts."""

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
    confusions,
    datasets,
    label_budget,
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
    label_budget.section,
    oracle_gap.section,
)
"""sections on all rows; empty sections are left out"""
ROW_BY_ROW: tuple[Callable[[Gathered], Section | None], ...] = (
    bias.section,
    classes.section,
    confusions.section,
    occurrences.section,
    synthetic.section,
    training.section,
    search.section,
)
"""sections that show two rows, which the reader chooses, side by side"""
ORIGINS: tuple[Callable[[Gathered], Section | None], ...] = (datasets.section, runs.section)
"""sections on data and runs"""

MISSING = "--html: needs Plotly and Jinja; pip install 'zsl[html]'"
CHOSEN = ("+chosen",)
"""columns of the table besides the usual ones"""
MOST_TITLES = 3
"""greatest number of data sets that the heading names"""
SCRIPTS = ("table.js", "figures.js")


def page(
    rows: Sequence[Row],
    found: Mapping[Path, Result],
    metrics: Sequence[str] = (),
    std: bool = False,
    columns: Sequence[str] = (),
) -> str:
    """Return the page on these rows, in this order; equal results give identical pages.

    Args:
        rows: rows in the order of the table.
        found: all results by path.
        metrics: metrics of the table; the default ones where empty.
        std: whether standard deviations are shown.
        columns: columns of the table; by default the usual ones, and what was chosen.

    Raises:
        InputError: Plotly or Jinja is not installed, or no row has one of the metrics.
    """
    plotly = _plotly()
    gathered = Gathered(rows, found, sheets(rows, metrics, std, columns or CHOSEN, most=None))
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
    """Return the numbers of the rows that are shown first: the two best of the first data set."""
    _, own = next(iter(gathered.by_data()))
    first, *others = [number for number, _ in sorted(own, key=lambda pair: gathered.sort_key(pair[1]))]
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
    """Return the hash of a script for the content security policy, which allows no other scripts."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


def _shown(value: Any) -> Any:
    """Remove control characters from text that is not marked as safe."""
    return lines(value) if type(value) is str else value


def environment() -> Environment:
    """Return the Jinja environment of pages, which escapes all text.

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
