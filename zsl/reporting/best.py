"""Bold numbers of a table: the best of a column, and all that do not differ significantly from it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from zsl.outputs.schema import DAGGER, scale
from zsl.reporting.table import Row, RowKey
from zsl.reporting.wording import DECIMALS

RULE = (
    "bold: the best number of its data set, features and setting, and every number whose 95 % interval over seeds "
    "overlaps the interval of the best"
)
ONE_SEED = (
    "a single seed of a method that draws random numbers has no interval: such a number is never bold, and where it is "
    "the highest, no number is bold"
)
Block: TypeAlias = tuple[str, tuple[tuple[str, str], ...], str]


def block(of: RowKey) -> Block:
    """Return the block of a row: rows of one block have the same data and the same setting, and are comparable.

    On validation classes, rows whose hyperparameters were chosen on these classes form a block of their own.
    """
    data = tuple((key, value) for key, value in of.fingerprints if key != "class_embeddings")
    measured_where_chosen = of.policy if of.protocol == "tune" else ""
    return of.data_title, data, of.setting + measured_where_chosen


def best(rows: Sequence[Row], name: str) -> set[int]:
    """Return the positions of the rows whose number is bold by `RULE` and `ONE_SEED`, after rounding as in the table.

    A number that is not above chance is never bold; where a block has one number, none is.
    """
    found = (i for own in _competing(rows, name) for i in _not_worse(rows, own, name))
    return {i for i in found if name not in rows[i].at_chance}


def highest(rows: Sequence[Row], name: str) -> set[int]:
    """Return the positions of the rows whose number is the highest of its block, significant or not."""
    return {i for own in _competing(rows, name) for i in _top(rows, own, name)}


def without_interval(rows: Iterable[Row], name: str) -> bool:
    """Tell whether one of these numbers comes from a single seed and may change with the seed."""
    return any(_interval(row, name) is None for row in rows if name in row.metrics)


def higher_is_better(name: str) -> bool:
    """Tell whether higher values of this metric are better, as for accuracies and areas; else lower values are."""
    return scale(name) == "percent" or name.startswith(("AUSUC", "AUROC"))


def _competing(rows: Sequence[Row], name: str) -> list[list[int]]:
    """Return the rows of every block that has several numbers of a metric whose higher values are better."""
    blocks: dict[Block, list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        if name in row.metrics and not name.endswith(DAGGER) and higher_is_better(name):
            blocks[block(row.key)].append(i)
    return [own for own in blocks.values() if len(own) > 1]


def _top(rows: Sequence[Row], own: Sequence[int], name: str) -> list[int]:
    means = {i: round(rows[i].metrics[name].mean, DECIMALS[scale(name)]) for i in own}
    return [i for i in own if means[i] == max(means.values())]


def _not_worse(rows: Sequence[Row], own: Sequence[int], name: str) -> list[int]:
    """Return the rows of ``own`` that are the best, or whose interval overlaps the interval of the best."""
    digits, top = DECIMALS[scale(name)], _top(rows, own, name)
    intervals = {i: found for i in own if (found := _interval(rows[i], name)) is not None}
    if not set(top) <= intervals.keys():
        return []
    low = min(intervals[i][0] for i in top)
    return [i for i, (_, high) in intervals.items() if round(high, digits) >= round(low, digits)]


def _interval(row: Row, name: str) -> tuple[float, float] | None:
    """Return the 95 % interval over seeds; a point for deterministic methods, None for a single seed of others."""
    summary = row.metrics[name]
    if row.deterministic:
        return summary.mean, summary.mean
    return None if summary.ci is None else (summary.mean - summary.ci, summary.mean + summary.ci)
