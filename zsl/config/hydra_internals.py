"""The only module that uses what Hydra does not document: its loader, its repository, its launchers, its parser.

Another version of Hydra may change any of it. The tests of this module name the versions that it holds for.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra._internal.config_repository import CachingConfigRepository, ConfigRepository
from hydra.core.config_loader import ConfigLoader
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig

if TYPE_CHECKING:
    from hydra.plugins.launcher import Launcher
    from hydra.plugins.plugin import Plugin

Batches = Sequence[Sequence[Sequence[str]]]
"""batches of jobs that are launched together, each job as its overrides"""


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


class Loader(ConfigLoaderImpl):
    """Hydra's loader of configurations with files that are read once and overrides that are parsed once.

    Args:
        search_path: folders of configuration files.
    """

    def __init__(self, search_path: ConfigSearchPath) -> None:
        super().__init__(search_path)
        self.forget()

    def forget(self) -> None:
        """Clear the cache, and load Hydra's plug-ins, which a new process needs to read files."""
        Plugins.instance()
        self._parsed: dict[str, Override] = {}
        self.repository = Files(self.config_search_path)

    def overrides(self, words: Iterable[str]) -> list[Override]:
        """Parse overrides.

        Raises:
            HydraException: an override cannot be parsed.
        """
        for word in words:
            if word not in self._parsed:
                (self._parsed[word],) = OverridesParser.create(config_loader=self).parse_overrides([word])
        return [self._parsed[word] for word in words]

    def require_legal(self, words: list[Override]) -> None:
        """Refuse overrides that a job of a multirun may not have.

        Raises:
            HydraException: there is one.
        """
        self.validate_sweep_overrides_legal(words, RunMode.RUN, from_shell=True)

    def _parse_overrides_and_create_caching_repo(
        self, config_name: str | None, overrides: list[str]
    ) -> tuple[list[Override], CachingConfigRepository]:
        parsed, files = self.overrides(overrides), CachingConfigRepository(self.repository)
        self._process_config_searchpath(config_name, parsed, files)
        return parsed, files


def apply(overrides: Sequence[Override], cfg: DictConfig) -> None:
    """Set the values that overrides give, in place.

    Raises:
        HydraException: there is no such key, or a value does not fit.
    """
    ConfigLoaderImpl._apply_overrides_to_config(list(overrides), cfg)


def set_task(cfg: DictConfig, own: list[Override]) -> None:
    """Write the overrides of a job, and their short form, to where Hydra keeps them in a composed configuration."""
    cfg.hydra.overrides.task = [word.input_line for word in own]
    parts = cfg.hydra.job.config.override_dirname
    cfg.hydra.job.override_dirname = get_overrides_dirname(own, parts.exclude_keys, parts.item_sep, parts.kv_sep)


def register(plug_in: type[Plugin]) -> None:
    """Register a plug-in class of Hydra; nothing happens where it is registered already."""
    Plugins.instance().register(plug_in)


def argument_parser() -> argparse.ArgumentParser:
    """Return the parser of Hydra's command line: flags, and overrides as ``overrides``."""
    from hydra._internal.utils import get_args_parser

    return get_args_parser()


@contextmanager
def set_aside() -> Iterator[None]:
    """Run the block as if Hydra were not initialised; afterwards it is as before."""
    running = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        yield
    finally:
        GlobalHydra.instance().hydra = running


def composed_for_multirun(name: str, overrides: list[str]) -> tuple[DictConfig, ConfigLoader]:
    """Compose the configuration that all jobs of a multirun start from, in an initialised Hydra, with its loader.

    Raises:
        HydraException: the configuration cannot be composed.
    """
    hydra = GlobalHydra.instance().hydra
    assert hydra is not None
    return hydra.compose_config(name, overrides, RunMode.MULTIRUN, with_log_configuration=False), hydra.config_loader


def jobs_of(overrides: Sequence[Override], batch: int | None) -> Batches:
    """Return the Cartesian product of all lists of values, in batches of a size, or in one."""
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

    return BasicSweeper.split_arguments(list(overrides), batch)


def launcher(loader: ConfigLoader, task: Callable[[DictConfig], object], cfg: DictConfig) -> Launcher:
    """Return the launcher that a configuration names, for a task function."""
    from hydra._internal.callbacks import Callbacks

    context = HydraContext(config_loader=loader, callbacks=Callbacks(cfg))
    return Plugins.instance().instantiate_launcher(hydra_context=context, task_function=task, config=cfg)
