"""Oracle gap: the gain of choosing hyperparameters on the test set instead of on validation classes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from zsl.errors import InputError
from zsl.outputs.schema import DAGGER
from zsl.outputs.statistics import Summary, summarize
from zsl.reporting.sheet import Cell, Line, Sheet, numbers_after, without_shared
from zsl.reporting.table import Row, RowKey
from zsl.reporting.wording import figure, label, options

GAPS = {"T1": "T1", "H_raw": "H", "H": "H_calibrated"}
"""objective of a choice -> the metric of test images that the same choice maximises on the test set"""

OF_POLICY = ("selection.policy", "protocol.seen_holdout")
"""keys that differ between policies: only validation holds images of seen classes out"""
PROMPTS = "sweep.class_embedding."
NEEDS = "--oracle: no search was made with selection=validation and again with selection=test; make both"
NOTES = (
    f"{DAGGER} what papers print that choose epochs and hyperparameters on the test set: no valid result",
    "oracle gap: what that choice adds, of the same seed with the same search; ± is half a 95 % interval of the mean",
)


@dataclass(frozen=True)
class Gap:
    """One metric, over the common seeds."""

    on_test: Summary
    on_validation: Summary
    gain: Summary
    """of the first over the second, seed by seed"""


@dataclass(frozen=True)
class OracleGap:
    """Oracle gap of a row that was chosen on the test set, over the seeds that the honest row has too."""

    row: Row
    of: Mapping[str, Gap]
    """by the metric that was maximised"""
    seeds: tuple[int, ...]
    """common seeds"""
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
        name: _compared([best[seed][name + DAGGER] for seed in seeds], [honest[seed][name] for seed in seeds])
        for name in GAPS.values()
        if name in _maximised(row.key)
        if seeds and all(name + DAGGER in best[seed] and name in honest[seed] for seed in seeds)
    }
    return OracleGap(row, of, seeds, set(row.seeds) != set(other.seeds))


def _compared(best: Sequence[float], honest: Sequence[float]) -> Gap:
    gains = [one - other for one, other in zip(best, honest, strict=True)]
    return Gap(summarize(best), summarize(honest), summarize(gains))


def gap_note(gap: OracleGap) -> str:
    """Return the gap as a note below a table."""
    key = gap.row.key
    over = f" (common seeds: {', '.join(map(str, gap.seeds))})" if gap.some else ""
    gaps = (
        f"{label(name)} {of.on_test.mean:.1f}{DAGGER} - {of.on_validation.mean:.1f} = {of.gain.mean:+.1f}"
        for name, of in gap.of.items()
    )
    searched = [name.removeprefix("sweep.") for name, _ in key.config if name.startswith(PROMPTS)]
    what = f"{key.method} and {', '.join(searched)}" if searched else key.method
    return f"oracle gap of {what}, {key.data_title}: {', '.join(gaps)}{over}"


def oracle_sheets(rows: Sequence[Row], std: bool = False) -> list[Sheet]:
    """Return a sheet with a line for every gap, greatest first within each data set.

    Raises:
        InputError: no search was made both ways.
    """
    gaps = required(rows)
    header = ("method", "data", "φ", "options", "seeds", "metric", "validation", f"test {DAGGER}", "oracle gap")
    told = {id(gap): text for gap, text in zip(gaps, options([gap.row for gap in gaps]), strict=True)}
    lines = []
    for gap in sorted(gaps, key=lambda gap: -max(of.gain.mean for of in gap.of.values())):
        key = gap.row.key
        for name, of in gap.of.items():
            cells = [
                key.method,
                key.data_title,
                key.class_embedding,
                told[id(gap)],
                f"{len(gap.seeds)} seed" + "s" * (len(gap.seeds) != 1),
                label(name),
            ]
            cells += [figure(name, each, 0, std) for each in (of.on_validation, of.on_test)]
            lines.append(Line(0, tuple(map(Cell, (*cells, f"{of.gain.mean:+.1f}{_interval(of.gain)}")))))
    lines.sort(key=lambda line: line.cells[1].text)
    return [without_shared(Sheet("Oracle gap", header, tuple(lines), NOTES, (), numbers_after(6, header)))]


def required(rows: Sequence[Row]) -> list[OracleGap]:
    """Return the gaps of rows.

    Raises:
        InputError: there is none.
    """
    gaps = oracle_gaps(rows)
    if not gaps:
        raise InputError(NEEDS)
    return gaps


def _interval(gain: Summary) -> str:
    return "" if gain.ci is None else f" ± {gain.ci:.1f}"


def _maximised(of: RowKey) -> Sequence[str]:
    objective = json.loads(dict(of.config).get("selection.objective", "null"))
    return [GAPS[objective]] if objective in GAPS else list(GAPS.values())


def _but_for_selection(of: RowKey) -> RowKey:
    return replace(of, policy="", config=tuple(pair for pair in of.config if pair[0] not in OF_POLICY))
