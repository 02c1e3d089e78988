"""Composing the jobs of a multirun: what many jobs share is composed once."""

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

from zsl.config.memory import Recent
from zsl.errors import InputError

SCALAR = re.compile(r"""[\w.+-]+|"[^"$\\]*"|'[^'$\\]*'""")
"""values that fit every key that holds no keys of its own: numbers, words and quoted text without interpolations"""
KEPT = 256
"""configurations of choices that are kept, each of some 0.1 MB"""
MOST_JOBS = 100_000
"""jobs of one multirun; the product of the lists is counted before it is made"""


class Files(ConfigRepository):
    """The files of a search path, each parsed once; whoever loads one gets a copy, for composing writes to it."""

    def initialize_sources(self, config_search_path: ConfigSearchPath) -> None:
        """Look elsewhere, and forget what was read."""
        super().initialize_sources(config_search_path)
        self._read: dict[str, ConfigResult | None] = {}

    def __deepcopy__(self, _: dict[int, Any]) -> Files:
        """Hydra copies the repository for every job; what was read is the same for all."""
        return copy.copy(self)

    def load_config(self, config_path: str) -> ConfigResult | None:
        """A copy of what the file holds."""
        if config_path not in self._read:
            self._read[config_path] = super().load_config(config_path)
        return copy.deepcopy(self._read[config_path])


class Composer(ConfigLoaderImpl):
    """A configuration loader of Hydra's that composes once for every set of choices from groups.

    Which files are merged depends on the choices from groups alone; every other override changes a value of what they
    give. So the configuration of a job is a copy of that of its choices, to which Hydra's own code applies the values.
    Files are read once and words parsed once. In another process it starts without what it has composed.

    Args:
        loader: the one that composed the configuration of the multirun.
    """

    def __init__(self, loader: ConfigLoader) -> None:
        assert isinstance(loader, ConfigLoaderImpl)
        super().__init__(loader.config_search_path)
        self._forget()

    def _forget(self) -> None:
        self._parsed: dict[str, Override] = {}
        self.repository = Files(self.config_search_path)
        self._composed = Recent[DictConfig](KEPT)
        self._groups: dict[str, bool] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Where the configuration lies, and no more."""
        return {"config_search_path": self.config_search_path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Have composed nothing yet; a new process knows Hydra's kinds of files only when its plug-ins are there."""
        Plugins.instance()
        self.__dict__.update(state)
        self._forget()

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: Sequence[str]) -> DictConfig:
        """The configuration of one job, equal to what Hydra's loader gives for it."""
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
        """Jobs among which every two overrides that stand together in some job do so too. Overrides that give one key
        different scalar values count as the same override: all of them compose if one does.
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
        """Whether it decides which files are merged, or is refused for the group that it names."""
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
    """Refuse lists and ranges whose product is too large to be made.

    Raises:
        InputError: it has more than :data:`MOST_JOBS` elements, or a range has no end.
    """
    total = 1
    for override in overrides:
        if override.is_sweep_override():
            if not override.is_discrete_sweep():
                raise InputError(f"{override.input_line}: has no end of values; list some, or write range(…)")
            total *= _count(override) if override.is_range_sweep() else len([*override.sweep_string_iterator()])
        if total > MOST_JOBS:
            raise InputError(f"{override.input_line}: spans more than {MOST_JOBS} jobs; launch fewer at a time")


def _count(override: Override) -> int:
    """How many numbers a range holds."""
    sweep = override.value()
    assert isinstance(sweep, RangeSweep)
    start, stop, step = sweep.start or 0, sweep.stop or 0, sweep.step
    if step == 0 or not all(-math.inf < number < math.inf for number in (start, stop, step)):
        raise InputError(f"{override.input_line}: a range needs finite ends and a step that is not 0; correct it")
    return max(0, math.ceil((Fraction(stop) - Fraction(start)) / Fraction(step)))
