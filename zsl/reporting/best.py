"""Which numbers of a column are bold: the best, and all that cannot be told from it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from zsl.outputs.schema import DAGGER, scale
from zsl.reporting.table import Row, RowKey
from zsl.reporting.wording import DECIMALS

RULE = (
    "bold: the best of its data set, features and setting, and every number whose 95 % interval over seeds overlaps "
    "with that of the best"
)
ONE_SEED = (
    "one seed of a method that draws random numbers has no interval: it is never bold, and where it is the highest, "
    "nothing is"
)
Block: TypeAlias = tuple[str, tuple[tuple[str, str], ...], str]


def block(of: RowKey) -> Block:
    """Rows with equal blocks answer the same questions about the same images, told the same about the unseen.

    On validation classes, what was chosen there does not compete with what was not.
    """
    data = tuple((key, value) for key, value in of.fingerprints if key != "class_embeddings")
    measured_where_chosen = of.policy if of.protocol == "tune" else ""
    return of.data_title, data, of.setting + measured_where_chosen


def best(rows: Sequence[Row], name: str) -> set[int]:
    """The rows whose number is bold, by `RULE` and `ONE_SEED`, as far as the decimals shown tell.

    A number that is no more than chance is never bold; where a block has one number, none is.
    """
    found = (i for own in _competing(rows, name) for i in _undistinguished(rows, own, name))
    return {i for i in found if name not in rows[i].at_chance}


def highest(rows: Sequence[Row], name: str) -> set[int]:
    """The rows whose number is the highest of its block, whether or not it can be told from the others."""
    return {i for own in _competing(rows, name) for i in _top(rows, own, name)}


def without_interval(rows: Iterable[Row], name: str) -> bool:
    """Whether one of these numbers is of one seed and may be another with another seed."""
    return any(_interval(row, name) is None for row in rows if name in row.metrics)


def higher_is_better(name: str) -> bool:
    """Whether more of this metric is better, as of accuracies and areas; of the others less is."""
    return scale(name) == "percent" or name.startswith(("AUSUC", "AUROC"))


def _competing(rows: Sequence[Row], name: str) -> list[list[int]]:
    """The rows of every block that has several numbers, of a metric of which more is better."""
    blocks: dict[Block, list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        if name in row.metrics and not name.endswith(DAGGER) and higher_is_better(name):
            blocks[block(row.key)].append(i)
    return [own for own in blocks.values() if len(own) > 1]


def _top(rows: Sequence[Row], own: Sequence[int], name: str) -> list[int]:
    means = {i: round(rows[i].metrics[name].mean, DECIMALS[scale(name)]) for i in own}
    return [i for i in own if means[i] == max(means.values())]


def _undistinguished(rows: Sequence[Row], own: Sequence[int], name: str) -> list[int]:
    """Those of ``own`` that are the best, or overlap with the best."""
    digits, top = DECIMALS[scale(name)], _top(rows, own, name)
    intervals = {i: found for i in own if (found := _interval(rows[i], name)) is not None}
    if not set(top) <= intervals.keys():
        return []
    low = min(intervals[i][0] for i in top)
    return [i for i, (_, high) in intervals.items() if round(high, digits) >= round(low, digits)]


def _interval(row: Row, name: str) -> tuple[float, float] | None:
    """The 95 % interval over seeds; a point where every seed gives the same, nothing where there is one seed only."""
    summary = row.metrics[name]
    if row.deterministic:
        return summary.mean, summary.mean
    return None if summary.ci is None else (summary.mean - summary.ci, summary.mean + summary.ci)
