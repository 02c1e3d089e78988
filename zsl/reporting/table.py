"""Grouping of runs into rows: runs that differ only in their seed are averaged."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from zsl.data.pretraining import BACKBONE, on_pretraining
from zsl.outputs import edges
from zsl.outputs.chance import at_chance, levels
from zsl.outputs.identity import MEANS, is_neutral
from zsl.outputs.result import Result
from zsl.outputs.statistics import Summary, over_seeds

IGNORED = frozenset({*MEANS, "seed", "hydra"})
"""groups of the configuration in which the runs of a row may differ"""
NUMERIC = frozenset({"trainer.precision", "trainer.devices"})
"""keys of ignored groups that change numbers, and in which the runs of a row may not differ"""
PATH_KEYS = frozenset({"root", "cache", "path", "splits", "held_out", "wordnet"})
"""keys of ``data`` and ``class_embedding`` that are paths; the content of the files is fingerprinted"""
OF_SELECTION = ("sweep", "search", "selection")
"""groups of the configuration that are read where something is chosen"""
PLACE_OF_SEARCH = frozenset({"search.study", "search.storage", "search.stale"})
"""keys of a search that say where its trials are kept, not which are made"""
PIXELS = ("zsl.backbones.pixels.Pixels", f"{BACKBONE}pixels ")
"""class whose features are pixels, and beginning of the note on a card that names it"""


@dataclass(frozen=True, order=True)
class RowKey:
    """Fields that are equal in all runs of a row: everything but the seed."""

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
    """dotted key -> value as JSON, for the keys that can change a number"""


@dataclass(frozen=True)
class Row:
    """One row of a table: runs that differ only in their seed, their metrics over seeds, and warnings."""

    key: RowKey
    seeds: tuple[int, ...]
    metrics: Mapping[str, Summary]
    warnings: tuple[str, ...] = ()
    given: frozenset[str] = frozenset()
    """dotted keys that were set on the command line"""
    paths: tuple[Path, ...] = ()
    """paths of the results, one per seed"""
    runs: tuple[Mapping[str, float], ...] = ()
    """metrics of the results, one mapping per seed"""
    deterministic: bool = False
    """whether every seed gives the same numbers, as the runs recorded or as several seeds show"""
    chance: Mapping[str, float] = field(default_factory=dict)
    """chance levels of T1, u and s in percent"""
    at_chance: frozenset[str] = frozenset()
    """metrics that are not above chance"""
    chosen: tuple[Mapping[str, Any], ...] = ()
    """dotted key -> value chosen by the selection, one mapping per seed; empty where nothing was chosen"""
    pretraining: tuple[str, ...] = ()
    """what the card of the data set says of the pretraining of its backbone"""
    notes: tuple[str, ...] = ()
    """what the runs say of the method"""
    pixels: bool = False
    """whether θ(x) are pixels, for an image encoder of the method"""


def row_key(result: Result) -> RowKey:
    """Return all that identifies a run but its seed.

    Where hyperparameters were chosen (on validation or test), the chosen values are an outcome of the run and not a
    part of its identity; the selection policy is.
    """
    chosen = () if result.selection.policy == "fixed" else dict(leaves(result.selection.chosen)).keys()
    config = (
        (key, json.dumps(value, sort_keys=True, ensure_ascii=False))
        for key, value in _of_selection(result).items()
        if key not in chosen and _matters(key) and not is_neutral(key, value)
    )
    prints = dict(result.fingerprints)
    if any(key.startswith("class_embedding.") for key in chosen):
        prints["class_embeddings"] = "chosen"
    return RowKey(
        data_title=result.data_title,
        data=result.data,
        setting=result.setting,
        method=result.method,
        class_embedding=result.class_embedding,
        correction=result.correction,
        policy=result.selection.policy,
        protocol=result.protocol,
        fingerprints=tuple(sorted(prints.items())),
        config=tuple(sorted(config)),
    )


def _of_selection(result: Result) -> dict[str, Any]:
    """Return the leaves of a configuration without the keys of selection and search that cannot change a number.

    Where hyperparameters are fixed, these are all but the policy. A search of every value of a grid is the same whether
    ``zsl sweep`` or ``zsl train`` makes it, and wherever its trials are kept.
    """
    config, policy = dict(leaves(result.config)), result.selection.policy
    if policy != "validation" and result.protocol == "final":
        config.pop("protocol.seen_holdout", None)
    if policy == "fixed":
        return {k: v for k, v in config.items() if k == "selection.policy" or k.partition(".")[0] not in OF_SELECTION}
    kept = {key: value for key, value in config.items() if key not in PLACE_OF_SEARCH}
    if kept.get("search.pruner") == "none":
        del kept["search.pruner"]
    if kept.setdefault("search.sampler", "grid") == "grid":
        kept.pop("search.trials", None)
    return kept


def rows(results: Mapping[Path, Result]) -> list[Row]:
    """Group runs by `identity`, sorted by it, and summarise every metric over the seeds of each group.

    A row depends only on its own runs, not on their order. A seed counts once: of repeated runs the latest counts, with
    a warning where their numbers differ.
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
        chosen=() if of.policy == "fixed" else tuple(run.selection.chosen for run in latest if run.selection.chosen),
        pretraining=tuple(dict.fromkeys(note for run in latest for note in on_pretraining(run.card.get("notes", ())))),
        notes=tuple(dict.fromkeys(note for run in latest for note in run.notes)),
        pixels=any(map(_of_pixels, latest)),
    )


