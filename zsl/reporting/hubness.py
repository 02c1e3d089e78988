"""Command ``zsl hubness``: hubs and antihubs among the predicted classes, by method and correction."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from zsl.errors import InputError
from zsl.hyperparameters import require_choice
from zsl.reporting.occurrences import BINS, MATRICES, histogram, measures
from zsl.reporting.report import add_table_arguments, show

if TYPE_CHECKING:
    from rich.console import Console

    from zsl.outputs.result import Result
    from zsl.reporting.table import Row

HELP = "hubness of predictions: hubs, antihubs, skewness; as a table or a plot"
DESCRIPTION = (
    "N_k, the k-occurrence of a class, counts the images for which the class is among the k best; μ is its mean over "
    "classes. Skewness: the skewness of N_k over classes. Robin Hood: the share of occurrences that would have to move "
    "to make all N_k equal. Hubs: the share of classes with N_k > 2μ; bad hubs: those whose images are mostly of other "
    "classes. Antihubs: the share of classes with N_k = 0. Bad occurrences: the share of occurrences for images of "
    "other classes."
)
ACCURACIES = {"unseen": ("T1",), "all": ("u", "s", "H")}
PLOTS = (".svg", ".png", ".pdf")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``zsl hubness``."""
    add_table_arguments(parser)
    parser.add_argument("--k", type=int, default=1, help="number of best classes of an image: 1 (default), 5 or 10")
    parser.add_argument(
        "--among", choices=tuple(MATRICES), default="unseen", help="candidate classes (default: unseen)"
    )
    parser.add_argument("--histogram", action="store_true", help="show a histogram of N_k over classes")


def main(args: argparse.Namespace, console: Console | None = None) -> int:
    """Read results, and show their hubness as a table, or as a plot where ``--output`` ends in one of `PLOTS`.

    Returns:
        Exit code 0.

    Raises:
        InputError: there are no results, a result cannot be read or has no k-occurrences for this k, or a file cannot
            be written.
    """
    from zsl.outputs.result import gather

    found = _rows(gather(args.paths), args.k, args.among)
    if args.output is None or args.output.suffix not in PLOTS:
        return show(
            found, [*ACCURACIES[args.among], *BINS] if args.histogram else _columns(args.k, args.among), args, console
        )

    from zsl.files.atomic import write_bytes
    from zsl.reporting.occurrence_plot import draw

    write_bytes(args.output, draw(found, args.k, BINS, args.output.suffix[1:]))
    return 0


def table(results: Mapping[Path, Result], k: int = 1, among: str = "unseen") -> str:
    """Return a table of the hubness of results, in Markdown.

    Raises:
        InputError: a result has no k-occurrences for this k, or ``among`` is none of `MATRICES`.
    """
    from zsl.reporting.report import render

    require_choice(among, "among", tuple(MATRICES))
    return render(_rows(results, k, among), "markdown", _columns(k, among))


def _rows(results: Mapping[Path, Result], k: int, among: str) -> list[Row]:
    from zsl.reporting.layout import arrange
    from zsl.reporting.table import rows

    return arrange(rows({path: replace(it, metrics=_metrics(path, it, k, among)) for path, it in results.items()}))


def _columns(k: int, among: str) -> list[str]:
    return [*ACCURACIES[among], *measures(k, [1], [0])]


def _metrics(path: Path, result: Result, k: int, among: str) -> Mapping[str, float]:
    counts = result.hubness.get(MATRICES[among], {})
    if f"N{k}" not in counts:
        recorded = ", ".join(name[1:] for name in counts if name.startswith("N"))
        cure = f"choose --k from {recorded}" if recorded else "run it again"
        raise InputError(f"{path}: has no {k}-occurrences of classes; {cure}")
    N, bad = counts[f"N{k}"], counts[f"bad_N{k}"]
    mark = "†" if result.selection.policy == "test" else ""
    counted = {name + mark: value for name, value in (measures(k, list(N), list(bad)) | histogram(list(N))).items()}
    accuracies = {name for stem in ACCURACIES[among] for name in (stem, stem + "†")}
    return {name: value for name, value in result.metrics.items() if name in accuracies} | counted
