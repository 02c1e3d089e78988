"""Which runs are of one contender on several worlds, and which worlds are draws of one data set."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from zsl.outputs.result import Result
from zsl.outputs.schema import PROTOCOLS
from zsl.reporting.table import PATH_KEYS, Row, RowKey, row_key, rows
from zsl.reporting.wording import HYPERPARAMETERS, brief, value

DRAWS = ("split", "splits", "world_seed")
"""keys of ``data`` that draw another class split, or another world, of the same data set"""
NAMED = ("φ", "selection", "setting")
"""what tells rows apart beside their configuration, in words that tables use"""


@dataclass(frozen=True, order=True)
class World:
    """The same images, divided and asked about in the same way: what two runs of a pair share beside the seed."""

    data: str
    title: str
    protocol: str
    fingerprints: tuple[tuple[str, str], ...]
    """but for that of the class embeddings, which may be what is compared"""


@dataclass(frozen=True)
class Population:
    """Worlds that are draws of one data set: class splits, or synthetic worlds that differ in their seed."""

    title: str
    protocol: str
    worlds: tuple[World, ...]


@dataclass(frozen=True, order=True)
class Contender:
    """A configuration, wherever it was run: the method, and what tells it from others of the same method."""

    method: str
    correction: str
    apart: tuple[tuple[str, str], ...] = ()
    """name -> value as JSON, empty where the configuration has none; of as much as tells them apart"""

    @property
    def label(self) -> str:
        """``eszsl + csls φ=glove gamma=1``"""
        name = self.method if self.correction == "none" else f"{self.method} + {self.correction}"
        return " ".join([name, *(f"{key}={value(text or None)}" for key, text in self.apart)])


Runs: TypeAlias = dict[Contender, dict[World, dict[int, Result]]]
"""contender -> world -> seed -> run"""
Adapted: TypeAlias = tuple[tuple[Contender, tuple[str, ...]], ...]
"""contenders, each with the keys in which it was not configured alike everywhere"""


def world(of: RowKey) -> World:
    """Where a row was run."""
    prints = tuple((key, value) for key, value in of.fingerprints if key != "class_embeddings")
    return World(of.data, of.data_title, of.protocol, prints)


def contenders(results: Mapping[Path, Result]) -> Runs:
    """The rows of the table as contenders: rows of different worlds are one contender where nothing tells them apart.

    What tells two rows of a method apart is what differs between rows of that method within some world: a γ that was
    varied does; a γ, a class embedding or a scaling that goes with the data set does not. Of repeats of a seed the
    latest counts, as in the table.
    """
    of_method: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows(results):
        of_method[row.key.method, row.key.correction].append(row)
    runs: Runs = defaultdict(dict)
    for (method, correction), group in of_method.items():
        keys = _telling([row.key for row in group])
        for row in group:
            traits = _traits(row.key)
            apart = tuple((brief(key, keys), traits.get(key, "")) for key in keys)
            latest = {seed: results[path] for seed, path in zip(row.seeds, row.paths, strict=True)}
            runs[Contender(method, correction, apart)][world(row.key)] = latest
    return dict(sorted(runs.items()))


def populations(runs: Runs) -> list[Population]:
    """The data sets, each with its worlds.

    Worlds are draws of one data set where ``data`` says that they differ in `DRAWS` and in nothing else; where
    something differs that it does not say (images, files), each is a data set of its own.
    """
    said: dict[World, list[dict[str, str]]] = defaultdict(list)
    for by_world in runs.values():
        for place, by_number in by_world.items():
            said[place] += [_data(run) for run in by_number.values()]
    varied = {key for data in said.values() for key in _varying(data)}
    groups: dict[tuple[object, ...], dict[World, tuple[str | None, ...]]] = defaultdict(dict)
    for place, (data, *_) in sorted(said.items()):
        fixed = tuple(sorted((key, text) for key, text in data.items() if key not in varied and key not in DRAWS))
        groups[place.data, place.protocol, fixed][place] = tuple(data.get(key) for key in DRAWS)
    found: list[Population] = []
    for places in groups.values():
        if len(places) > 1 and len(set(places.values())) == len(places):
            drawn = sorted(places, key=lambda place: _natural(places[place]))
            title = f"{drawn[0].data}, {len(drawn)} class splits"
            found.append(Population(title, drawn[0].protocol, tuple(drawn)))
        else:
            found += [Population(place.title, place.protocol, (place,)) for place in places]
    return found


def by_protocol(runs: Runs) -> dict[str, list[Population]]:
    """The data sets by whose numbers they are: test images, or validation classes."""
    found = populations(runs)
    return {name: own for name in PROTOCOLS if (own := [one for one in found if one.protocol == name])}


def alone(population: Population, runs: Runs) -> list[Population]:
    """Every world of a population by itself, named by what drew it where titles do not tell."""
    titles = [place.title for place in population.worlds]
    drawn = [_drawn(place, runs) if titles.count(place.title) > 1 else "" for place in population.worlds]
    return [
        Population(" ".join(filter(None, (place.title, draw))), place.protocol, (place,))
        for place, draw in zip(population.worlds, drawn, strict=True)
    ]


def _natural(draws: Sequence[str | None]) -> list[tuple[int, str]]:
    """Numbers by their size."""
    return [(len(draw or "") if (draw or "").isdigit() else 0, draw or "") for draw in draws]


def _drawn(place: World, runs: Runs) -> str:
    data = next(_data(run) for by_world in runs.values() for run in by_world.get(place, {}).values())
    return " ".join(f"{key}={value(data[key])}" for key in DRAWS if key in data)


def adapted(runs: Runs, found: Sequence[Population]) -> Adapted:
    """Who was not configured alike in all of these worlds, and in which keys beside those of ``data``."""
    places = [place for population in found for place in population.worlds]
    changed = []
    for contender, by_world in runs.items():
        traits = [_traits(row_key(run)) for place in places for run in by_world.get(place, {}).values()]
        keys = [key for key in _varying(traits) if key in NAMED or key.startswith(HYPERPARAMETERS)]
        kept = [key for key in keys if "φ" not in keys or not key.startswith("class_embedding.")]
        if kept:
            changed.append((contender, tuple(brief(key, kept) for key in kept)))
    return tuple(changed)


def share_images(worlds: Sequence[World], parts: Sequence[str]) -> bool:
    """Whether some of these worlds have the same images, as far as these fingerprints tell."""
    return len({tuple(dict(place.fingerprints)[part] for part in parts) for place in worlds}) < len(worlds)


def _telling(group: Sequence[RowKey]) -> list[str]:
    """The keys that tell apart rows of one world: all that belong to the method, of the others what is needed."""
    worlds: dict[World, list[dict[str, str]]] = defaultdict(list)
    for row in group:
        worlds[world(row)].append(_traits(row))
    varying = {key for traits in worlds.values() for key in _varying(traits)}
    kept = sorted(key for key in varying if key.startswith("method."))

    def told() -> int:
        return sum(len({tuple(row.get(key) for key in kept) for row in traits}) for traits in worlds.values())

    named = [key for key in NAMED if key in varying]
    for key in (*named, *sorted(varying - {*named, *kept})):
        before = told()
        kept.append(key)
        if told() == before:
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
    """What the configuration says about the data, but for where files lie."""
    data = run.config.get("data", {})
    places = PATH_KEYS - set(DRAWS)
    return {
        key: json.dumps(item, sort_keys=True, ensure_ascii=False) for key, item in data.items() if key not in places
    }
