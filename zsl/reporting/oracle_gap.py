"""The oracle gap: what choosing on the test set adds to choosing on validation classes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from zsl.outputs.schema import DAGGER
from zsl.reporting.table import Row, RowKey
from zsl.reporting.wording import label

GAPS = {"T1": "T1", "H_raw": "H", "H": "H_calibrated"}
"""objective of the choice -> the metric that it is on the test set: of another one, the choice is no oracle"""


@dataclass(frozen=True)
class OracleGap:
    """What choosing on the test set, as ``row`` did, adds to choosing on validation classes, seed by seed."""

    row: Row
    of: Mapping[str, tuple[float, float]]
    """metric -> its mean as chosen on the test set (†), and as chosen on validation classes"""
    seeds: tuple[int, ...]
    """that both have: the means are over these"""
    some: bool
    """whether either has others, too"""


def oracle_gaps(rows: Sequence[Row]) -> list[OracleGap]:
    """Every row whose choices were made on the test set, wherever the same was also chosen on validation classes, with
    one seed at least that is the same."""
    honest = {_but_for_selection(row.key): row for row in rows if row.key.policy == "validation"}
    pairs = [(row, honest.get(_but_for_selection(row.key))) for row in rows if row.key.policy == "test"]
    gaps = [_gap(row, other) for row, other in pairs if other is not None]
    return [gap for gap in gaps if gap.of]


def _gap(row: Row, other: Row) -> OracleGap:
    best, honest = (dict(zip(one.seeds, one.runs, strict=True)) for one in (row, other))
    seeds = tuple(seed for seed in best if seed in honest)
    of = {
        name: (fmean(best[seed][name + DAGGER] for seed in seeds), fmean(honest[seed][name] for seed in seeds))
        for name in GAPS.values()
        if name in _maximised(row.key)
        if seeds and all(name + DAGGER in best[seed] and name in honest[seed] for seed in seeds)
    }
    return OracleGap(row, of, seeds, set(row.seeds) != set(other.seeds))


def in_words(gap: OracleGap) -> str:
    """The gap as a note under a table."""
    of = gap.row.key
    over = f" (seeds that both have: {', '.join(map(str, gap.seeds))})" if gap.some else ""
    gaps = (
        f"{label(name)} {best:.1f}{DAGGER} - {honest:.1f} = {best - honest:+.1f}"
        for name, (best, honest) in gap.of.items()
    )
    return f"oracle gap of {of.method}, {of.data_title}: {', '.join(gaps)}{over}"


def _maximised(of: RowKey) -> Sequence[str]:
    objective = json.loads(dict(of.config).get("selection.objective", "null"))
    return [GAPS[objective]] if objective in GAPS else list(GAPS.values())


def _but_for_selection(of: RowKey) -> RowKey:
    return replace(of, policy="", config=tuple(pair for pair in of.config if pair[0] != "selection.policy"))
