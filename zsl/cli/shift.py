"""``zsl shift``: accuracy on several test sets of one label space, relative and effective robustness."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from zsl.errors import InputError
from zsl.reporting import figures

if TYPE_CHECKING:
    from zsl.evaluation.shift import Accuracy, Line

HELP = "distribution shift: accuracy on several test sets, relative and effective robustness"
EPILOG = """RUN: runs with save.predictions=true whose images have paths; the first folder of a path, such as the vendor
of an emoji, is its test set. With --labels only images of these classes count, and only these classes are answered; the
runs need save.scores=true. A table of accuracies has a column model and a column of percentages for every test set.

examples:
  zsl train -m data=emoji method=eszsl,ale data.held_out=noto,twemoji save.predictions=true paths.output=runs/vendors
  zsl shift runs/vendors --reference noto
  zsl shift accuracies.csv --reference imagenet --standard resnet50,resnet101 --output robustness.csv

Effective robustness is accuracy beyond what a line through standard models predicts: for imagenet-v2, imagenet-sketch,
imagenet-r, imagenet-a and objectnet that of the published models, for other test sets the line of --standard. For
imagenet-r, imagenet-a and objectnet the reference is accuracy on the matching classes: a column imagenet-r-classes,
imagenet-a-classes or objectnet-classes."""
MATCHING = ("imagenet-r", "imagenet-a", "objectnet")
"""test sets of some classes of the reference"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``zsl shift``."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="RUN|TABLE", help="folders of runs, or one table")
    parser.add_argument("--reference", required=True, metavar="NAME", help="the test set without a shift")
    parser.add_argument("--among", choices=("unseen", "all"), default="unseen", help="classes answered, of runs")
    parser.add_argument("--labels", metavar="NAMES|FILE", help="of runs: ask about these classes alone")
    parser.add_argument("--standard", metavar="NAMES|FILE", help="models through which lines are fitted")
    figures.add_arguments(parser)
    parser.epilog, parser.formatter_class = EPILOG, argparse.RawDescriptionHelpFormatter


def main(arguments: argparse.Namespace) -> int:
    """Print or write one row for every model and test set; return the exit status.

    Raises:
        InputError: a run or the table cannot be used, a name is unknown, or a file cannot be written.
    """
    from zsl.cli.label_tables import named
    from zsl.evaluation.shift import robustness
    from zsl.files.table import TABLES
    from zsl.reporting.test_sets import of_runs, of_table

    paths = arguments.paths
    labels, standard = named(arguments.labels, "--labels"), named(arguments.standard, "--standard")
    if len(paths) == 1 and paths[0].suffix.lower() in TABLES:
        if labels is not None:
            raise InputError("--labels: is of runs; a table holds accuracies alone")
        found = of_table(paths[0])
    else:
        found = of_runs(paths, arguments.among, labels)
    references = {
        test: f"{test}-classes"
        for accuracies in found.values()
        for test in accuracies
        if test in MATCHING and f"{test}-classes" in accuracies
    }
    lines, notes = _lines(found, arguments.reference, references, standard)
    notes += [f"{test}: not compared with a line, for want of a column {test}-classes" for test in _unmatched(found)]
    if any(accuracy.images for accuracies in found.values() for accuracy in accuracies.values()):
        notes.append("low, high: 99.5 % Clopper-Pearson interval over images")
    return figures.deliver(robustness(found, arguments.reference, lines, references), notes, arguments)


def _lines(
    found: Mapping[str, Mapping[str, Accuracy]],
    reference: str,
    references: Mapping[str, str],
    standard: list[str] | None,
) -> tuple[dict[str, Line], list[str]]:
    from zsl.evaluation.shift import BASELINES, fitted_line

    missing = [name for name in standard or () if name not in found]
    if missing:
        raise InputError(f"--standard: {missing[0]!r} is no model; choose among {', '.join(list(found)[:8])}")
    lines: dict[str, Line] = {}
    notes = []
    for test in dict.fromkeys(test for accuracies in found.values() for test in accuracies):
        own = references.get(test, reference)
        if standard:
            both = [found[name] for name in standard if {test, own} <= set(found[name])]
            if test != own and both:
                lines[test] = fitted_line([it[own].percent for it in both], [it[test].percent for it in both])
                notes.append(f"{test}: line through {len(both)} models, slope {lines[test].slope:.3f}")
        elif test in BASELINES and (test not in MATCHING or test in references):
            lines[test] = BASELINES[test]
            notes.append(f"{test}: line of the standard models of Taori et al. (2020)")
    return lines, notes


def _unmatched(found: Mapping[str, Mapping[str, Accuracy]]) -> list[str]:
    tests = {test for accuracies in found.values() for test in accuracies}
    return [test for test in MATCHING if test in tests and f"{test}-classes" not in tests]
