"""Oracle gap: the gain of choosing hyperparameters on the test set instead of on validation classes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from zsl.outputs.schema import DAGGER
from zsl.reporting.table import Row, RowKey
from zsl.reporting.wording import label

GAPS = {"T1": "T1", "H_raw": "H", "H": "H_calibrated"}
"""objective of a choice -> the metric of test images that the same choice maximises on the test set"""

OF_POLICY = ("selection.policy", "protocol.seen_holdout")
"""keys that differ between policies: only validation holds images of seen classes out"""
PROMPTS = "sweep.class_embedding."


@dataclass(frozen=True)
class OracleGap:
    """Oracle gap of a row that was chosen on the test set, over the seeds that the honest row has too."""

    row: Row
    of: Mapping[str, tuple[float, float]]
    """metric -> its mean where chosen on the test set (†), and its mean where chosen on validation classes"""
    seeds: tuple[int, ...]
    """common seeds, over which the means are taken"""
    some: bool
    """whether either row has further seeds"""


def oracle_gaps(rows: Sequence[Row]) -> list[OracleGap]:
    """Return the gap of every row that was chosen on the test set and has a counterpart chosen on validation classes.

    The two rows are equal but for the selection policy, and have at least one seed in common.
    """
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


def gap_note(gap: OracleGap) -> str:
    """Return the gap as a note below a table."""
    of = gap.row.key
    over = f" (common seeds: {', '.join(map(str, gap.seeds))})" if gap.some else ""
    gaps = (
        f"{label(name)} {best:.1f}{DAGGER} - {honest:.1f} = {best - honest:+.1f}"
        for name, (best, honest) in gap.of.items()
    )
    searched = [key.removeprefix("sweep.") for key, _ in of.config if key.startswith(PROMPTS)]
    what = f"{of.method} and {', '.join(searched)}" if searched else of.method
    return f"oracle gap of {what}, {of.data_title}: {', '.join(gaps)}{over}"


def _maximised(of: RowKey) -> Sequence[str]:
    objective = json.loads(dict(of.config).get("selection.objective", "null"))
    return [GAPS[objective]] if objective in GAPS else list(GAPS.values())


def _but_for_selection(of: RowKey) -> RowKey:
    return replace(of, policy="", config=tuple(pair for pair in of.config if pair[0] not in OF_POLICY))
