"""Command ``zsl confusions``: the most frequent wrong answers, as pairs of true and predicted class."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from zsl.errors import InputError
from zsl.files.escaping import csv_text
from zsl.reporting.comparison.confused import AMONG, ConfusedPair, confusions
from zsl.reporting.output import add_output_arguments, deliver

if TYPE_CHECKING:
    from rich.console import Console

    from zsl.reporting.sheet import Sheet
    from zsl.reporting.table import Row

HELP = "most frequent wrong answers: true class -> predicted class, with an image of each"
DESCRIPTION = (
    "Pairs of true and predicted class of test images that were classified wrongly, all classes being candidates: for "
    "images of unseen classes, of seen classes, and of all. Counts are summed over the seeds of a row. It needs "
    "predictions.npz of save.predictions=true; paths of images are shown where the data set knows them."
)
HEADER = ("true class", "predicted class", "image", "count", "of the class")
NEEDS = "no run has predictions; run again with save.predictions=true"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``zsl confusions``."""
    add_output_arguments(parser)
    parser.add_argument("--among", choices=AMONG, help="show one group of test images only, by their true class")
    parser.add_argument("--most", type=int, default=20, metavar="N", help="pairs in each table (default: 20)")
    parser.add_argument("--images", action="store_true", help="show the path of every confused image, not one of each")


def main(args: argparse.Namespace, console: Console | None = None) -> int:
    """Read results with their predictions, and show the most frequent confusions of every row.

    Returns:
        Exit code 0.

    Raises:
        InputError: there are no results or predictions, a file cannot be read or written, or ``--most`` is below 1.
    """
    from zsl.outputs.result import LINES, gather
    from zsl.reporting.comparison.predictions import read
    from zsl.reporting.layout import arrange
    from zsl.reporting.table import rows

    if args.most < 1:
        raise InputError(f"--most {args.most}: give a whole number of at least 1")
    results = gather(args.paths, LINES)
    found = arrange(rows(results))
    predicted = [[one for path in row.paths if (one := read(results[path], path)) is not None] for row in found]
    if not any(predicted):
        raise InputError(f"confusions: {NEEDS}")
    groups = [args.among] if args.among else AMONG
    titles = _titles(found)
    pairs = [
        (f"{title}: images of {group} classes", title, group, confusions(own, group)[: args.most])
        for title, own in zip(titles, predicted, strict=True)
        if own
        for group in groups
    ]
    made = [_sheet(title, own, args.images) for title, _, _, own in pairs]

    def as_csv() -> str:
        lines = [[name, group, *cells] for _, name, group, own in pairs for cells in _cells(own, args.images)]
        return csv_text([["row", "among", *HEADER], *lines])

    return deliver(made, as_csv, args, console)


def _titles(found: Sequence[Row]) -> list[str]:
    from zsl.reporting.wording import options

    names = [
        f"{row.key.method}{'' if row.key.correction == 'none' else f' + {row.key.correction}'} on {row.key.data_title} "
        f"({row.key.class_embedding})"
        for row in found
    ]
    return [f"{name} {own}".strip() for name, own in zip(names, options(found), strict=True)]


def _sheet(title: str, found: Sequence[ConfusedPair], images: bool) -> Sheet:
    from zsl.reporting.sheet import Cell, Line, Sheet, numbers_after

    lines = tuple(Line(0, tuple(map(Cell, cells))) for cells in _cells(found, images))
    return Sheet(
        title, HEADER, lines, () if found else ("no image was classified wrongly",), (), numbers_after(3, HEADER)
    )


def _cells(found: Sequence[ConfusedPair], images: bool) -> Iterator[tuple[str, ...]]:
    """Yield the cells of every confusion: one line, or with ``images`` a line for every path."""
    for each in found:
        for image in each.images if images and each.images else each.images[:1] or ("",):
            yield each.true, each.predicted, image, str(each.count), f"{each.share:.0%}"
