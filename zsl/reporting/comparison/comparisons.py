"""Paired comparisons of contenders: within each data set over seeds or class splits, and across data sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import fmean
from typing import Literal, TypeAlias

from zsl.errors import InputError
from zsl.outputs.result import Result
from zsl.reporting.comparison.contenders import (
    Adapted,
    Contender,
    Runs,
    SplitGroup,
    adapted,
    by_protocol,
    pretraining,
    share_images,
    single_splits,
)
from zsl.reporting.comparison.paired import ALPHA, Paired, holm, paired
from zsl.reporting.layout import pretraining_cell

RunPair: TypeAlias = tuple[Result, Result]
Unit: TypeAlias = Literal["seed", "class split", "data set"]
MOST = 300
"""greatest number of pairs without a baseline: with more, Holm's correction leaves no difference significant"""
MINIMUM = 3
"""least number of data sets, class splits or contenders that are compared or ranked over"""


@dataclass(frozen=True)
class Comparison:
    """Comparison a - b of two contenders over pairs of runs."""

    a: Contender
    b: Contender
    a_mean: float
    b_mean: float
    paired: Paired
    t_holm: float | None = None
    """p of the t test, corrected over the comparisons of its table"""
    wilcoxon_holm: float | None = None
    """p of Wilcoxon's test, corrected over the comparisons of its table"""
    seeds: int = 0
    """least number of seeds on a class split"""
    unpaired: int = 0
    """number of runs left out because the other contender has no run with their seed on their class split"""
    deterministic: bool = False
    """whether both are deterministic"""
    caution: str = ""
    """reason why the comparison is unfair, empty where there is none"""

    @property
    def real(self) -> bool:
        """Whether the difference is significant at 5 % after Holm's correction: by t, across data sets by Wilcoxon."""
        p = self.wilcoxon_holm if self.t_holm is None else self.t_holm
        return p is not None and p < ALPHA


@dataclass(frozen=True)
class Comparisons:
    """One family of comparisons, whose p values are corrected together."""

    title: str
    protocol: str
    metric: str
    unit: Unit
    """unit of replication: one pair per seed, class split or data set"""
    lines: tuple[Comparison, ...]
    shared_images: bool = False
    """whether some pairs are class splits, or data sets, of the same images"""
    adapted: Adapted = ()
    """contenders whose configuration varies between pairs, with the keys that vary"""
    pretraining: str = ""
    """what the cards of the data sets say of the pretraining of their backbones"""


def compare(
    runs: Runs, metric: str, between: Sequence[tuple[Contender, Contender]], per_split: bool = False
) -> list[Comparisons]:
    """Compare on every data set (``per_split``: every class split), and across data sets where there are `MINIMUM`."""
    families = []
    for protocol, found in by_protocol(runs).items():
        parts = [part for whole in found for part in (single_splits(whole, runs) if per_split else [whole])]
        families += [within(part, runs, metric, between) for part in parts]
        if len(found) >= MINIMUM:
            families.append(across(protocol, found, runs, metric, between))
    return [family for family in families if family.lines]


def within(group: SplitGroup, runs: Runs, metric: str, between: Sequence[tuple[Contender, Contender]]) -> Comparisons:
    """Compare on one data set, over its class splits where it has several, else over seeds.

    A pair consists of two runs on one class split with one seed. Pairs over the seeds of one class split test whether
    the difference would be replicated with other seeds on this split. Pairs over class splits test whether it would be
    replicated on other splits: seeds are averaged first and each split counts once, as counting seeds as pairs would
    be pseudoreplication (Hurlbert 1984). Splits of the same images share classes and images, so that they are not
    independent and p is somewhat too small (Dietterich 1998; Nadeau and Bengio 2003).
    """
    unit: Unit = "class split" if len(group.splits) > 1 else "seed"
    lines = []
    for a, b in between:
        splits = shared_runs(group, runs, metric, a, b)
        if not splits:
            continue
        numbers = _values(splits[0], metric) if unit == "seed" else _averaged(splits, metric)
        line = Comparison(a, b, fmean(numbers[0]), fmean(numbers[1]), paired(*numbers))
        used = {id(run) for pairs in splits for pair in pairs for run in pair}
        every = [runs[contender].get(split, {}) for contender in (a, b) for split in group.splits]
        unpaired = sum(id(run) not in used for by_number in every for run in by_number.values())
        deterministic = all(run.deterministic for pairs in splits for pair in pairs for run in pair)
        caution, fewest = _caution(*splits[0][0]), min(map(len, splits))
        lines.append(replace(line, seeds=fewest, unpaired=unpaired, deterministic=deterministic, caution=caution))
    overlap = share_images(group.splits, ("features", "labels"))
    uneven, trained = adapted(runs, [group]), pretraining_cell(pretraining(runs, group.splits))
    return Comparisons(group.title, group.protocol, metric, unit, corrected(lines), overlap, uneven, trained)


