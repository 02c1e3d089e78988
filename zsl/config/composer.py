"""Composition of the jobs of a multirun: the part of the configuration that many jobs share is composed once."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import combinations_with_replacement
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra._internal.config_repository import CachingConfigRepository, ConfigRepository
from hydra.core.config_loader import ConfigLoader
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, RangeSweep
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult
from hydra.types import RunMode
from omegaconf import DictConfig

from zsl.config.memory import RecentlyUsed
from zsl.errors import InputError

SCALAR = re.compile(r"""[\w.+-]+|"[^"$\\]*"|'[^'$\\]*'""")
"""values that fit every key without keys below it: numbers, words and quoted text without interpolations"""
KEPT = 256
"""most composed configurations in the cache, each of about 0.1 MB"""
MOST_JOBS = 100_000
"""most jobs of one multirun; the Cartesian product of the lists is counted before it is computed"""


class Files(ConfigRepository):
    """The files of a search path, each parsed once; loading gives a copy, because Hydra modifies what it loads."""

    def initialize_sources(self, config_search_path: ConfigSearchPath) -> None:
        """Replace the search path, and clear the cache."""
        super().initialize_sources(config_search_path)
        self._read: dict[str, ConfigResult | None] = {}

    def __deepcopy__(self, _: dict[int, Any]) -> Files:
        """Return a shallow copy: Hydra copies the repository for every job, and all jobs share the cache."""
        return copy.copy(self)

    def load_config(self, config_path: str) -> ConfigResult | None:
        """Return a copy of the parsed file."""
        if config_path not in self._read:
            self._read[config_path] = super().load_config(config_path)
        return copy.deepcopy(self._read[config_path])


class Composer(ConfigLoaderImpl):
    """A configuration loader of Hydra that composes once for every set of choices from groups.

    Only the choices from groups decide which files are merged; every other override changes a value of the merged
    configuration. So the configuration of a job is a copy of the configuration of its choices, to which Hydra's own
    code applies the values. Files are read once and overrides parsed once. The cache is not sent to other processes.

    Args:
        loader: the loader that composed the configuration of the multirun.
    """

    def __init__(self, loader: ConfigLoader) -> None:
        assert isinstance(loader, ConfigLoaderImpl)
        super().__init__(loader.config_search_path)
        self._forget()

    def _forget(self) -> None:
        self._parsed: dict[str, Override] = {}
        self.repository = Files(self.config_search_path)
        self._composed = RecentlyUsed[DictConfig](KEPT)
        self._groups: dict[str, bool] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Return the search path of the configuration; leave the cache out."""
        return {"config_search_path": self.config_search_path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Start with an empty cache; load Hydra's plug-ins, which a new process needs to read configuration files."""
        Plugins.instance()
        self.__dict__.update(state)
        self._forget()

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: Sequence[str]) -> DictConfig:
        """Compose the configuration of one job, equal to that of Hydra's own loader."""
        words = self._overrides(sweep_overrides)
        self.validate_sweep_overrides_legal(words, RunMode.RUN, from_shell=True)
        values = [word for word in words if not self._chooses(word)]
        choosing = [str(word.input_line) for word in words if self._chooses(word)]
        load = super().load_sweep_config
        cfg = copy.deepcopy(self._composed.get(tuple(choosing), lambda: load(master_config, choosing)))
        self._apply_overrides_to_config(values, cfg)
        own = [word for word in words if not word.is_hydra_override()]
        cfg.hydra.overrides.task = [word.input_line for word in own]
        parts = cfg.hydra.job.config.override_dirname
        cfg.hydra.job.override_dirname = get_overrides_dirname(own, parts.exclude_keys, parts.item_sep, parts.kv_sep)
        return cfg

    def different(self, jobs: Iterable[Sequence[str]]) -> Iterator[Sequence[str]]:
        """Yield a subset of the jobs that contains every pair of overrides that any job contains.

        Overrides that give one key different scalar values count as one override: if one composes, all do.
        """
        met: set[frozenset[str]] = set()
        for job in jobs:
            kinds = [self._kind(word) for word in job]
            pairs = {frozenset(pair) for pair in combinations_with_replacement(kinds, 2)}
            if not pairs <= met:
                met |= pairs
                yield job

    def _kind(self, word: str) -> str:
        key, _, value = word.partition("=")
        return f"{key}=0" if SCALAR.fullmatch(value) and not self._is_group(key) else word

    def _chooses(self, word: Override) -> bool:
        """Tell whether an override decides which files are merged, or is refused for the group that it names."""
        asked = word.package is not None or self._is_group(word.key_or_group)
        return word.is_hydra_override() or (asked and not isinstance(word.value(), dict))

    def _is_group(self, key: str) -> bool:
        group = key.partition("@")[0]
        if group not in self._groups:
            self._groups[group] = bool(self.repository.group_exists(group))
        return self._groups[group]

    def _overrides(self, words: Iterable[str]) -> list[Override]:
        for word in words:
            if word not in self._parsed:
                (self._parsed[word],) = OverridesParser.create(config_loader=self).parse_overrides([word])
        return [self._parsed[word] for word in words]

    def _parse_overrides_and_create_caching_repo(
        self, config_name: str | None, overrides: list[str]
    ) -> tuple[list[Override], CachingConfigRepository]:
        parsed, files = self._overrides(overrides), CachingConfigRepository(self.repository)
        self._process_config_searchpath(config_name, parsed, files)
        return parsed, files


def require_launchable(overrides: Iterable[Override]) -> None:
    """Refuse lists and ranges whose Cartesian product is too large to compute.

    Raises:
        InputError: the product has more than :data:`MOST_JOBS` elements, or a range is infinite.
    """
    total = 1
    for override in overrides:
        if override.is_sweep_override():
            if not override.is_discrete_sweep():
                raise InputError(f"{override.input_line}: has infinitely many values; list some, or write range(…)")
            total *= _count(override) if override.is_range_sweep() else len([*override.sweep_string_iterator()])
        if total > MOST_JOBS:
            raise InputError(f"{override.input_line}: spans more than {MOST_JOBS} jobs; launch fewer at a time")


def _count(override: Override) -> int:
    """Count the numbers of a range."""
    sweep = override.value()
    assert isinstance(sweep, RangeSweep)
    start, stop, step = sweep.start or 0, sweep.stop or 0, sweep.step
    if step == 0 or not all(-math.inf < number < math.inf for number in (start, stop, step)):
        raise InputError(f"{override.input_line}: a range needs finite ends and a step that is not 0; correct it")
    return max(0, math.ceil((Fraction(stop) - Fraction(start)) / Fraction(step)))
