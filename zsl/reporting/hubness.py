"""``zsl hubness``: which classes answer far too many images, and how many none, by method and correction."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from zsl.errors import InputError
from zsl.reporting.occurrences import BINS, MATRICES, histogram, measures
from zsl.reporting.report import add_table_arguments, show

if TYPE_CHECKING:
    from rich.console import Console

    from zsl.outputs.result import Result

HELP = "how evenly answers fall on classes: hubs, antihubs, skewness; as a table or a plot"
DESCRIPTION = (
    "N_k counts in how many images a class is among the k best; μ is its mean over classes. "
    "Skewness: of N_k over classes. Robin Hood: share of occurrences to be moved for all to be equal. "
    "Hubs: share of classes with N_k > 2μ; bad, where most of these are images of other classes. "
    "Antihubs: share with N_k = 0. Bad occurrences: their share that is in images of other classes."
)
ACCURACIES = {"unseen": ("T1",), "all": ("u", "s", "H")}
PLOTS = (".svg", ".png", ".pdf")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``zsl hubness``."""
    add_table_arguments(parser)
    parser.add_argument("--k", type=int, default=1, help="of the k best classes of an image: 1 (default), 5 or 10")
    parser.add_argument("--among", choices=tuple(MATRICES), default="unseen", help="the answers (default: unseen)")
    parser.add_argument("--histogram", action="store_true", help="how many classes occur how often")


def main(args: argparse.Namespace, console: Console | None = None) -> int:
    """Gather, count, and show as a table or, by the ending of ``--output``, draw; 0 when done.

    Raises:
        InputError: no results, unreadable ones, one without the counts asked for, or a file that cannot be written.
    """
    from zsl.outputs.result import gather
    from zsl.reporting.layout import arrange
    from zsl.reporting.table import rows

    results = gather(args.paths)
    counted = {path: replace(result, metrics=_metrics(path, result, args)) for path, result in results.items()}
    found = arrange(rows(counted))
    if args.output is None or args.output.suffix not in PLOTS:
        return show(found, [*ACCURACIES[args.among], *BINS] if args.histogram else _columns(args), args, console)

    from zsl.files.atomic import write_bytes
    from zsl.reporting.occurrence_plot import draw

    write_bytes(args.output, draw(found, args.k, BINS, args.output.suffix[1:]))
    return 0


def _columns(args: argparse.Namespace) -> list[str]:
    return [*ACCURACIES[args.among], *measures(args.k, [1], [0])]


def _metrics(path: Path, result: Result, args: argparse.Namespace) -> Mapping[str, float]:
    counts = result.hubness.get(MATRICES[args.among], {})
    if f"N{args.k}" not in counts:
        recorded = ", ".join(name[1:] for name in counts if name.startswith("N"))
        cure = f"--k is one of {recorded}" if recorded else "run it again"
        raise InputError(f"{path}: holds no {args.k}-occurrences of classes; {cure}")
    N, bad = counts[f"N{args.k}"], counts[f"bad_N{args.k}"]
    mark = "†" if result.selection.policy == "test" else ""
    counted = {
        name + mark: value for name, value in (measures(args.k, list(N), list(bad)) | histogram(list(N))).items()
    }
    accuracies = {name for stem in ACCURACIES[args.among] for name in (stem, stem + "†")}
    return {name: value for name, value in result.metrics.items() if name in accuracies} | counted
