"""Composition of a search for hyperparameters; no PyTorch is imported before all else is checked."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from omegaconf import OmegaConf

from zsl.config.compose import compose_chosen
from zsl.config.experiment import Experiment
from zsl.config.hydra_job import Names
from zsl.config.search_space import replacing
from zsl.errors import InputError
from zsl.files.redaction import WITHHELD, without_secrets
from zsl.files.source_file import require_file_name

STORAGE = "search.storage="


def searched(overrides: Sequence[str]) -> Experiment:
    """Compose and check the experiment of a search; its overrides are those given, without secrets.

    Raises:
        InputError: the configuration or the data cannot be used, the objective is a test metric, or Optuna is not
            installed.
    """
    if find_spec("optuna") is None:
        raise InputError("zsl sweep: Optuna is not installed; pip install 'zsl[sweep]'")
    shown = [_without_address(word) for word in overrides]
    cfg, chosen = compose_chosen([replacing(word) for word in overrides], "search")
    if OmegaConf.is_missing(cfg.search, "study"):
        cfg.search.study = f"{chosen['method']}-{chosen['data']}"
    _require_validation(cfg)
    experiment = Experiment.from_config(cfg, Names.of(chosen), shown, opened=True)
    assert experiment.search is not None
    require_file_name("search.study", experiment.search.study)
    if experiment.search.storage is not None:
        from zsl.selection.optuna.storage import require_address

        require_address(experiment.search.storage)
    return experiment


def _without_address(override: str) -> str:
    """Return an override without the address of a database, which may hold a password; interpolations stay."""
    held = override.lstrip("+").startswith(STORAGE) and "://" in override
    return STORAGE + WITHHELD if held else without_secrets(override)


def _require_validation(cfg: Any) -> None:
    policy, objective = cfg.selection.policy, cfg.selection.objective
    if policy == "test":
        raise InputError(
            "selection=test: a search on test images would choose by the numbers it is judged by; leave it out"
        )
    if policy == "fixed":
        raise InputError("selection=fixed: nothing would be chosen; leave it out, or run zsl train")
    if objective not in ("T1", "H", "H_raw"):
        raise InputError(
            f"selection.objective={objective}: a search maximises T1, H or H_raw of validation classes, never a "
            "number of the test set; choose one of these"
        )
    if cfg.resume:
        raise InputError("resume=true: a search is resumed whenever it is launched again; leave it out")
