"""Pairs of runs -> comparisons of contenders, one table a data set."""

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
    Population,
    Runs,
    adapted,
    alone,
    by_protocol,
    share_images,
)
from zsl.reporting.comparison.paired import ALPHA, Paired, holm, paired

Couple: TypeAlias = tuple[Result, Result]
Unit: TypeAlias = Literal["seed", "class split", "data set"]
MOST = 300
"""pairs that are compared without a baseline: with more, Holm's correction leaves no difference real"""
ENOUGH = 3
"""data sets from which on methods are compared over them"""


@dataclass(frozen=True)
class Comparison:
    """Two contenders, a - b, over the pairs that both have."""

    a: Contender
    b: Contender
    a_mean: float
    b_mean: float
    paired: Paired
    t_holm: float | None = None
    """p of the t test, corrected over the comparisons of its table"""
    wilcoxon_holm: float | None = None
    seeds: int = 0
    """the fewest behind one class split"""
    unpaired: int = 0
    """runs that were left out as the other has none with their seed on their class split"""
    settled: bool = False
    """whether no seed changes either of them"""
    caution: str = ""
    """why the two are not on an equal footing"""

    @property
    def real(self) -> bool:
        """Whether the difference stands at 5 % after Holm's correction: by t, between data sets by Wilcoxon's test."""
        p = self.wilcoxon_holm if self.t_holm is None else self.t_holm
        return p is not None and p < ALPHA


@dataclass(frozen=True)
class Comparisons:
    """One family: the comparisons that are corrected together."""

    title: str
    protocol: str
    metric: str
    unit: Unit
    """what one pair is"""
    lines: tuple[Comparison, ...]
    shared_images: bool = False
    """whether some pairs are class splits, or data sets, of the same images"""
    adapted: Adapted = ()
    """who was not configured alike in all pairs, and in which keys"""


def compare(
    runs: Runs, metric: str, between: Sequence[tuple[Contender, Contender]], per_split: bool = False
) -> list[Comparisons]:
    """Every data set (``per_split``: every class split) that has pairs, and over data sets where there are `ENOUGH`."""
    families = []
    for protocol, found in by_protocol(runs).items():
        parts = [part for whole in found for part in (alone(whole, runs) if per_split else [whole])]
        families += [within(part, runs, metric, between) for part in parts]
        if len(found) >= ENOUGH:
            families.append(over(protocol, found, runs, metric, between))
    return [family for family in families if family.lines]


def within(
    population: Population, runs: Runs, metric: str, between: Sequence[tuple[Contender, Contender]]
) -> Comparisons:
    """Compare on one data set, over its class splits where it has several, else over seeds.

    A pair are two runs of one world with one seed. What is replicated decides what is answered. Seeds on one class
    split: would this difference come again with other seeds, on this split? Class splits: would it come again on other
    splits? Seeds of a split are no replications of that: they are averaged first and a split counts once; to count
    them as pairs would be pseudoreplication (Hurlbert 1984). Splits of the same images share classes and images, so
    even they are not quite independent and p is somewhat too small (Dietterich 1998; Nadeau and Bengio 2003).
    """
    unit: Unit = "class split" if len(population.worlds) > 1 else "seed"
    lines = []
    for a, b in between:
        worlds = shared(population, runs, metric, a, b)
        if not worlds:
            continue
        numbers = _values(worlds[0], metric) if unit == "seed" else _averaged(worlds, metric)
        line = Comparison(a, b, fmean(numbers[0]), fmean(numbers[1]), paired(*numbers))
        used = {id(run) for couples in worlds for couple in couples for run in couple}
        every = [runs[contender].get(place, {}) for contender in (a, b) for place in population.worlds]
        unpaired = sum(id(run) not in used for by_number in every for run in by_number.values())
        settled = all(run.deterministic for couples in worlds for couple in couples for run in couple)
        caution, fewest = _caution(*worlds[0][0]), min(map(len, worlds))
        lines.append(replace(line, seeds=fewest, unpaired=unpaired, settled=settled, caution=caution))
    overlap = share_images(population.worlds, ("features", "labels"))
    uneven = adapted(runs, [population])
    return Comparisons(population.title, population.protocol, metric, unit, corrected(lines), overlap, uneven)


