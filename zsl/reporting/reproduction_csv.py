"""Comparison of runs with published numbers as CSV."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from zsl.data.pretraining import brief
from zsl.files.escaping import csv_text
from zsl.outputs.claims import USUAL, shown
from zsl.reporting.comparability import features
from zsl.reporting.reproduction import NONE, Reproduction, command
from zsl.reporting.verdict import Comparison

COLUMNS = (
    *("experiment", "data", "data_title", "features", "metric", "mean", "std", "ci95", "n"),
    *("published", "published_std", "published_n", "verified", "source"),
    *("difference", "difference_ci95", "tolerance", "outcome", "seeds_needed", "verdict", "not_known"),
    *("pretraining", "command", "results"),
)


def table_csv(found: Sequence[Reproduction]) -> str:
    """Return unrounded numbers as CSV, a line for every claim and metric; cells of an absent claim are empty."""
    lines: list[Sequence[object]] = [COLUMNS]
    for each in found:
        own = [each.experiment, each.example.data, each.example.data_title, features(each.example)]
        origin = [brief(each.row.pretraining), command(each), " ".join(path.as_posix() for path in each.paths)]
        names = shown((comparison.claim for comparison in each.comparisons), (*USUAL, "AUSUC"))
        for comparison, name in itertools.product(each.comparisons or (None,), names):
            if (ours := each.row.metrics.get(name)) is None:
                continue
            lines.append([*own, name, ours.mean, ours.std, ours.ci, ours.n, *_beside(comparison, name), *origin])
    return csv_text(lines)


def _beside(comparison: Comparison | None, name: str) -> list[object]:
    """Return the cells of a claim in a line of CSV."""
    if comparison is None:
        return [*[""] * 10, f"not comparable: {NONE}", ""]
    claim, theirs, found = comparison.claim, comparison.claim.metrics.get(name), comparison.differences.get(name)
    cells: list[object] = [theirs.mean, theirs.std, theirs.n] if theirs else ["", "", ""]
    cells += [claim.verified, claim.source]
    cells += [found.mean, found.half, found.tolerance, found.outcome, found.seeds] if found else [""] * 5
    return [*cells, str(comparison), "; ".join(comparison.caveats)]
