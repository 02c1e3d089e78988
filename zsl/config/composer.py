"""Composition of the jobs of a multirun: the part of the configuration that many jobs share is composed once."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import combinations_with_replacement
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.types import Override, RangeSweep
from omegaconf import DictConfig

from zsl.config.hydra_internals import Loader, apply, set_task
from zsl.config.memory import RecentlyUsed
from zsl.errors import InputError

SCALAR = re.compile(r"""[\w.+-]+|"[^"$\\]*"|'[^'$\\]*'""")
"""values that fit every key without keys below it: numbers, words and quoted text without interpolations"""
KEPT = 256
"""most composed configurations in the cache, each of about 0.1 MB"""
MOST_JOBS = 100_000
"""most jobs of one multirun; the Cartesian product of the lists is counted before it is computed"""


class Composer(Loader):
    """A configuration loader that composes once for every set of choices from groups.

    Only the choices from groups decide which files are merged; every other override changes a value of the merged
    configuration. So the configuration of a job is a copy of the configuration of its choices, to which Hydra's own
    code applies the values. Files are read once and overrides parsed once. The cache is not sent to other processes.

    Args:
        loader: the loader that composed the configuration of the multirun.
    """

    def __init__(self, loader: ConfigLoader) -> None:
        super().__init__(loader.get_search_path())

    def forget(self) -> None:
        """Clear the cache."""
        super().forget()
        self._composed = RecentlyUsed[DictConfig](KEPT)
        self._groups: dict[str, bool] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Return the search path of the configuration; leave the cache out."""
        return {"config_search_path": self.config_search_path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Start with an empty cache."""
        self.__dict__.update(state)
        self.forget()

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: Sequence[str]) -> DictConfig:
        """Compose the configuration of one job, equal to that of Hydra's own loader."""
        words = self.overrides(sweep_overrides)
        self.require_legal(words)
        values = [word for word in words if not self._chooses(word)]
        choosing = [str(word.input_line) for word in words if self._chooses(word)]
        load = super().load_sweep_config
        cfg = copy.deepcopy(self._composed.get(tuple(choosing), lambda: load(master_config, choosing)))
        apply(values, cfg)
        set_task(cfg, [word for word in words if not word.is_hydra_override()])
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
