"""Tests whether differences between contenders on one class split generalise to new images and new classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TypeAlias

import numpy as np

from zsl.errors import InputError
from zsl.outputs.result import Result
from zsl.outputs.schema import DAGGER
from zsl.reporting.comparison.classes import KINDS
from zsl.reporting.comparison.contenders import (
    ClassSplit,
    Contender,
    Runs,
    by_protocol,
    pretraining,
    single_splits,
)
from zsl.reporting.comparison.paired import ALPHA, holm
from zsl.reporting.comparison.predictions import NAME, Predicted, read
from zsl.reporting.comparison.resampling import Accuracies, Hits, Resampled, over_classes, over_images
from zsl.reporting.layout import pretraining_cell

MOST = 50
"""greatest number of pairs that are tested; resampling takes some tenths of a second per pair"""
Stored: TypeAlias = Callable[[int], Predicted | None]
"""function from the `id` of a result to its saved predictions"""


@dataclass(frozen=True)
class Generalised:
    """Tests of two contenders on one class split, each over all of its seeds; None where a test was impossible."""

    a: Contender
    b: Contender
    images: Resampled | None
    classes: Resampled | None
    images_holm: float | None = None
    classes_holm: float | None = None
    """p values corrected over the comparisons of the table"""

    @property
    def real(self) -> bool:
        """Whether the difference is significant at 5 % for new classes after Holm's correction."""
        return self.classes_holm is not None and self.classes_holm < ALPHA


@dataclass(frozen=True)
class Generalisation:
    """Comparisons on one class split, whose p values are corrected together."""

    title: str
    protocol: str
    metric: str
    lines: tuple[Generalised, ...]
    missing: tuple[Contender, ...]
    """contenders whose predictions were not saved"""
    pretraining: str = ""
    """what the card of the data set says of the pretraining of its backbone"""


def generalise(
    runs: Runs, metric: str, between: Sequence[tuple[Contender, Contender]], paths: Mapping[int, Path]
) -> list[Generalisation]:
    """Test differences on every class split where both contenders have per-class accuracies of the metric.

    Args:
        runs: runs of contenders.
        metric: metric; nothing is tested unless it is computed from per-class accuracies.
        between: pairs of contenders.
        paths: `id` of a result -> path of the result, beside which saved predictions lie.

    Raises:
        InputError: saved predictions cannot be read, belong to another run, or cover other images.
    """
    if metric.removesuffix(DAGGER) not in KINDS:
        return []
    results = {id(run): run for by_split in runs.values() for seeds in by_split.values() for run in seeds.values()}

    @cache
    def stored(key: int) -> Predicted | None:
        return read(results[key], paths[key])

    found = []
    for groups in by_protocol(runs).values():
        for single in (part for group in groups for part in single_splits(group, runs)):
            (split,) = single.splits
            lines = [line for a, b in between if (line := _line(runs, metric, a, b, split, stored))]
            if lines:
                tested = dict.fromkeys(c for line in lines for c in (line.a, line.b))
                lacking = (c for c in tested if not all(stored(id(run)) for run in runs[c][split].values()))
                trained = pretraining_cell(pretraining(runs, single.splits))
                tests = (_corrected(lines), tuple(lacking), trained)
                found.append(Generalisation(single.title, single.protocol, metric, *tests))
    return found


def _line(runs: Runs, metric: str, a: Contender, b: Contender, split: ClassSplit, stored: Stored) -> Generalised | None:
    own = [_with(metric, runs[contender].get(split, {})) for contender in (a, b)]
    kinds = KINDS[metric.removesuffix(DAGGER)]
    accuracies = {kind: _accuracies(kind, *own) for kind in kinds} if all(own) else {}
    known = {kind: found for kind, found in accuracies.items() if found is not None}
    if not known or len(known) < len(kinds):
        return None
    predictions = [[stored(id(run)) for run in of] for of in own]
    images = None
    if all(found is not None for of in predictions for found in of):
        saved = [[found for found in of if found is not None] for of in predictions]
        images = over_images({kind: _hits(kind, *saved) for kind in kinds})
    return Generalised(a, b, images, over_classes(known))


def _with(metric: str, seeds: Mapping[int, Result]) -> list[Result]:
    """Return the runs that have the metric, sorted by seed; only one where all are deterministic."""
    found = [seeds[seed] for seed in sorted(seeds) if metric in seeds[seed].metrics]
    return found[:1] if all(run.deterministic for run in found) else found


def _accuracies(kind: str, a: Sequence[Result], b: Sequence[Result]) -> Accuracies | None:
    """Return per-class accuracies, or None where the runs have test images of different classes."""
    tables = [[run.per_class.get(kind, {}) for run in of] for of in (a, b)]
    known = [{name for name, value in table.items() if value is not None} for of in tables for table in of]
    if not known[0] or any(names != known[0] for names in known):
        return None
    return Accuracies(
        *(np.array([[table[name] for name in sorted(known[0])] for table in of], dtype=float) for of in tables)
    )


def _hits(kind: str, a: Sequence[Predicted], b: Sequence[Predicted]) -> Hits:
    first = a[0]
    for other in (*a[1:], *b):
        if not (np.array_equal(first.rows, other.rows) and np.array_equal(first.labels, other.labels)):
            raise InputError(f"compare: two {NAME} of one data set cover different images; run both again")
    labels, _ = first.part(kind)
    return Hits(labels, *(np.array([found.part(kind)[1] for found in of]) for of in (a, b)))


def _corrected(lines: Sequence[Generalised]) -> tuple[Generalised, ...]:
    images = holm([line.images.p if line.images else None for line in lines])
    classes = holm([line.classes.p if line.classes else None for line in lines])
    return tuple(replace(line, images_holm=images[i], classes_holm=classes[i]) for i, line in enumerate(lines))
