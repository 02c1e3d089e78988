"""Runs -> rows: which results may be averaged, and which must stand apart."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from zsl.outputs import edges
from zsl.outputs.chance import at_chance, levels
from zsl.outputs.identity import MEANS
from zsl.outputs.result import Result
from zsl.outputs.statistics import Summary, over_seeds

ASIDE = frozenset({*MEANS, "seed", "hydra"})
"""the same, and with which seed"""
NUMERIC = frozenset({"trainer.precision"})
"""what changes numbers all the same"""
PLACES = frozenset({"root", "cache", "path", "splits"})
"""keys of ``data`` and ``class_embedding`` that say where files lie; what they hold is fingerprinted"""


@dataclass(frozen=True, order=True)
class RowKey:
    """What runs must share to be averaged: everything but the seed."""

    data_title: str
    data: str
    setting: str
    method: str
    class_embedding: str
    correction: str
    policy: str
    protocol: str
    fingerprints: tuple[tuple[str, str], ...]
    config: tuple[tuple[str, str], ...]
    """dotted key -> value as JSON, of what can change a number"""


@dataclass(frozen=True)
class Row:
    """One line of a table: what was run, with which seeds, its metrics over them, and what a reader must be told."""

    key: RowKey
    seeds: tuple[int, ...]
    metrics: Mapping[str, Summary]
    warnings: tuple[str, ...] = ()
    given: frozenset[str] = frozenset()
    """dotted keys that were set on the command line"""
    paths: tuple[Path, ...] = ()
    """of the results that count, one a seed"""
    runs: tuple[Mapping[str, float], ...] = ()
    """their metrics"""
    deterministic: bool = False
    """whether every seed gives the same: by what the runs recorded, or as several seeds did"""
    chance: Mapping[str, float] = field(default_factory=dict)
    """accuracy of a guess, in percent: of T1, u and s"""
    at_chance: frozenset[str] = frozenset()
    """metrics that are no more than chance"""


def row_key(result: Result) -> RowKey:
    """What tells this run from others apart from its seed.

    Where hyperparameters were chosen (on validation or test), the chosen values are an outcome of the run, not a part
    of its identity; how they were chosen is.
    """
    chosen = () if result.selection.policy == "fixed" else dict(leaves(result.selection.chosen)).keys()
    config = ((key, json.dumps(value, sort_keys=True, ensure_ascii=False)) for key, value in leaves(result.config))
    return RowKey(
        data_title=result.data_title,
        data=result.data,
        setting=result.setting,
        method=result.method,
        class_embedding=result.class_embedding,
        correction=result.correction,
        policy=result.selection.policy,
        protocol=result.protocol,
        fingerprints=tuple(sorted(result.fingerprints.items())),
        config=tuple(sorted((key, value) for key, value in config if key not in chosen and _matters(key))),
    )


def rows(results: Mapping[Path, Result]) -> list[Row]:
    """Group runs by `row_key`, in its order, and summarise every metric over the seeds of each group.

    A row depends on its own runs only, not on their order and not on other rows. A seed counts once: equal repeats
    are one; of unequal ones the latest counts, with a warning that names them.
    """
    groups: dict[RowKey, dict[int, list[Path]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted(results, key=lambda path: (results[path].created, str(path)), reverse=True):
        groups[row_key(results[path])][results[path].seed].append(path)
    return [_row(of, dict(sorted(repeats.items())), results) for of, repeats in sorted(groups.items())]


def _row(of: RowKey, repeats: Mapping[int, list[Path]], results: Mapping[Path, Result]) -> Row:
    latest = [results[paths[0]] for paths in repeats.values()]
    disagreements = chain.from_iterable(_disagreement(paths, results) for paths in repeats.values())
    warnings = (*disagreements, *_varying(of, latest), *edges.warnings(latest))
    given = frozenset(override.partition("=")[0].lstrip("+") for result in latest for override in result.overrides)
    paths = tuple(paths[0] for paths in repeats.values())
    metrics = tuple(result.metrics for result in latest)
    summaries = over_seeds(metrics)
    return Row(
        key=of,
        seeds=tuple(repeats),
        metrics=summaries,
        warnings=warnings,
        given=given,
        paths=paths,
        runs=metrics,
        deterministic=_deterministic(latest, summaries),
        chance=levels(latest),
        at_chance=at_chance(latest, summaries),
    )


def _deterministic(runs: Sequence[Result], metrics: Mapping[str, Summary]) -> bool:
    """Whether no run drew a random number; where that was not recorded, whether several seeds gave the same."""
    known = [run.deterministic for run in runs]
    if None not in known:
        return all(known)
    return len(runs) > 1 and False not in known and not any(summary.std for summary in metrics.values())


def leaves(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys with their values."""
    for key, item in value.items():
        if isinstance(item, Mapping) and item:
            yield from leaves(item, f"{prefix}{key}.")
        else:
            yield prefix + key, item


def _matters(key: str) -> bool:
    group, _, rest = key.partition(".")
    place = group in ("data", "class_embedding") and rest.rpartition(".")[2] in PLACES
    return key in NUMERIC or not (group in ASIDE or place)


def _disagreement(paths: list[Path], results: Mapping[Path, Result]) -> Iterator[str]:
    latest, found = results[paths[0]], []
    for other in paths[1:]:
        before, after = results[other].metrics, latest.metrics
        if differing := sorted(name for name in {**before, **after} if not _equal(before.get(name), after.get(name))):
            name = differing[0]
            found.append(f"{name} is {after.get(name)} in {paths[0]}, {before.get(name)} in {other}")
    if found:
        more = f", and {len(found) - 1} more disagree" if len(found) > 1 else ""
        yield (
            f"{latest.method}, {latest.data_title}, seed {latest.seed}: two runs of one configuration disagree "
            f"({found[0]}{more}); the later one, {paths[0]}, counts: delete one of them"
        )


def _equal(a: float | None, b: float | None) -> bool:
    """Equal but for the order of summation, which the number of threads decides."""
    return a is not None and b is not None and math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)


def _varying(of: RowKey, runs: list[Result]) -> Iterator[str]:
    chosen = [run.selection.chosen for run in runs]
    keys = {key for values in chosen for key in values}
    varying = sorted(key for key in keys if any(values.get(key) != chosen[0].get(key) for values in chosen))
    if of.policy != "fixed" and varying:
        yield (
            f"{of.method}, {of.data_title}: the values chosen on {of.policy} differ between seeds "
            f"({', '.join(varying)}); the row averages the whole procedure, choice included"
        )
