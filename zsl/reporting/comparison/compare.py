"""Command ``zsl compare``: significance of differences between rows. Slow modules are imported on use."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from zsl.errors import InputError
from zsl.reporting.output import add_output_arguments, deliver

if TYPE_CHECKING:
    from rich.console import Console

    from zsl.reporting.comparison.contenders import Contender, Runs
    from zsl.reporting.sheet import Sheet

    ContenderPair: TypeAlias = tuple[Contender, Contender]

HELP = "paired tests between methods, ranks over data sets, differences by class"
DESCRIPTION = (
    "Runs with the same data, class split, protocol and seed form a pair. Methods are compared over the seeds of one "
    "class split; over class splits, where a data set has several; over data sets, where there are three or more; and "
    "on every class split over its classes and its test images (needs predictions.npz of save.predictions=true). "
    "Tests: paired t and Wilcoxon signed-rank tests with Holm's correction, Cohen's d_z, Friedman's test and Nemenyi's "
    "critical difference. --output cd.svg draws a critical-difference diagram; --per-class shows differences by class."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``zsl compare``."""
    add_output_arguments(parser)
    parser.add_argument("--metric", default="H", help="metric to compare (default: H)")
    parser.add_argument("--baseline", metavar="ROW", help="compare all rows with this one: method, and φ=… or options")
    parser.add_argument("--row", action="append", default=[], metavar="ROW", help="include this row; may be repeated")
    parser.add_argument("--per-split", action="store_true", help="show a table for each class split, over its seeds")
    parser.add_argument("--per-class", action="store_true", help="show differences by class between two rows")


def main(args: argparse.Namespace, console: Console | None = None) -> int:
    """Read results, compare rows by paired tests, and show, write or draw the comparisons.

    Returns:
        Exit code 0.

    Raises:
        InputError: there are no results, a result cannot be read, no result has the metric, a row is unknown, no two
            rows have data, protocol and seed in common, statsmodels is not installed, or a file cannot be written.
    """
    from zsl.outputs.result import LINES, gather
    from zsl.reporting.columns import unknown
    from zsl.reporting.comparison.comparisons import contender_pairs, find_contender
    from zsl.reporting.comparison.contenders import contenders
    from zsl.reporting.table import rows

    results = gather(args.paths, LINES)
    present = sorted({name for result in results.values() for name in result.metrics})
    if args.metric not in present:
        raise unknown(args.metric, present)
    runs = contenders(results)
    baseline = find_contender(args.baseline, runs) if args.baseline else None
    only = [find_contender(words, runs) for words in args.row]
    runs = {row: by_split for row, by_split in runs.items() if not only or row in (*only, baseline)}
    between = contender_pairs(runs, baseline)
    if not between:
        raise InputError("compare: there is only one row; give folders with more rows, or more --row options")
    warnings = [warning for row in rows(results) for warning in row.warnings]
    if args.per_class:
        return _classes(args, runs, between, warnings, console)
    places = {id(result): path for path, result in results.items()}
    return _comparisons(args, runs, between, warnings, console, places)


def _comparisons(
    args: argparse.Namespace,
    runs: Runs,
    pairs: list[ContenderPair],
    warnings: list[str],
    console: Console | None,
    places: Mapping[int, Path],
) -> int:
    """Show tables of tests and of ranks, or draw the ranks."""
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
    families = compare(runs, args.metric, pairs, args.per_split)
    if not families:
        raise InputError(f"compare: no two rows share a data set, class split, protocol and seed with {args.metric}")
    new = generalise(runs, args.metric, pairs, places) if len(pairs) <= MOST else []
    made = [*map(comparison_sheet, families), *map(generalisation_sheet, new), *map(ranking_sheet, ranked)]
    many = [f"{len(pairs)} pairs are more than {MOST}; choose rows with --row"] * (len(pairs) > MOST)
    made = _noted(made, "no tests over images and classes: ", many)
    made = _noted(_noted(made, "no ranking: ", missing), "", _statements(runs))
    made = _noted(made, WARNING, warnings)
    return deliver(made, lambda: comparisons_csv(families, generalisations_csv(new)), args, console)


def _classes(
    args: argparse.Namespace, runs: Runs, pairs: list[ContenderPair], warnings: list[str], console: Console | None
) -> int:
    """Show a table, or draw a bar plot, for each class split."""
    from zsl.reporting.comparison.classes import by_class
    from zsl.reporting.comparison.contenders import single_splits, split_groups
    from zsl.reporting.comparison.layout import class_sheet, classes_csv
    from zsl.reporting.layout import WARNING

    if len(pairs) > 1:
        labels = ", ".join(repr(row.label) for row in runs)
        raise InputError(f"--per-class: compares two rows; choose them with --row A --baseline B from {labels}")
    (a, b) = pairs[0]
    splits = [split for group in split_groups(runs) for split in single_splits(group, runs)]
    found = [classes for split in splits if (classes := by_class(split, runs, args.metric, a, b))]
    if not found:
        names = f"{a.label} and {b.label}"
        raise InputError(f"--per-class: {names} share no data, protocol and seed with {args.metric} by class")
    if form := _drawn(args.output):
        from zsl.reporting.comparison.class_plot import draw

        return _write(args.output, draw(found, form))
    made = _noted([class_sheet(split) for split in found], "", _statements(runs))
    return deliver(_noted(made, WARNING, warnings), lambda: classes_csv(found), args, console)


def _statements(runs: Runs) -> list[str]:
    """Return notes on the pretraining of backbones and on methods."""
    from zsl.reporting.comparison.contenders import method_notes, pretraining
    from zsl.reporting.layout import method_lines, pretraining_lines

    return [*pretraining_lines(pretraining(runs)), *method_lines(method_notes(runs))]


def _noted(made: list[Sheet], prefix: str, texts: list[str]) -> list[Sheet]:
    """Add notes below the last sheet."""
    return [*made[:-1], replace(made[-1], notes=(*made[-1].notes, *(prefix + text for text in texts)))]


def _drawn(output: Path | None) -> str:
    """Return the image format of a plot by the suffix of the file, empty for a table."""
    from zsl.reporting.drawing import UNDATED

    ending = output.suffix[1:] if output else ""
    return ending if ending in UNDATED else ""


def _write(output: Path, content: bytes) -> int:
    from zsl.files.atomic import write_bytes

    write_bytes(output, content)
    return 0
