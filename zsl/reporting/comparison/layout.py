"""Layout of comparisons, ranks and differences by class as sheets and as CSV."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from string import ascii_letters

from zsl.files.escaping import csv_text
from zsl.outputs.schema import scale
from zsl.outputs.statistics import Summary
from zsl.reporting.comparison.classes import ClassDifferences
from zsl.reporting.comparison.comparisons import Comparison, Comparisons
from zsl.reporting.comparison.contenders import Adapted
from zsl.reporting.comparison.paired import ALPHA
from zsl.reporting.comparison.ranking import Ranking
from zsl.reporting.layout import FEW, SECTIONS, WARNING
from zsl.reporting.sheet import Cell, Line, Sheet, numbers_after
from zsl.reporting.wording import DECIMALS, label
from zsl.reporting.wording import seeds as numbers

NAMED = 3
"""greatest number of comparisons that a note names; further ones are counted"""
UNITS = {
    "seed": "one pair per seed, on one class split: tests whether the difference generalises to other seeds on it",
    "class split": "one pair per class split, averaged over seeds: tests whether the difference generalises to other "
    "class splits",
    "data set": "one pair per data set, averaged over class splits and seeds; differences on different data sets are "
    "not commensurable, so that only their signs and ranks are tested",
}
SHARED = {
    "class split": "class splits of the same images share classes and images: they are not independent, and p is too "
    "small",
    "data set": "some data sets have the same images, with other features or splits: they are not independent",
}
HEADER = ("a - b", "pairs", "a", "b", "difference", "d_z", "p (t)", "Holm", "p (Wilcoxon)", "Holm ")


def comparison_sheet(found: Comparisons) -> Sheet:
    """Return one family of comparisons as a sheet without empty columns."""
    digits = DECIMALS[scale(found.metric)]
    lines = [
        [
            _name(line),
            str(line.paired.n),
            f"{line.a_mean:.{digits}f}",
            f"{line.b_mean:.{digits}f}",
            f"{line.paired.mean:+.{digits}f}" + ("" if line.paired.ci is None else f" ± {line.paired.ci:.{digits}f}"),
            "" if line.paired.d_z is None else f"{line.paired.d_z:.2f}",
            *map(p_value, (line.paired.t_p, line.t_holm, line.paired.wilcoxon_p, line.wilcoxon_holm)),
        ]
        for line in found.lines
    ]
    kept = [j for j in range(len(HEADER)) if any(cells[j] for cells in lines)]
    body = tuple(
        Line(0, tuple(Cell(cells[j], HEADER[j] == "difference" and line.real) for j in kept))
        for cells, line in zip(lines, found.lines, strict=True)
    )
    title = f"{label(found.metric)}, a - b: {found.title}. {SECTIONS[found.protocol]}"
    bold = f"bold: p < {ALPHA} after Holm's correction, by the {'Wilcoxon' if found.unit == 'data set' else 't'} test"
    legend = (bold,) * any(line.real for line in found.lines)
    header = tuple(HEADER[j].strip() for j in kept)
    return Sheet(title, header, body, tuple(_notes(found)), legend, numbers_after(1, header))


def _notes(found: Comparisons) -> Iterator[str]:
    yield UNITS[found.unit]
    tested = [line for line in found.lines if line.paired.wilcoxon_p is not None]
    if any(line.paired.d_z is not None for line in tested):
        yield "± half width of the 95 % confidence interval; d_z: mean / standard deviation of the differences"
    if len(tested) > 1:
        yield f"Holm: corrected for the {len(tested)} comparisons of this table that are tested"
    if found.shared_images:
        yield SHARED[found.unit]
    yield from _uneven(found.adapted)
    remarks: dict[str, list[Comparison]] = defaultdict(list)
    for line in found.lines:
        remarks[line.paired.remark].append(line)
    yield from (f"no p for {_names(lines)}: {remark}" for remark, lines in remarks.items() if remark)
    cautions: dict[str, list[Comparison]] = defaultdict(list)
    for line in found.lines:
        cautions[line.caution].append(line)
    yield from (f"{_names(lines)}: {caution}" for caution, lines in cautions.items() if caution)
    if zero := [line for line in tested if line.paired.zeros]:
        yield f"Wilcoxon's test leaves out pairs without a difference: {_names(zero)}"
    if tested and (floor := min(line.paired.floor for line in tested)) * len(tested) >= ALPHA:
        pairs = max(line.paired.n - line.paired.zeros for line in tested)
        yield (
            f"Wilcoxon's test cannot be significant: p of {pairs} pairs is at least {floor:.3g} (2 / 2^{pairs}), "
            f"after Holm's correction {min(1.0, floor * len(tested)):.3g}"
        )
    if left := [line for line in found.lines if line.unpaired]:
        yield f"runs without a counterpart of the same seed and class split are left out: {_names(left)}"
    if few := [line for line in tested if line.paired.n < FEW]:
        yield f"{WARNING}fewer than {FEW} pairs ({found.unit}s) for {_names(few)}"
    if few := [line for line in found.lines if line.seeds < FEW and found.unit != "seed" and not line.deterministic]:
        yield f"{WARNING}fewer than {FEW} seeds per {found.unit} for {_names(few)}"


def ranking_sheet(found: Ranking) -> Sheet:
    """Return average ranks as a sheet; contenders that share a letter do not differ significantly."""
    letters = ["" for _ in found.contenders]
    for i, (first, last) in enumerate(found.groups):
        letter = ascii_letters[i % len(ascii_letters)] + "'" * (i // len(ascii_letters))
        letters[first : last + 1] = [text + letter for text in letters[first : last + 1]]
    lines = tuple(
        Line(0, (Cell(contender.label), Cell(group), Cell(f"{rank:.2f}")))
        for contender, group, rank in zip(found.contenders, letters, found.ranks, strict=True)
    )
    notes = [f"ranks averaged over {len(found.blocks)} {found.unit}s: {'; '.join(found.blocks)} (1 is best)"]
    notes.append(f"Friedman: chi² = {found.statistic:.2f}, p {p_value(found.p, '= ')}; Nemenyi: {found.verdict}")
    if len(found.blocks) < 10:
        notes.append(
            f"with {len(found.blocks)} {found.unit}s, fewer than 10, Friedman's p is rough (chi² approximation)"
        )
    if found.left_out:
        labels = ", ".join(contender.label for contender in found.left_out)
        notes.append(f"not ranked, as not run on all {found.unit}s: {labels}")
    notes += [SHARED["data set"]] * found.shared_images
    notes += _uneven(found.adapted)
    if found.unit == "class split":
        notes.append("class splits of one data set: the ranking generalises to other splits of it, not to other data")
    title = f"Ranks by {label(found.metric)}. {SECTIONS[found.protocol]}"
    header = ("method", "not told apart", "average rank")
    return Sheet(title, header, lines, tuple(notes), (), numbers_after(2, header))


def class_sheet(found: ClassDifferences) -> Sheet:
    """Return the classes that gain most and those that lose most as a sheet."""
    lines = tuple(
        Line(
            int(line.difference.mean < 0),
            (
                Cell(line.name),
                Cell(line.kind),
                Cell(f"{line.a_mean:.1f}"),
                Cell(f"{line.b_mean:.1f}"),
                Cell(_signed(line.difference)),
                Cell(str(line.gained)),
                Cell(str(line.lost)),
            ),
        )
        for line in found.extremes
    )
    changes = [
        sum(line.difference.mean > 0 for line in found.lines),
        sum(line.difference.mean < 0 for line in found.lines),
    ]
    notes = [
        f"{changes[0]} of {len(found.lines)} classes gain, {changes[1]} lose; the most extreme {len(lines)} are shown",
        f"means over {len(found.seeds)} seeds ({numbers(found.seeds)}); gained, lost: number of seeds",
    ]
    if len(found.seeds) > 1:
        notes.append("± half width of the 95 % confidence interval of a class, not corrected for the number of classes")
        notes.append("without ±: every seed gives the same number")
    if len(found.seeds) < FEW:
        notes.append(f"{WARNING}the differences of classes come from fewer than {FEW} seeds ({len(found.seeds)})")
    title = f"Classes, a - b: {found.a.label} - {found.b.label}, {found.title}. {SECTIONS[found.protocol]}"
    header = ("class", "accuracy", "a", "b", "difference", "gained", "lost")
    return Sheet(title, header, lines, tuple(notes), (), numbers_after(2, header))


def comparisons_csv(families: Sequence[Comparisons], more: Sequence[Mapping[str, object]] = ()) -> str:
    """Return unrounded comparisons as CSV, one line each, then ``more`` lines of tests over images and classes."""
    header = ["data", "protocol", "metric", "unit", "a", "b", "pairs", "a mean", "b mean", "difference", "ci95", "d_z"]
    header += ["t p", "t p Holm", "Wilcoxon p", "Wilcoxon p Holm", "zeros", "seeds", "unpaired", "remark", "caution"]
    header += ["low", "high", "p", "p Holm", "pretraining"]
    lines: list[list[object]] = []
    for found in families:
        for line in found.lines:
            test = line.paired
            cells = [found.title, found.protocol, found.metric, found.unit, line.a.label, line.b.label, test.n]
            cells += [line.a_mean, line.b_mean, test.mean, test.ci, test.d_z, test.t_p, line.t_holm]
            cells += [test.wilcoxon_p, line.wilcoxon_holm, test.zeros, line.seeds, line.unpaired]
            lines.append([*cells, test.remark, line.caution, "", "", "", "", found.pretraining])
    lines += [[line.get(name, "") for name in header] for line in more]
    return csv_text([header, *lines])


def classes_csv(found: Sequence[ClassDifferences]) -> str:
    """Return unrounded differences by class as CSV, one line per class."""
    header = ["data", "protocol", "a", "b", "class", "accuracy", "a mean", "b mean", "difference", "std", "ci95", "n"]
    lines: list[list[object]] = []
    for split in found:
        for line in split.lines:
            d = line.difference
            cells = [split.title, split.protocol, split.a.label, split.b.label, line.name, line.kind]
            means = [line.a_mean, line.b_mean, d.mean, d.std, d.ci, d.n, line.gained, line.lost]
            lines.append([*cells, *means, split.pretraining])
    return csv_text([[*header, "gained", "lost", "pretraining"], *lines])


def _uneven(found: Adapted) -> Iterator[str]:
    """Yield a note on hyperparameters that vary with the data, which is fair only if none was chosen on test images."""
    if found:
        labels = (f"{contender.label} ({', '.join(keys)})" for contender, keys in found)
        yield f"configured separately for each data set or class split: {', '.join(labels)}"


def _name(line: Comparison) -> str:
    return f"{line.a.label} - {line.b.label}"


def _names(lines: Sequence[Comparison]) -> str:
    more = [f"{len(lines) - NAMED} more"] * (len(lines) > NAMED)
    return ", ".join([*map(_name, lines[:NAMED]), *more])


def p_value(p: float | None, equals: str = "") -> str:
    """Return p with three decimals, empty where there is none."""
    if p is None:
        return ""
    return "< 0.001" if p < 0.001 else f"{equals}{p:.3f}"


def _signed(difference: Summary) -> str:
    interval = f" ± {difference.ci:.1f}" if difference.ci and difference.std else ""
    return f"{difference.mean:+.1f}{interval}"
