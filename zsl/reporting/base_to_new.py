"""Base-to-new generalisation: the two split label spaces of the published protocol beside their union."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean

from zsl.errors import InputError
from zsl.outputs.schema import DAGGER
from zsl.outputs.statistics import over_seeds
from zsl.reporting.columns import CALIBRATED, NOT_CALIBRATED
from zsl.reporting.layout import MOST, SECTIONS, sheets, statements
from zsl.reporting.pivot import WORDS, pivot
from zsl.reporting.sheet import Cell, Line, Sheet, numbers_after, without_shared
from zsl.reporting.table import Row

SPLIT = "_split"
UNIONS = {"H": "given_away", "H_calibrated": "given_away_calibrated"}
"""H on the union -> the share of ``H_split`` that it lacks, 1 - H/H_split"""
SHOWN = ("s_split", "u_split", "H_split", "s", "u", "H", "given_away")
CHOSEN = ("s_calibrated", "u_calibrated", "H_calibrated", "given_away_calibrated")
WHOLE = ("AUSUC", "AUROC")
NOTES = (
    "split: seen (base) images among seen classes alone, unseen (new) images among unseen classes alone, the published "
    "base-to-new protocol; without it: among all classes together",
    "given away: 1 - H/H split, the share of the published H that is lost where one label space holds both",
)
AVERAGES = (
    "H of means: harmonic mean of mean base and mean new accuracy, as papers print it; mean of H: mean over data sets "
    "of the mean H over seeds",
)


def base_to_new(rows: Sequence[Row], std: bool = False) -> tuple[list[Row], list[str], list[Sheet]]:
    """Return the rows with the shares given away, the metrics to show, and the sheets: rows, then averages.

    Raises:
        InputError: no run has accuracies of split label spaces.
    """
    found = [_with_shares(row) for row in rows if {"H" + SPLIT, "H" + SPLIT + DAGGER} & row.metrics.keys()]
    if not found:
        raise InputError(
            "--base-to-new: no run has s_split and u_split, which need test images of seen classes; "
            "make runs of older versions again"
        )
    present = {name.removesuffix(DAGGER) for row in found for name in row.metrics}
    names = [name for name in (*SHOWN, *CHOSEN, *WHOLE) if name in present]
    hint = NOT_CALIBRATED if all(row.key.policy == "validation" for row in found) else CALIBRATED
    notes = NOTES if "H_calibrated" in present else (*NOTES, hint)
    tables = [replace(sheet, notes=(*notes, *sheet.notes)) for sheet in sheets(found, names, std)]
    return found, names, [*tables, *_averages(found, [name for name in UNIONS if name in present])]


def _with_shares(row: Row) -> Row:
    runs = [{**run, **_shares(run)} for run in row.runs]
    return replace(row, runs=tuple(runs), metrics=over_seeds(runs))


def _shares(run: Mapping[str, float]) -> dict[str, float]:
    return {
        share + mark: 1 - run[union + mark] / run["H" + SPLIT + mark]
        for mark in ("", DAGGER)
        for union, share in UNIONS.items()
        if union + mark in run and run.get("H" + SPLIT + mark, 0) > 0
    }


def _averages(rows: Sequence[Row], unions: Sequence[str]) -> list[Sheet]:
    """Return a sheet of every protocol, with a line for each method and the averages over its data sets."""
    kinds = ["H" + SPLIT, *unions]
    heads = [
        f"{head} ({_name(kind)})" for kind in kinds for head in ("base", "new", "H of means", "mean of H", "given away")
    ]
    heads = [head for head in heads if head != f"given away ({_name('H' + SPLIT)})"]
    made = []
    for protocol, title in SECTIONS.items():
        own = [row for row in rows if row.key.protocol == protocol]
        found = pivot(own, ["H" + SPLIT, "H" + SPLIT + DAGGER], MOST)
        lines: list[Line] = []
        for words, places in zip(found.words, found.rows, strict=True):
            numbers = _averaged([own[i] for i in places.values()], kinds)
            cells = [*(Cell("" if word == "none" else word) for word in words), Cell(str(len(places)))]
            cells += [Cell("" if x is None else f"{x:.{digits}f}", value=x) for x, digits in numbers]
            lines.append(Line(len(lines), tuple(cells)))
        if lines:
            header = (*WORDS, "data sets", *heads)
            numeric = numbers_after(len(WORDS), header)
            below = (*AVERAGES, *statements(own))
            made.append(without_shared(Sheet(f"Averages, {title}", header, tuple(lines), below, (), numeric)))
    return made


def _name(kind: str) -> str:
    return {"H" + SPLIT: "split", "H": "union", "H_calibrated": "union, γ"}[kind]


def _averaged(rows: Sequence[Row], kinds: Sequence[str]) -> list[tuple[float | None, int]]:
    """Return base, new, H of means, mean of H and, but for the split, the share given away, with their decimals."""
    numbers: list[tuple[float | None, int]] = []
    split = None
    for kind in kinds:
        s, u, mean = (_mean(rows, letter + kind[1:]) for letter in "suH")
        of_means = None if s is None or u is None else 2 * s * u / (s + u) if s + u else 0.0
        numbers += [(s, 1), (u, 1), (of_means, 1), (mean, 1)]
        if kind == "H" + SPLIT:
            split = of_means
        else:
            numbers.append((1 - of_means / split if of_means is not None and split else None, 2))
    return numbers


def _mean(rows: Sequence[Row], name: str) -> float | None:
    """Return the mean over rows of the mean over seeds, where every row has it."""
    found = [row.metrics.get(name) or row.metrics.get(name + DAGGER) for row in rows]
    known = [summary.mean for summary in found if summary is not None]
    return fmean(known) if len(known) == len(rows) else None
