"""Grouping of runs by contender, a configuration of a method, and of class splits by data set."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from zsl.data.pretraining import on_pretraining
from zsl.outputs.result import Result
from zsl.outputs.schema import PROTOCOLS
from zsl.reporting.table import PATH_KEYS, Row, RowKey, row_key, rows
from zsl.reporting.wording import HYPERPARAMETERS, brief, value

SPLIT_KEYS = ("split", "splits", "world_seed")
"""keys of ``data`` that choose a class split, or a seed of synthetic data, of one data set"""
NAMED = ("φ", "selection", "setting")
"""columns of tables that distinguish rows in addition to the configuration"""


@dataclass(frozen=True, order=True)
class ClassSplit:
    """One class split of a data set under one protocol: what two runs of a pair have in common besides the seed."""

    data: str
    title: str
    protocol: str
    fingerprints: tuple[tuple[str, str], ...]
    """fingerprints without that of the class embeddings, in which contenders may differ"""


@dataclass(frozen=True)
class SplitGroup:
    """Class splits of one data set, or synthetic data sets that differ only in their seed."""

    title: str
    protocol: str
    splits: tuple[ClassSplit, ...]


@dataclass(frozen=True, order=True)
class Contender:
    """A configuration of a method on any data: the method, and the options that distinguish it from its others."""

    method: str
    correction: str
    options: tuple[tuple[str, str], ...] = ()
    """name -> value as JSON, empty where the configuration has none; only options that distinguish contenders"""

    @property
    def label(self) -> str:
        """Label such as ``eszsl + csls φ=glove gamma=1``."""
        name = self.method if self.correction == "none" else f"{self.method} + {self.correction}"
        return " ".join([name, *(f"{key}={value(text or None)}" for key, text in self.options)])


Runs: TypeAlias = dict[Contender, dict[ClassSplit, dict[int, Result]]]
"""contender -> class split -> seed -> run"""
Adapted: TypeAlias = tuple[tuple[Contender, tuple[str, ...]], ...]
"""contenders whose configuration varies between class splits or data sets, with the keys that vary"""


def class_split(of: RowKey) -> ClassSplit:
    """Return the class split of a row."""
    prints = tuple((key, value) for key, value in of.fingerprints if key != "class_embeddings")
    return ClassSplit(of.data, of.data_title, of.protocol, prints)


def contenders(results: Mapping[Path, Result]) -> Runs:
    """Group rows by contender: rows on different class splits are one contender unless an option distinguishes them.

    An option distinguishes rows of a method if it differs between rows of that method on the same class split. Thus a γ
    that was varied distinguishes contenders; a γ, a class embedding or a scaling that depends only on the data set does
    not. Of repeated runs of a seed the latest counts, as in tables.
    """
    of_method: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows(results):
        of_method[row.key.method, row.key.correction].append(row)
    runs: Runs = defaultdict(dict)
    for (method, correction), group in of_method.items():
        keys = _distinguishing_keys([row.key for row in group])
        for row in group:
            traits = _traits(row.key)
            own = tuple((brief(key, keys), traits.get(key, "")) for key in keys)
            latest = {seed: results[path] for seed, path in zip(row.seeds, row.paths, strict=True)}
            runs[Contender(method, correction, own)][class_split(row.key)] = latest
    return dict(sorted(runs.items()))


def split_groups(runs: Runs) -> list[SplitGroup]:
    """Group class splits by data set.

    Class splits belong to one data set where their configurations of ``data`` differ only in `SPLIT_KEYS`. Where they
    differ in something that the configuration does not show (images, files), each is a data set of its own.
    """
    configurations: dict[ClassSplit, list[dict[str, str]]] = defaultdict(list)
    for by_split in runs.values():
        for split, by_number in by_split.items():
            configurations[split] += [_data(run) for run in by_number.values()]
    varied = {key for data in configurations.values() for key in _varying(data)}
    groups: dict[tuple[object, ...], dict[ClassSplit, tuple[str | None, ...]]] = defaultdict(dict)
    for split, (data, *_) in sorted(configurations.items()):
        fixed = tuple(sorted((key, text) for key, text in data.items() if key not in varied and key not in SPLIT_KEYS))
        groups[split.data, split.protocol, fixed][split] = tuple(data.get(key) for key in SPLIT_KEYS)
    found: list[SplitGroup] = []
    for splits in groups.values():
        if len(splits) > 1 and len(set(splits.values())) == len(splits):
            ordered = sorted(splits, key=lambda split: _natural(splits[split]))
            title = f"{ordered[0].data}, {len(ordered)} class splits"
            found.append(SplitGroup(title, ordered[0].protocol, tuple(ordered)))
        else:
            found += [SplitGroup(split.title, split.protocol, (split,)) for split in splits]
    return found


def by_protocol(runs: Runs) -> dict[str, list[SplitGroup]]:
    """Return data sets by protocol: test images (final) or validation classes (tune)."""
    found = split_groups(runs)
    return {name: own for name in PROTOCOLS if (own := [one for one in found if one.protocol == name])}


def single_splits(group: SplitGroup, runs: Runs) -> list[SplitGroup]:
    """Return every class split as a group of its own; where titles are equal, `SPLIT_KEYS` are appended to them."""
    titles = [split.title for split in group.splits]
    names = [_split_name(split, runs) if titles.count(split.title) > 1 else "" for split in group.splits]
    return [
        SplitGroup(" ".join(filter(None, (split.title, name))), split.protocol, (split,))
        for split, name in zip(group.splits, names, strict=True)
    ]


def _natural(values: Sequence[str | None]) -> list[tuple[int, str]]:
    """Return a sort key that orders numbers by size."""
    return [(len(name or "") if (name or "").isdigit() else 0, name or "") for name in values]


def _split_name(split: ClassSplit, runs: Runs) -> str:
    data = next(_data(run) for by_split in runs.values() for run in by_split.get(split, {}).values())
    return " ".join(f"{key}={value(data[key])}" for key in SPLIT_KEYS if key in data)


def adapted(runs: Runs, found: Sequence[SplitGroup]) -> Adapted:
    """Return contenders whose configuration (without ``data``) varies between these class splits, with the keys."""
    splits = [split for group in found for split in group.splits]
    changed = []
    for contender, by_split in runs.items():
        traits = [_traits(row_key(run)) for split in splits for run in by_split.get(split, {}).values()]
        keys = [key for key in _varying(traits) if key in NAMED or key.startswith(HYPERPARAMETERS)]
        kept = [key for key in keys if "φ" not in keys or not key.startswith("class_embedding.")]
        if kept:
            changed.append((contender, tuple(brief(key, kept) for key in kept)))
    return tuple(changed)


def share_images(splits: Sequence[ClassSplit], parts: Sequence[str]) -> bool:
    """Tell whether some of these class splits have the same images, by these fingerprints."""
    return len({tuple(dict(split.fingerprints)[part] for part in parts) for split in splits}) < len(splits)


def pretraining(runs: Runs, splits: Container[ClassSplit] | None = None) -> list[tuple[str, tuple[str, ...]]]:
    """Return titles of data sets, and what their cards say of pretraining, for runs on these class splits (or all)."""
    return [
        (run.data_title, on_pretraining(run.card.get("notes", ())))
        for by_split in runs.values()
        for split, by_number in by_split.items()
        if splits is None or split in splits
        for run in by_number.values()
    ]


def method_notes(runs: Runs) -> list[tuple[str, tuple[str, ...]]]:
    """Return methods, and what their runs say of them."""
    return [
        (contender.method, tuple(run.notes))
        for contender, by_split in runs.items()
        for by_number in by_split.values()
        for run in by_number.values()
    ]


def _distinguishing_keys(group: Sequence[RowKey]) -> list[str]:
    """Return the keys that distinguish rows on one class split: all keys of the method, and others where needed."""
    splits: dict[ClassSplit, list[dict[str, str]]] = defaultdict(list)
    for row in group:
        splits[class_split(row)].append(_traits(row))
    varying = {key for traits in splits.values() for key in _varying(traits)}
    kept = sorted(key for key in varying if key.startswith("method."))

    def distinguished() -> int:
        return sum(len({tuple(row.get(key) for key in kept) for row in traits}) for traits in splits.values())

    named = [key for key in NAMED if key in varying]
    for key in (*named, *sorted(varying - {*named, *kept})):
        before = distinguished()
        kept.append(key)
        if distinguished() == before:
            kept.pop()
    return kept


def _traits(of: RowKey) -> dict[str, str]:
    embeddings = dict(of.fingerprints)["class_embeddings"][:8]
    named = {"φ": of.class_embedding, "selection": of.policy, "setting": of.setting, "embeddings": embeddings}
    return {key: json.dumps(text, ensure_ascii=False) for key, text in named.items()} | dict(of.config)


def _varying(traits: Sequence[Mapping[str, str]]) -> list[str]:
    keys = sorted({key for row in traits for key in row})
    return [key for key in keys if len({row.get(key) for row in traits}) > 1]


def _data(run: Result) -> dict[str, str]:
    """Return the configuration of the data without paths."""
    data = run.config.get("data", {})
    paths = PATH_KEYS - set(SPLIT_KEYS)
    return {key: json.dumps(item, sort_keys=True, ensure_ascii=False) for key, item in data.items() if key not in paths}
