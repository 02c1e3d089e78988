"""Output folder, chosen names and typed overrides of a job of Hydra."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hydra.conf import HydraConf
from omegaconf import DictConfig, OmegaConf

from zsl.config.checking import plain
from zsl.config.settings import PathKeys


@dataclass(frozen=True)
class Names:
    """The chosen names of the groups of ``conf/`` that a result records."""

    method: str
    class_embedding: str
    correction: str

    @classmethod
    def of(cls, choices: Mapping[str, str]) -> Names:
        """Take the names from the choices of all groups."""
        return cls(choices["method"], choices["class_embedding"], choices["correction"])


def output_of(cfg: DictConfig) -> Path:
    """Return ``paths.output`` as an absolute path.

    Raises:
        InputError: the value is no path.
    """
    return Path(plain(cfg, "paths", PathKeys)["output"]).expanduser().absolute()


def names_of(hydra_config: HydraConf) -> Names:
    """Return the chosen names of the groups that a result records."""
    return Names.of(hydra_config.runtime.choices)


def overrides_of(hydra_config: HydraConf) -> list[str]:
    """Return the overrides as they were typed, unresolved: ``${…}`` in one may not resolve within Hydra's own node."""
    typed = OmegaConf.to_container(hydra_config.overrides.task, resolve=False)
    assert isinstance(typed, list)
    return [str(part) for part in typed]
