"""Selective risk against coverage: what refusing the least confident answers gains, from saved predictions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float64
from numpy import ndarray as Array

from zsl.data.fingerprint import short_fingerprint
from zsl.errors import InputError
from zsl.evaluation.confidence import RiskCoverage, risk_coverage
from zsl.files.escaping import csv_text
from zsl.outputs.result import Result
from zsl.outputs.schema import DAGGER
from zsl.outputs.statistics import Summary, summarize
from zsl.reporting.comparison.predictions import Predicted, read
from zsl.reporting.layout import SECTIONS
from zsl.reporting.sheet import Cell, Line, Sheet, numbers_after, without_shared
from zsl.reporting.table import Row, RowKey
from zsl.reporting.wording import figure, options

GROUPS = ("all", "seen", "unseen")
"""groups of test images, by their true class"""
COVERAGES = (0.2, 0.4, 0.6, 0.8, 1.0)
"""coverages of the table"""
POINTS = 200
"""points of a curve that are drawn, at evenly spaced coverages"""
NEEDS = "no run has predictions with confidence; run again with save.predictions=true"
RISK = "risk: share of wrong answers, all classes being candidates, among the most confident images that coverage names"
CALIBRATED = "after the bias γ and the temperature that were chosen"
TEXTS = ("method", "data", "φ", "images")


@dataclass(frozen=True)
class RiskLine:
    """Curves of one configuration, for every group of test images one curve a seed."""

    place: tuple[str, str, str]
    """protocol, data set and class embedding, whose lines stand in one figure"""
    name: str
    curves: Mapping[str, Sequence[RiskCoverage]]
    calibrated: bool
    """whether confidence and answers are those after calibration"""
    seeds: int = 0
    """number of runs; those without predictions have no curve"""

    def area(self, group: str) -> Summary:
        """Return AURC of a group over seeds."""
        return summarize([curve.area for curve in self.curves[group]])

    def at(self, group: str, coverages: Sequence[float]) -> list[Summary]:
        """Return the risk of a group over seeds, at every coverage."""
        risks = [curve.at(np.asarray(coverages)) for curve in self.curves[group]]
        return [summarize([float(risk[i]) for risk in risks]) for i in range(len(coverages))]

    def grid(self, group: str) -> list[float]:
        """Return the coverages at which a curve is drawn: all of a small group, `POINTS` of a large one."""
        n = min(len(curve.risk) for curve in self.curves[group])
        counts = np.unique(np.ceil(np.arange(1, POINTS + 1) * n / POINTS)) if n > POINTS else np.arange(1, n + 1)
        return [float(count) / n for count in counts]


def risk_lines(rows: Sequence[Row], results: Mapping[Path, Result]) -> list[RiskLine]:
    """Return the lines of the rows that have predictions with confidence, calibrated where all of them are.

    Raises:
        InputError: no row has any, or a file of predictions cannot be read or belongs to another run.
    """
    found = [[one for path in row.paths if (one := read(results[path], path)) is not None] for row in rows]
    saved = [
        (row, own)
        for row, every in zip(rows, found, strict=True)
        if (own := [one for one in every if one.confidence is not None and len(one.labels)])
    ]
    if not saved:
        raise InputError(f"--risk: {NEEDS}")
    calibrated = all(_calibrated(one) is not None for _, own in saved for one in own)
    differing = options([row for row, _ in saved])
    lines = [_line(row, own, words, calibrated) for (row, own), words in zip(saved, differing, strict=True)]
    return _told_apart(lines, [row.key for row, _ in saved])


def _told_apart(lines: Sequence[RiskLine], keys: Sequence[RowKey]) -> list[RiskLine]:
    """Return lines of one place without equal names: selection, setting or fingerprint is added where it differs."""
    told: tuple[Callable[[RowKey], str], ...] = (
        lambda key: key.policy,
        lambda key: key.setting,
        lambda key: short_fingerprint(dict(key.fingerprints)),
    )
    found = list(lines)
    for word in told:
        alike: dict[tuple[tuple[str, str, str], str], list[int]] = defaultdict(list)
        for i, line in enumerate(found):
            alike[line.place, line.name].append(i)
        for group in alike.values():
            if len({word(keys[i]) for i in group}) > 1:
                for i in group:
                    found[i] = replace(found[i], name=f"{found[i].name}, {word(keys[i])}")
    return found


def _line(row: Row, runs: Sequence[Predicted], differing: str, calibrated: bool) -> RiskLine:
    key = row.key
    method = key.method if key.correction == "none" else f"{key.method} + {key.correction}"
    name = f"{method} {differing}".strip() + DAGGER * (key.policy == "test")
    curves: dict[str, list[RiskCoverage]] = {group: [] for group in GROUPS}
    for run in runs:
        confidence, right = _answers(run, calibrated)
        for group, of in (("all", np.ones_like(run.unseen)), ("seen", ~run.unseen), ("unseen", run.unseen)):
            if of.any():
                curves[group].append(risk_coverage(confidence[of], right[of]))
    kept = {group: own for group, own in curves.items() if own}
    return RiskLine((key.protocol, key.data_title, key.class_embedding), name, kept, calibrated, len(row.paths))


def _answers(run: Predicted, calibrated: bool) -> tuple[Float64[Array, " n"], Bool[Array, " n"]]:
    after = _calibrated(run) if calibrated else None
    if after is not None:
        return after
    assert run.confidence is not None
    return run.confidence, run.correct


def _calibrated(run: Predicted) -> tuple[Float64[Array, " n"], Bool[Array, " n"]] | None:
    if run.confidence_calibrated is None or run.correct_calibrated is None:
        return None
    return run.confidence_calibrated, run.correct_calibrated


def risk_sheets(lines: Sequence[RiskLine], std: bool = False) -> list[Sheet]:
    """Return a sheet for each protocol: risk at some coverages, and AURC, of every line and group of images."""
    made = []
    for protocol, title in SECTIONS.items():
        own = [line for line in lines if line.place[0] == protocol]
        if not own:
            continue
        header = (*TEXTS, *(f"risk at {100 * coverage:.0f} %" for coverage in COVERAGES), "AURC")
        body = [
            [line.name, line.place[1], line.place[2], group]
            + [figure("AURC", risk, line.seeds, std) for risk in (*line.at(group, COVERAGES), line.area(group))]
            for line in own
            for group in line.curves
        ]
        notes = (RISK, *([CALIBRATED] if own[0].calibrated else []), "AURC: mean of risk over all coverages")
        cells = tuple(Line(0, tuple(map(Cell, texts))) for texts in body)
        sheet = Sheet(f"Risk by coverage, {title}", header, cells, notes, (), numbers_after(len(TEXTS), header))
        made.append(without_shared(sheet))
    return made


def risk_csv(lines: Sequence[RiskLine]) -> str:
    """Return the points of all curves as CSV, with half the width of the interval over seeds."""
    header = ["method", "protocol", "data", "class_embedding", "images", "calibrated", "coverage", "risk", "ci"]
    body = [
        [line.name, *line.place, group, str(line.calibrated).lower(), coverage, risk.mean, risk.ci]
        for line in lines
        for group in line.curves
        for coverage, risk in zip(line.grid(group), line.at(group, line.grid(group)), strict=True)
    ]
    return csv_text([header, *body])
