"""An experiment: all that a configuration asks for, checked once, in one typed, frozen object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from zsl.config.build import (
    build_correction,
    build_method,
    load_source,
    require_buildable,
    require_seed,
    stage_of,
)
from zsl.config.compose import compose_chosen
from zsl.config.hydra_job import Names
from zsl.config.search_space import axes, listed
from zsl.config.settings import ProtocolKeys, SaveKeys, SearchKeys, SelectionKeys, instantiate, plain
from zsl.data.protocol import EmbeddedDataset, Stage, require_share
from zsl.errors import InputError
from zsl.evaluation.corrections.correction import Correction
from zsl.files.redaction import WITHHELD
from zsl.methods.method import Dimensions, ZSLModel
from zsl.outputs.claims import claims
from zsl.outputs.identity import identity
from zsl.outputs.names import MODEL, PREDICTIONS
from zsl.prediction.model_files import DESCRIPTION
from zsl.selection.space import Axis, Hyperparameters, extremes, of_correction, of_method
from zsl.tracking.tracker import Tracker
from zsl.training.fit import Loop


@dataclass(frozen=True)
class Experiment:
    """What one run does.

    Attributes:
        config: the whole configuration, resolved, in Python's own types, as ``result.json`` keeps it.
        names: what was chosen from the groups that a result names.
        overrides: the command line, as it was typed.
    """

    config: Mapping[str, Any]
    seed: int
    resume: bool
    rerun: bool
    output: Path
    save: SaveKeys
    protocol: ProtocolKeys
    selection: SelectionKeys
    loop: Loop
    correction: Correction
    """with what it leaves open not yet chosen"""
    space: Mapping[str, Axis]
    """hyperparameter -> what may be tried"""
    search: SearchKeys | None = None
    names: Names = field(default_factory=lambda: Names("", "", ""))
    overrides: Sequence[str] = ()

    @classmethod
    def from_config(cls, cfg: DictConfig, names: Names | None = None, overrides: Sequence[str] = ()) -> Experiment:
        """Check a configuration, every value of its search space included; read no data.

        Raises:
            InputError: a value cannot be used; the message names its key and a cure.
        """
        content = plain(cfg)
        made = cls(
            config=content,
            seed=require_seed("seed", content["seed"]),
            resume=content["resume"],
            rerun=content["rerun"],
            output=Path(content["paths"]["output"]).expanduser().absolute(),
            save=SaveKeys(**content["save"]),
            protocol=ProtocolKeys(**content["protocol"]),
            selection=SelectionKeys(**content["selection"]),
            loop=Loop(**content["trainer"]),
            correction=build_correction(content["correction"], {}),
            space=axes(content["sweep"]),
            search=SearchKeys(**content["search"]) if content.get("search") else None,
            names=names or Names("", "", ""),
            overrides=tuple(overrides),
        )
        made._check()
        return made

    @classmethod
    def compose(cls, overrides: Sequence[str]) -> Experiment:
        """Compose and check what ``zsl train`` would run with these overrides.

        Raises:
            InputError: the configuration cannot be composed, or a value cannot be used.
        """
        cfg, chosen = compose_chosen(overrides, "config")
        return cls.from_config(cfg, Names.of(chosen), overrides)

    def _check(self) -> None:
        policy = self.selection.policy
        if policy == "test" and self.protocol.name == "tune":
            raise InputError(
                "selection=test with protocol=tune: under tune no test image is reachable; use protocol=final"
            )
        require_share(self.protocol.seen_holdout)
        require_seed("selection.seed", self.selection.seed or 0)
        require_seed("class_embedding.shuffle_seed", self.config["class_embedding"]["shuffle_seed"] or 0)
        claims(self.config["published"])
        saved = self.save.model or self.config["trainer"]["checkpoint_every_n_steps"]
        for name, node in self.config["logger"].items():
            if node.get("checkpoints") and not saved:
                raise InputError(f"logger.{name}.checkpoints=true: none is saved; add save.model=true")
        self.trackers()
        if policy == "fixed":
            self.correction.require_chosen()
        elif self.search is None:
            listed(self.space)
        require_buildable(self.config["method"], {})
        for name, axis in self.space.items():
            for value in extremes(axis):
                if of_method({name: value}):
                    require_buildable(self.config["method"], {name: value})
                if changed := of_correction({name: value}):
                    build_correction(self.config["correction"], changed)

    @cached_property
    def identity(self) -> str:
        """Eight characters for all that changes what is computed."""
        return identity(self.config)

    @property
    def beside(self) -> list[str]:
        """Names of the files that are to lie beside the result."""
        asked = {f"{MODEL}/{DESCRIPTION}": self.save.model, PREDICTIONS: self.save.predictions}
        return [name for name, wanted in asked.items() if wanted]

    @property
    def grid(self) -> Mapping[str, Sequence[Any]]:
        """The search space where every axis is a list: what can be tried exhaustively.

        Raises:
            InputError: an axis is a range.
        """
        return listed(self.space)

    def for_choosing(self) -> Experiment:
        """Return the experiment that choices are made with: with a ``selection.seed``, that is its seed."""
        seed = self.selection.seed
        return self if seed is None else replace(self, seed=seed, config={**self.config, "seed": seed})

    def without_storage(self) -> Experiment:
        """Return the experiment without the address of its study's database, which may hold a password."""
        if self.search is None or self.search.storage is None:
            return self
        return replace(self, config={**self.config, "search": {**self.config["search"], "storage": WITHHELD}})

    def load_data(self) -> EmbeddedDataset:
        """Load the data set with its class embeddings.

        Raises:
            InputError: either cannot be loaded, or they do not fit together.
        """
        return load_source(self.config["data"], self.config["class_embedding"])

    def stage(self, source: EmbeddedDataset, name: str | None = None) -> Stage:
        """Cut the stage of the protocol, or that of another name, from the data."""
        return stage_of(source, name or self.protocol.name, self.protocol.seen_holdout)

    def method(self, dims: Dimensions, hyperparameters: Hyperparameters) -> ZSLModel:
        """Build the method for data of these sizes, with these hyperparameters in place of its own.

        Raises:
            InputError: a hyperparameter is unknown or out of range.
        """
        return build_method(self.config["method"], dims, hyperparameters)

    def trackers(self) -> dict[str, Tracker]:
        """Build the trackers, by name.

        Raises:
            InputError: one is unknown, misconfigured or not installed.
        """
        return {
            name: instantiate(node, f"logger.{name}", Tracker)  # type: ignore[type-abstract]
            for name, node in self.config["logger"].items()
        }
