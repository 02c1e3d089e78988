"""Command ``zsl report``: a table of any number of runs. Modules that are slow to import are imported on use."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zsl.errors import InputError, printable

if TYPE_CHECKING:
    from rich.console import Console

    from zsl.outputs.result import Result
    from zsl.reporting.layout import Sheet
    from zsl.reporting.table import Row

log = logging.getLogger(__name__)

FORMATS = ("terminal", "markdown", "csv", "latex")
ENDINGS = {".md": "markdown", ".csv": "csv", ".tex": "latex"}
UNBOUNDED = 10_000
"""width in characters for files and pipes, so that no text is folded"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``zsl report``."""
    add_table_arguments(parser)
    parser.add_argument("--metrics", default="", metavar="NAMES", help="metrics to show, such as T1,u,s,H")
    parser.add_argument("--sort", metavar="METRIC", help="sort by this metric within each data set, best first")
    parser.add_argument("--published", action="store_true", help="compare runs of experiments with published numbers")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a self-contained page with figures instead")


def add_table_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that choose runs, output and whether standard deviations are shown."""
    add_output_arguments(parser)
    parser.add_argument("--std", action="store_true", help="show the standard deviation in addition")


def add_output_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that choose runs and output."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="DIR", help="folder with runs, or a result.json")
    parser.add_argument("--format", choices=FORMATS, help="format (default: by the suffix of FILE, else terminal)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write to this file instead of the terminal")


def main(args: argparse.Namespace, console: Console | None = None) -> int:
    """Read results, summarise them over seeds, and show or write a table or a page.

    Returns:
        Exit code 0.

    Raises:
        InputError: there are no results, a result cannot be read, no result has one of the metrics, a file cannot be
            written, options exclude each other, or the packages for a page are not installed.
    """
    if args.html and (args.output or args.format):
        raise InputError("--html writes a page, --output and --format a table; use them in two commands")
    from zsl.outputs.result import LINES, gather
    from zsl.reporting.layout import arrange
    from zsl.reporting.table import rows

    metrics = [name.strip() for name in args.metrics.split(",") if name.strip()]
    results = gather(args.paths, () if args.html else LINES)
    if args.published:
        if metrics or args.sort or args.std or args.html:
            raise InputError("--published has fixed columns and order; omit --metrics, --sort, --std and --html")
        return show_published(results, args, console)
    found = arrange(rows(results), args.sort)
    if not args.html:
        return show(found, metrics, args, console)

    from zsl.files.atomic import write_text
    from zsl.reporting.html.page import page

    write_text(args.html, page(found, results, metrics, args.std))
    return 0


def show_published(results: Mapping[Path, Result], args: argparse.Namespace, console: Console | None = None) -> int:
    """Show or write a comparison of runs of experiments with published numbers; return exit code 0.

    Args:
        results: results by path.
        args: arguments of `add_output_arguments`.
        console: terminal to print to; standard output by default.

    Raises:
        InputError: no result belongs to an experiment, or a file cannot be written.
    """
    from zsl.reporting.reproduction import reproductions, sections, summary, table_csv

    found = reproductions(results)
    return deliver([summary(found), *sections(found)], lambda: table_csv(found), args, console)


def show(found: Sequence[Row], metrics: Sequence[str], args: argparse.Namespace, console: Console | None) -> int:
    """Show or write a table of these rows; return exit code 0.

    Args:
        found: rows in the order of the table.
        metrics: metrics to show; the default ones where empty.
        args: arguments of `add_table_arguments`.
        console: terminal to print to; standard output by default.

    Raises:
        InputError: no row has one of the metrics, or a file cannot be written.
    """
    from zsl.reporting.layout import sheets
    from zsl.reporting.render import table_csv

    return deliver(sheets(found, metrics, args.std), lambda: table_csv(found, metrics), args, console)


def deliver(made: Sequence[Sheet], as_csv: Callable[[], str], args: argparse.Namespace, console: Console | None) -> int:
    """Show or write these sheets in the requested format; return exit code 0.

    Warnings are also logged where the table is written to a file, or is CSV, which has no notes.

    Args:
        made: the sheets.
        as_csv: function that returns the table as CSV.
        args: arguments of `add_output_arguments`.
        console: terminal to print to; standard output by default.

    Raises:
        InputError: a file cannot be written.
    """
    from rich.console import Console

    from zsl.files.atomic import write_text
    from zsl.reporting.layout import WARNING
    from zsl.reporting.render import terminal

    form = args.format or (ENDINGS.get(args.output.suffix, "terminal") if args.output else "terminal")
    console = console or Console()
    if form == "terminal" and not args.output and console.is_terminal:
        terminal(made, console)
        return 0
    text = as_csv() if form == "csv" else written(made, form)
    if args.output:
        write_text(args.output, text)
    else:
        console.file.write(text)
    if form == "csv" or args.output:
        for note in dict.fromkeys(note for sheet in made for note in sheet.notes if note.startswith(WARNING)):
            log.warning("%s", printable(note.removeprefix(WARNING)))
    return 0


def render(rows: Sequence[Row], form: str, metrics: Sequence[str] = (), std: bool = False) -> str:
    """Return a table of these rows, in this order, as text in one of `FORMATS`.

    Raises:
        InputError: no row has one of the metrics.
    """
    from zsl.reporting.layout import sheets
    from zsl.reporting.render import table_csv

    return table_csv(rows, metrics) if form == "csv" else written(sheets(rows, metrics, std), form)


def written(made: Sequence[Sheet], form: str) -> str:
    """Return these sheets as text in one of `FORMATS` other than CSV."""
    import io

    from rich.console import Console

    from zsl.reporting.render import latex, markdown, terminal

    if form == "markdown":
        return markdown(made)
    if form == "latex":
        return latex(made)
    page = Console(file=io.StringIO(), width=UNBOUNDED, color_system=None)
    with page.capture() as capture:
        terminal(made, page)
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"