def over(
    protocol: str, found: Sequence[Population], runs: Runs, metric: str, between: Sequence[tuple[Contender, Contender]]
) -> Comparisons:
    """Compare over data sets, each of which counts once, with the mean of its class splits, these with that of seeds.

    By Wilcoxon's test alone: unlike a difference of mean ranks, what it says of two methods does not depend on which
    others are in the table (Benavoli, Corani and Mangili 2016).
    """
    lines = []
    for a, b in between:
        sets = [shared(population, runs, metric, a, b) for population in found]
        means = [[fmean(values) for values in _averaged(worlds, metric)] for worlds in sets if worlds]
        if means:
            ours, theirs = ([pair[i] for pair in means] for i in range(2))
            fewest = min(len(seeds) for worlds in sets for seeds in worlds)
            tested = paired(ours, theirs, commensurable=False)
            lines.append(Comparison(a, b, fmean(ours), fmean(theirs), tested, seeds=fewest))
    overlap, title = share_images([one.worlds[0] for one in found], ("labels",)), f"{len(found)} data sets"
    return Comparisons(title, protocol, metric, "data set", corrected(lines), overlap, adapted(runs, found))


def shared(population: Population, runs: Runs, metric: str, a: Contender, b: Contender) -> list[list[Couple]]:
    """The runs of both that share a seed, by seed, for every world that has such and where both have the metric."""
    found = []
    for place in population.worlds:
        couples = pairs(runs[a].get(place, {}), runs[b].get(place, {}))
        found.append([couple for couple in couples if all(metric in run.metrics for run in couple)])
    return [couples for couples in found if couples]


def pairs(one: Mapping[int, Result], other: Mapping[int, Result]) -> list[Couple]:
    """The runs of both by seed; what no seed changes stands beside every seed of the other."""
    a, b = _at_every_seed(one, other), _at_every_seed(other, one)
    return [(a[seed], b[seed]) for seed in sorted(a.keys() & b.keys())]


def _at_every_seed(one: Mapping[int, Result], other: Mapping[int, Result]) -> Mapping[int, Result]:
    if not one or not all(run.deterministic for run in one.values()):
        return one
    anyone = one[min(one)]
    return {seed: one.get(seed, anyone) for seed in {*one, *other}}


def _values(couples: Sequence[Couple], metric: str) -> tuple[list[float], list[float]]:
    return [a.metrics[metric] for a, _ in couples], [b.metrics[metric] for _, b in couples]


def _averaged(worlds: Sequence[Sequence[Couple]], metric: str) -> tuple[list[float], list[float]]:
    """One pair a world: the means over its seeds."""
    values = [_values(couples, metric) for couples in worlds]
    return [fmean(a) for a, _ in values], [fmean(b) for _, b in values]


def _caution(a: Result, b: Result) -> str:
    """Whether one was told more about the unseen classes, or measured where it was chosen."""
    if a.setting != b.setting:
        return f"{a.setting} against {b.setting}: they were not told the same about unseen classes"
    if a.protocol == "tune" and (a.selection.policy == "fixed") != (b.selection.policy == "fixed"):
        return "one was chosen on the validation classes that both are measured on"
    return ""


def corrected(lines: Sequence[Comparison]) -> tuple[Comparison, ...]:
    """The same with Holm's p, each test over all comparisons given."""
    t = holm([line.paired.t_p for line in lines])
    wilcoxon = holm([line.paired.wilcoxon_p for line in lines])
    return tuple(replace(line, t_holm=t[i], wilcoxon_holm=wilcoxon[i]) for i, line in enumerate(lines))


def couples(runs: Runs, baseline: Contender | None) -> list[tuple[Contender, Contender]]:
    """Everyone against the baseline, or, without one, everyone against everyone after them.

    Raises:
        InputError: without a baseline there are more than `MOST` pairs.
    """
    if baseline is None:
        count = len(runs) * (len(runs) - 1) // 2
        if count > MOST:
            raise InputError(
                f"compare: {len(runs)} rows make {count} pairs, more than {MOST}; name one row for all to be compared "
                "with (--baseline ROW), or the rows to compare (--row ROW)"
            )
        return list(combinations(runs, 2))
    return [(contender, baseline) for contender in runs if contender != baseline]


def named(words: str, runs: Runs) -> Contender:
    """The contender that is called so: by its method, or by as many words of its label as tell it from others.

    Raises:
        InputError: none is, or several are.
    """
    asked = set(words.split())
    exact = [contender for contender in runs if contender.label == words]
    found = exact or [contender for contender in runs if asked and asked <= set(contender.label.split())]
    if len(found) == 1:
        return found[0]
    labels = ", ".join(repr(contender.label) for contender in found or runs)
    raise InputError(f"compare: {words!r} is {'several' if found else 'none'} of these rows; choose one of {labels}")