def _of_pixels(run: Result) -> bool:
    backbone = run.config.get("data", {}).get("backbone")
    named = isinstance(backbone, Mapping) and backbone.get("_target_") == PIXELS[0]
    return named or any(note.startswith(PIXELS[1]) for note in run.card.get("notes", ()))


def _deterministic(runs: Sequence[Result], metrics: Mapping[str, Summary]) -> bool:
    """Tell whether no run drew a random number, or, where that was not recorded, whether all seeds gave the same."""
    known = [run.deterministic for run in runs]
    if None not in known:
        return all(known)
    return len(runs) > 1 and False not in known and not any(summary.std for summary in metrics.values())


def leaves(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested mappings as pairs of a dotted key and its value."""
    for key, item in value.items():
        if isinstance(item, Mapping) and item:
            yield from leaves(item, f"{prefix}{key}.")
        else:
            yield prefix + key, item


def _matters(key: str) -> bool:
    group, _, rest = key.partition(".")
    is_path = group in ("data", "class_embedding") and rest.rpartition(".")[2] in PATH_KEYS
    return key in NUMERIC or not (group in IGNORED or is_path)


def _disagreement(paths: list[Path], results: Mapping[Path, Result]) -> Iterator[str]:
    latest, found = results[paths[0]], []
    for other in paths[1:]:
        before, after = results[other].metrics, latest.metrics
        if differing := sorted(name for name in {**before, **after} if not _equal(before.get(name), after.get(name))):
            name = differing[0]
            found.append(f"{name} is {after.get(name)} in {paths[0]}, {before.get(name)} in {other}")
    if found:
        more = f", and {len(found) - 1} more differ" if len(found) > 1 else ""
        yield (
            f"{latest.method}, {latest.data_title}, seed {latest.seed}: runs of one configuration and seed differ "
            f"({found[0]}{more}); the latest, {paths[0]}, counts: delete the others"
        )


def _equal(a: float | None, b: float | None) -> bool:
    """Tell whether two numbers are equal up to rounding: the order of summation depends on the number of threads."""
    return a is not None and b is not None and math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)


def _varying(of: RowKey, runs: list[Result]) -> Iterator[str]:
    chosen = [run.selection.chosen for run in runs]
    keys = {key for values in chosen for key in values}
    varying = sorted(key for key in keys if any(values.get(key) != chosen[0].get(key) for values in chosen))
    if of.policy != "fixed" and varying:
        yield (
            f"{of.method}, {of.data_title}: the values chosen on {of.policy} differ between seeds "
            f"({', '.join(varying)}); the row averages over training and selection"
        )
