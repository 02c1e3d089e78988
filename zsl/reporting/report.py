"""``zsl report``: any number of runs -> one table. Whatever is slow to import is imported when it is used."""

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
"""columns of a terminal that is none: nothing folds in files and pipes"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``zsl report``."""
    add_table_arguments(parser)
    parser.add_argument("--metrics", default="", metavar="NAMES", help="comma-separated, such as T1,u,s,H")
    parser.add_argument("--sort", metavar="METRIC", help="best first within each data set")
    parser.add_argument("--published", action="store_true", help="runs of experiments beside what papers print")
    parser.add_argument("--html", type=Path, metavar="FILE", help="one self-contained page with figures, instead")


def add_table_arguments(parser: argparse.ArgumentParser) -> None:
    """Which runs, how and where their table is shown, and what of a number."""
    add_output_arguments(parser)
    parser.add_argument("--std", action="store_true", help="show the standard deviation too")


def add_output_arguments(parser: argparse.ArgumentParser) -> None:
    """Which runs, and how and where their table is shown."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="DIR", help="folder with runs, or a result.json")
    parser.add_argument("--format", choices=FORMATS, help="default: by the ending of FILE, else terminal")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write there instead of the terminal")


def main(args: argparse.Namespace, console: Console | None = None) -> int:
    """Gather, summarise, and show or write; 0 when done.

    Raises:
        InputError: no results, unreadable ones, a metric that none has, a file that cannot be written, or a page asked
            for without what it needs.
    """
    if args.html and (args.output or args.format):
        raise InputError("--html writes a page, --output and --format a table; run them one after the other")
    from zsl.outputs.result import LINES, gather
    from zsl.reporting.layout import arrange
    from zsl.reporting.table import rows

    metrics = [name.strip() for name in args.metrics.split(",") if name.strip()]
    results = gather(args.paths, () if args.html else LINES)
    if args.published:
        if metrics or args.sort or args.std or args.html:
            raise InputError("--published has an order of its own; leave --metrics, --sort, --std and --html out")
        return show_published(results, args, console)
    found = arrange(rows(results), args.sort)
    if not args.html:
        return show(found, metrics, args, console)

    from zsl.files.atomic import write_text
    from zsl.reporting.html.page import page

    write_text(args.html, page(found, results, metrics, args.std))
    return 0


def show_published(results: Mapping[Path, Result], args: argparse.Namespace, console: Console | None = None) -> int:
    """Show runs of experiments beside what papers print, or write them, as `add_output_arguments` has asked for.

    Raises:
        InputError: no run is one of an experiment, or a file cannot be written.
    """
    from zsl.reporting.reproduction import reproductions, sections, summary, table_csv

    found = reproductions(results)
    return deliver([summary(found), *sections(found)], lambda: table_csv(found), args, console)


def show(found: Sequence[Row], metrics: Sequence[str], args: argparse.Namespace, console: Console | None) -> int:
    """Show these rows, or write them, as `add_table_arguments` has asked for; 0 when done.

    Raises:
        InputError: a metric that no row has, or a file that cannot be written.
    """
    from zsl.reporting.layout import sheets
    from zsl.reporting.render import table_csv

    return deliver(sheets(found, metrics, args.std), lambda: table_csv(found, metrics), args, console)


def deliver(made: Sequence[Sheet], as_csv: Callable[[], str], args: argparse.Namespace, console: Console | None) -> int:
    """Show these sheets, or write them, in the format that was asked for; 0 when done.

    Warnings are logged where the table goes to a file, or is CSV, which has no notes.

    Raises:
        InputError: a file that cannot be written.
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
    """These rows, in this order, as text in one of `FORMATS`.

    Raises:
        InputError: a metric that no row has.
    """
    from zsl.reporting.layout import sheets
    from zsl.reporting.render import table_csv

    return table_csv(rows, metrics) if form == "csv" else written(sheets(rows, metrics, std), form)


def written(made: Sequence[Sheet], form: str) -> str:
    """These sheets as text in one of `FORMATS` other than CSV."""
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
