"""Command ``zsl report``: a table of any number of runs. Modules that are slow to import are imported on use."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from zsl.errors import InputError
from zsl.reporting.output import add_output_arguments, deliver, form_of, written

if TYPE_CHECKING:
    from rich.console import Console

    from zsl.outputs.result import Result
    from zsl.reporting.sheet import Sheet
    from zsl.reporting.table import Row

HELP = "gather results into a table"
IMAGES = ("svg", "png", "pdf")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``zsl report``."""
    add_table_arguments(parser)
    parser.add_argument("--metrics", default="", metavar="NAMES", help="metrics to show, such as T1,u,s,H")
    parser.add_argument("--sort", metavar="METRIC", help="sort by this metric within each data set, best first")
    parser.add_argument(
        "--columns",
        default="",
        metavar="NAMES",
        help="columns to show in this order, such as method,data,H,chosen; "
        "with a + before a name, such as +chosen, besides the usual ones",
    )
    parser.add_argument(
        "--pivot",
        default="",
        metavar="METRIC",
        help="a line for each method and a column for each data set; several metrics, such as T1,H, stand side by side",
    )
    parser.add_argument(
        "--names",
        action="append",
        default=[],
        metavar="KEY=NAME",
        help="show a method, data set or class embedding "
        "under this name, such as eszsl=ESZSL; or a file with such lines; may be repeated",
    )
    parser.add_argument(
        "--published", action="store_true", help="compare runs with the published numbers of their method and data"
    )
    parser.add_argument(
        "--base-to-new",
        action="store_true",
        help="show accuracy among seen (base) and among unseen (new) classes alone beside that among all classes",
    )
    parser.add_argument(
        "--shots",
        action="store_true",
        help="show u and s by labels per class (data.shots); --output FILE.svg, .png or .pdf draws them",
    )
    parser.add_argument(
        "--risk",
        action="store_true",
        help="show the share of wrong answers by the share of images that are answered, the most confident ones "
        "(save.predictions=true); --output FILE.svg, .png or .pdf draws the curves, FILE.csv has their points",
    )
    parser.add_argument(
        "--oracle",
        action="store_true",
        help="show what choosing on the test set adds to what was chosen on validation classes (selection=test, "
        "selection=validation); --output FILE.svg, .png or .pdf draws it",
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a self-contained page with figures instead")


def add_table_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that choose runs, output and whether standard deviations are shown."""
    add_output_arguments(parser)
    parser.add_argument("--std", action="store_true", help="show the standard deviation in addition")


def main(args: argparse.Namespace, console: Console | None = None) -> int:
    """Read results, summarise them over seeds, and show or write a table or a page.

    Returns:
        Exit code 0.

    Raises:
        InputError: there are no results, a result cannot be read, no result has one of the metrics, a file cannot be
            written, options exclude each other, or the packages for a page are not installed.
    """
    if args.html and (args.output or args.format or args.caption or args.label):
        raise InputError("--html writes a page, --output, --format, --caption and --label a table; use two commands")
    from zsl.outputs.result import LINES, gather
    from zsl.reporting.display_names import parsed, renamed
    from zsl.reporting.layout import arrange
    from zsl.reporting.table import rows

    metrics, columns, pivot = (_listed(text) for text in (args.metrics, args.columns, args.pivot))
    if args.published and (metrics or columns or pivot or args.names or args.sort or args.std or args.html):
        raise InputError(
            "--published has fixed columns and order; omit --metrics, --columns, --pivot, --names, --sort, --std and "
            "--html"
        )
    if pivot and (metrics or args.html):
        raise InputError("--pivot names the metrics of a table; omit --metrics and --html")
    fixed = args.base_to_new + args.shots + args.risk + args.oracle
    if fixed + bool(metrics or columns or pivot or args.published or args.html) > 1:
        raise InputError(
            "--base-to-new, --shots, --risk and --oracle have fixed columns; give one of them, without --metrics, "
            "--columns, --pivot, --published and --html"
        )
    results = gather(args.paths, () if args.html else LINES)
    if args.published:
        return show_published(results, args, console, every=True)
    found = renamed(arrange(rows(results), args.sort), *parsed(args.names))
    if args.base_to_new:
        from zsl.reporting.base_to_new import base_to_new

        found, names, made = base_to_new(found, args.std)
        return deliver(made, lambda: _csv(found, names, (), ()), args, console)
    if args.shots:
        return _show_shots(found, args, console)
    if args.risk:
        return _show_risk(found, results, args, console)
    if args.oracle:
        return _show_oracle(found, args, console)
    if not args.html:
        from zsl.reporting.controls import control_sheets

        controls = control_sheets(results, metrics) if form_of(args) != "csv" else []
        return show(found, metrics, args, console, columns, pivot, controls)

    from zsl.files.atomic import write_text
    from zsl.reporting.html.page import page

    write_text(args.html, page(found, results, metrics, args.std, columns))
    return 0


def _show_shots(found: Sequence[Row], args: argparse.Namespace, console: Console | None) -> int:
    from zsl.reporting.label_budget import budget_sheets, budgets
    from zsl.reporting.render import table_csv

    lines = budgets(found)
    if _drawn(args, "label_budget_plot", lines):
        return 0
    return deliver(budget_sheets(lines, args.std), lambda: table_csv(found), args, console)


def _show_oracle(found: Sequence[Row], args: argparse.Namespace, console: Console | None) -> int:
    from zsl.reporting.oracle_gap import oracle_sheets, required
    from zsl.reporting.render import table_csv

    if _drawn(args, "oracle_gap_plot", required(found)):
        return 0
    return deliver(oracle_sheets(found, args.std), lambda: table_csv(found), args, console)


def _show_risk(
    found: Sequence[Row], results: Mapping[Path, Result], args: argparse.Namespace, console: Console | None
) -> int:
    from zsl.reporting.risk_coverage import risk_csv, risk_lines, risk_sheets

    lines = risk_lines(found, results)
    if _drawn(args, "risk_coverage_plot", lines):
        return 0
    return deliver(risk_sheets(lines, args.std), lambda: risk_csv(lines), args, console)


def _drawn(args: argparse.Namespace, plot: str, lines: Sequence[object]) -> bool:
    """Draw lines into the output, if that is an image, with a module of ``zsl.reporting``."""
    form = args.output.suffix[1:] if args.output else ""
    if form not in IMAGES:
        return False
    from zsl.files.atomic import write_bytes

    write_bytes(args.output, import_module(f"zsl.reporting.{plot}").draw(lines, form))
    return True


def _listed(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]


def show_published(
    results: Mapping[Path, Result], args: argparse.Namespace, console: Console | None = None, every: bool = False
) -> int:
    """Show or write a comparison of runs with published numbers; return exit code 0.

    Args:
        results: results by path.
        args: arguments of `add_output_arguments`.
        console: terminal to print to; standard output by default.
        every: whether runs that belong to no experiment are compared too.

    Raises:
        InputError: no result has a published number beside it, or a file cannot be written.
    """
    from zsl.reporting.reproduction import reproductions, sections, summary
    from zsl.reporting.reproduction_csv import table_csv

    found = reproductions(results, every)
    return deliver([summary(found), *sections(found)], lambda: table_csv(found), args, console)


def show(
    found: Sequence[Row],
    metrics: Sequence[str],
    args: argparse.Namespace,
    console: Console | None,
    columns: Sequence[str] = (),
    pivot: Sequence[str] = (),
    further: Sequence[Sheet] = (),
) -> int:
    """Show or write a table of these rows; return exit code 0.

    Args:
        found: rows in the order of the table.
        metrics: metrics to show; the default ones where empty.
        args: arguments of `add_table_arguments`.
        console: terminal to print to; standard output by default.
        columns: columns to show, as :func:`zsl.reporting.columns.column_names` takes them.
        pivot: metrics to show with a column for each data set.
        further: tables to show below it, but in CSV.

    Raises:
        InputError: no row has one of the metrics, or a file cannot be written.
    """
    made = [*_sheets(found, form_of(args), metrics, args.std, columns, pivot), *further]
    return deliver(made, lambda: _csv(found, metrics, columns, pivot), args, console)


def render(
    rows: Sequence[Row],
    form: str,
    metrics: Sequence[str] = (),
    std: bool = False,
    columns: Sequence[str] = (),
    pivot: Sequence[str] = (),
) -> str:
    """Return a table of these rows, in this order, as text; the arguments are those of `show`.

    Raises:
        InputError: no row has one of the metrics.
    """
    if form == "csv":
        return _csv(rows, metrics, columns, pivot)
    return written(_sheets(rows, form, metrics, std, columns, pivot), form)


def _sheets(
    rows: Sequence[Row], form: str, metrics: Sequence[str], std: bool, columns: Sequence[str], pivot: Sequence[str]
) -> list[Sheet]:
    """Return the sheets; in LaTeX, text that all rows share stands in the caption, so that the columns fit a page."""
    from zsl.reporting.layout import sheets
    from zsl.reporting.pivot import pivot_sheets
    from zsl.reporting.sheet import without_shared

    made = pivot_sheets(rows, pivot, std, columns) if pivot else sheets(rows, metrics, std, columns)
    return list(map(without_shared, made)) if form == "latex" and not columns else made


def _csv(rows: Sequence[Row], metrics: Sequence[str], columns: Sequence[str], pivot: Sequence[str]) -> str:
    from zsl.reporting.pivot import pivot_csv
    from zsl.reporting.render import table_csv

    return pivot_csv(rows, pivot, columns) if pivot else table_csv(rows, metrics, columns)
