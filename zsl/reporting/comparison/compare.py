"""``zsl compare``: which differences between rows of a table are real. Slow imports stay inside."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from zsl.errors import InputError
from zsl.reporting.report import add_output_arguments, deliver

if TYPE_CHECKING:
    from rich.console import Console

    from zsl.reporting.comparison.contenders import Contender, Runs
    from zsl.reporting.layout import Sheet

    Couple: TypeAlias = tuple[Contender, Contender]

HELP = "paired tests between methods, ranks over data sets, classes that gain and lose"
DESCRIPTION = (
    "Pairs are runs with the same data, class split, protocol and seed. On one class split, methods are compared over "
    "seeds; where a data set has several splits, over these; and over data sets, where there are three; and on every "
    "class split over its test images (predictions.npz, which save.predictions=true leaves) and over its classes. "
    "Paired t and Wilcoxon signed-rank tests with Holm's correction, Cohen's d_z; Friedman's test and Nemenyi's "
    "critical difference, with --output cd.svg as a plot; with --per-class, the differences of classes."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``zsl compare``."""
    add_output_arguments(parser)
    parser.add_argument("--metric", default="H", help="what is compared (default: H)")
    parser.add_argument("--baseline", metavar="ROW", help="compare with this row only: method, and φ=… or options")
    parser.add_argument("--row", action="append", default=[], metavar="ROW", help="only this row; may be repeated")
    parser.add_argument("--per-split", action="store_true", help="a table for each class split, paired over its seeds")
    parser.add_argument("--per-class", action="store_true", help="the classes that gain and lose, between two rows")


def main(args: argparse.Namespace, console: Console | None = None) -> int:
    """Gather, pair, test, and show, write or draw; 0 when done.

    Raises:
        InputError: no results, unreadable ones, a metric or row that there is not, nothing that shares data, protocol
            and seed, statsmodels is not installed, or a file that cannot be written.
    """
    from zsl.outputs.result import LINES, gather
    from zsl.reporting.comparison.comparisons import couples, named
    from zsl.reporting.comparison.contenders import contenders
    from zsl.reporting.layout import unknown
    from zsl.reporting.table import rows

    results = gather(args.paths, LINES)
    present = sorted({name for result in results.values() for name in result.metrics})
    if args.metric not in present:
        raise unknown(args.metric, present)
    runs = contenders(results)
    baseline = named(args.baseline, runs) if args.baseline else None
    only = [named(words, runs) for words in args.row]
    runs = {row: by_world for row, by_world in runs.items() if not only or row in (*only, baseline)}
    between = couples(runs, baseline)
    if not between:
        raise InputError("compare: one row cannot be compared; give folders with more, or name more with --row")
    warnings = [warning for row in rows(results) for warning in row.warnings]
    if args.per_class:
        return _classes(args, runs, between, warnings, console)
    places = {id(result): path for path, result in results.items()}
    return _comparisons(args, runs, between, warnings, console, places)


def _comparisons(
    args: argparse.Namespace,
    runs: Runs,
    couples: list[Couple],
    warnings: list[str],
    console: Console | None,
    places: Mapping[int, Path],
) -> int:
    """Tables of tests and of ranks, or a plot of the ranks."""
    from zsl.reporting.comparison.comparisons import compare
    from zsl.reporting.comparison.generalisation import MOST, generalise
    from zsl.reporting.comparison.generalisation_layout import generalisation_sheet, generalisations_csv
    from zsl.reporting.comparison.layout import comparison_sheet, comparisons_csv, ranking_sheet
    from zsl.reporting.comparison.ranking import rankings
    from zsl.reporting.layout import WARNING

    ranked, missing = rankings(runs, args.metric)
    if form := _drawn(args.output):
        from zsl.reporting.comparison.ranking_plot import draw

        if not ranked:
            raise InputError(f"--output {args.output}: {'; '.join(missing)}")
        return _write(args.output, draw(ranked, form))
    families = compare(runs, args.metric, couples, args.per_split)
    if not families:
        raise InputError(f"compare: no two rows share a data set, class split, protocol and seed with {args.metric}")
    new = generalise(runs, args.metric, couples, places) if len(couples) <= MOST else []
    made = [*map(comparison_sheet, families), *map(generalisation_sheet, new), *map(ranking_sheet, ranked)]
    many = [f"{len(couples)} pairs are more than {MOST}; name rows with --row"] * (len(couples) > MOST)
    made = _noted(made, "no tests over images and classes: ", many)
    made = _noted(_noted(made, "no ranking: ", missing), WARNING, warnings)
    return deliver(made, lambda: comparisons_csv(families, generalisations_csv(new)), args, console)


def _classes(
    args: argparse.Namespace, runs: Runs, couples: list[Couple], warnings: list[str], console: Console | None
) -> int:
    """A table, or a panel of bars, for each class split."""
    from zsl.reporting.comparison.classes import by_class
    from zsl.reporting.comparison.contenders import alone, populations
    from zsl.reporting.comparison.layout import class_sheet, classes_csv
    from zsl.reporting.layout import WARNING

    if len(couples) > 1:
        labels = ", ".join(repr(row.label) for row in runs)
        raise InputError(f"--per-class: compares two rows; name them with --row A --baseline B, of {labels}")
    (a, b) = couples[0]
    splits = [split for population in populations(runs) for split in alone(population, runs)]
    found = [classes for split in splits if (classes := by_class(split, runs, args.metric, a, b))]
    if not found:
        names = f"{a.label} and {b.label}"
        raise InputError(f"--per-class: {names} share no data, protocol and seed with {args.metric} by class")
    if form := _drawn(args.output):
        from zsl.reporting.comparison.class_plot import draw

        return _write(args.output, draw(found, form))
    return deliver(
        _noted([class_sheet(split) for split in found], WARNING, warnings), lambda: classes_csv(found), args, console
    )


def _noted(made: list[Sheet], prefix: str, texts: list[str]) -> list[Sheet]:
    """The same with notes below the last of them."""
    return [*made[:-1], replace(made[-1], notes=(*made[-1].notes, *(prefix + text for text in texts)))]


def _drawn(output: Path | None) -> str:
    """The format of a plot, by the ending of the file; none for a table."""
    from zsl.reporting.drawing import UNDATED

    ending = output.suffix[1:] if output else ""
    return ending if ending in UNDATED else ""


def _write(output: Path, content: bytes) -> int:
    from zsl.files.atomic import write_bytes

    write_bytes(output, content)
    return 0