def across(
    protocol: str, found: Sequence[SplitGroup], runs: Runs, metric: str, between: Sequence[tuple[Contender, Contender]]
) -> Comparisons:
    """Compare across data sets; each counts once, by the mean over its class splits of the mean over their seeds.

    Only Wilcoxon's test is made: unlike a difference of mean ranks, its result for two methods does not depend on the
    other methods in the table (Benavoli, Corani and Mangili 2016).
    """
    lines = []
    for a, b in between:
        sets = [shared_runs(group, runs, metric, a, b) for group in found]
        means = [[fmean(values) for values in _averaged(splits, metric)] for splits in sets if splits]
        if means:
            ours, theirs = ([pair[i] for pair in means] for i in range(2))
            fewest = min(len(seeds) for splits in sets for seeds in splits)
            tested = paired(ours, theirs, commensurable=False)
            lines.append(Comparison(a, b, fmean(ours), fmean(theirs), tested, seeds=fewest))
    overlap, title = share_images([one.splits[0] for one in found], ("labels",)), f"{len(found)} data sets"
    uneven = adapted(runs, found)
    trained = pretraining_cell(pretraining(runs, [split for one in found for split in one.splits]))
    return Comparisons(title, protocol, metric, "data set", corrected(lines), overlap, uneven, trained)


def shared_runs(group: SplitGroup, runs: Runs, metric: str, a: Contender, b: Contender) -> list[list[RunPair]]:
    """Return lists of pairs of runs with a common seed and the metric, one list per class split that has any."""
    found = []
    for split in group.splits:
        pairs = run_pairs(runs[a].get(split, {}), runs[b].get(split, {}))
        found.append([pair for pair in pairs if all(metric in run.metrics for run in pair)])
    return [pairs for pairs in found if pairs]


def run_pairs(one: Mapping[int, Result], other: Mapping[int, Result]) -> list[RunPair]:
    """Return pairs of runs with a common seed; a deterministic run is paired with every seed of the other contender."""
    a, b = _at_every_seed(one, other), _at_every_seed(other, one)
    return [(a[seed], b[seed]) for seed in sorted(a.keys() & b.keys())]


def _at_every_seed(one: Mapping[int, Result], other: Mapping[int, Result]) -> Mapping[int, Result]:
    if not one or not all(run.deterministic for run in one.values()):
        return one
    anyone = one[min(one)]
    return {seed: one.get(seed, anyone) for seed in {*one, *other}}


def _values(pairs: Sequence[RunPair], metric: str) -> tuple[list[float], list[float]]:
    return [a.metrics[metric] for a, _ in pairs], [b.metrics[metric] for _, b in pairs]


def _averaged(splits: Sequence[Sequence[RunPair]], metric: str) -> tuple[list[float], list[float]]:
    """Return one pair per class split: the means over its seeds."""
    values = [_values(pairs, metric) for pairs in splits]
    return [fmean(a) for a, _ in values], [fmean(b) for _, b in values]


def _caution(a: Result, b: Result) -> str:
    """Return why a comparison is unfair: other information on unseen classes, or selection on the evaluated classes."""
    if a.setting != b.setting:
        return f"{a.setting} against {b.setting}: the settings differ in what training may use of unseen classes"
    if a.protocol == "tune" and (a.selection.policy == "fixed") != (b.selection.policy == "fixed"):
        return "one was chosen on the validation classes that both are evaluated on"
    return ""


def corrected(lines: Sequence[Comparison]) -> tuple[Comparison, ...]:
    """Return the comparisons with p corrected by Holm's method, for each test over all comparisons."""
    t = holm([line.paired.t_p for line in lines])
    wilcoxon = holm([line.paired.wilcoxon_p for line in lines])
    return tuple(replace(line, t_holm=t[i], wilcoxon_holm=wilcoxon[i]) for i, line in enumerate(lines))


def contender_pairs(runs: Runs, baseline: Contender | None) -> list[tuple[Contender, Contender]]:
    """Return pairs of contenders: each with the baseline, or, without one, all pairs.

    Raises:
        InputError: without a baseline there are more than `MOST` pairs.
    """
    if baseline is None:
        count = len(runs) * (len(runs) - 1) // 2
        if count > MOST:
            raise InputError(
                f"compare: {len(runs)} rows make {count} pairs, more than {MOST}; choose a row to compare all others "
                "with (--baseline ROW), or the rows to compare (--row ROW)"
            )
        return list(combinations(runs, 2))
    return [(contender, baseline) for contender in runs if contender != baseline]


def find_contender(words: str, runs: Runs) -> Contender:
    """Return the contender with this label, or the only one whose label contains all of these words.

    Raises:
        InputError: no contender or several contenders match.
    """
    wanted = set(words.split())
    exact = [contender for contender in runs if contender.label == words]
    found = exact or [contender for contender in runs if wanted and wanted <= set(contender.label.split())]
    if len(found) == 1:
        return found[0]
    labels = ", ".join(repr(contender.label) for contender in found or runs)
    raise InputError(f"compare: {words!r} matches {'several rows' if found else 'no row'}; choose one of {labels}")
