"""What Hydra was asked for: the place of results, the names from the groups, the overrides as they were typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hydra.conf import HydraConf
from omegaconf import DictConfig, OmegaConf

from zsl.config.settings import PathKeys, plain


@dataclass(frozen=True)
class Names:
    """What was chosen from the groups of ``conf/``, by name."""

    method: str
    class_embedding: str
    correction: str

    @classmethod
    def of(cls, choices: Mapping[str, str]) -> Names:
        """Take them from the choices of all groups."""
        return cls(choices["method"], choices["class_embedding"], choices["correction"])


def output_of(cfg: DictConfig) -> Path:
    """``paths.output``, absolute.

    Raises:
        InputError: it is none.
    """
    return Path(plain(cfg, "paths", PathKeys)["output"]).expanduser().absolute()


def names_of(hydra_config: HydraConf) -> Names:
    """What was chosen from the groups that a result names."""
    return Names.of(hydra_config.runtime.choices)


def overrides_of(hydra_config: HydraConf) -> list[str]:
    """As they were typed: an override may hold ``${…}`` that means nothing where Hydra keeps it."""
    typed = OmegaConf.to_container(hydra_config.overrides.task, resolve=False)
    assert isinstance(typed, list)
    return [str(part) for part in typed]
