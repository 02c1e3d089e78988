"""An experiment: a whole configuration, checked once, in one typed, frozen object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from zsl.config.checking import check, check_but, instantiate, require_seed, resolved
from zsl.config.compose import compose_chosen
from zsl.config.corrections import build_correction
from zsl.config.data_sets import open_data
from zsl.config.hydra_job import Names
from zsl.config.nested import replaced
from zsl.config.search_space import axes, listed, offered, without_typed
from zsl.config.settings import ClassEmbeddingKeys, ProtocolKeys, SaveKeys, SearchKeys, SelectionKeys, Settings
from zsl.data.splits import require_share
from zsl.errors import InputError
from zsl.evaluation.corrections.correction import Correction
from zsl.files.redaction import WITHHELD
from zsl.outputs.claims import claims
from zsl.outputs.identity import identity
from zsl.outputs.names import MODEL, PREDICTIONS
from zsl.prediction.model_files import DESCRIPTION
from zsl.selection.space import EMBEDDING, Axis, Hyperparameters, extremes, of_correction, of_embedding, of_method
from zsl.tracking.tracker import Tracker
from zsl.training.loop import Loop

if TYPE_CHECKING:
    from zsl.data.protocol import EmbeddedDataset, Stage
    from zsl.methods.method import Dimensions, ZSLModel


@dataclass(frozen=True)
class Experiment:
    """Everything that one run does, as typed values.

    Attributes:
        config: the whole configuration, resolved, of Python's built-in types, as ``result.json`` stores it.
        names: the chosen names of the groups that a result names.
        overrides: the overrides as they were typed.
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
    """hyperparameters that it leaves open are still to be chosen"""
    space: Mapping[str, Axis]
    """search space: hyperparameter -> axis"""
    search: SearchKeys | None = None
    names: Names = field(default_factory=lambda: Names("", "", ""))
    overrides: Sequence[str] = ()

    @classmethod
    def from_config(
        cls, cfg: DictConfig, names: Names | None = None, overrides: Sequence[str] = (), opened: bool = False
    ) -> Experiment:
        """Return the experiment of a configuration, checked with every value of its search space.

        The method comes last, because importing it takes seconds.

        Args:
            cfg: the configuration.
            names: the chosen names of the groups that a result names.
            overrides: the overrides as they were typed.
            opened: whether to open the data set before the method is imported, unless it has to be built; otherwise no
                data are read.

        Raises:
            InputError: a value is invalid; the message names its key and a cure.
        """
        content = resolved(cfg)
        check_but("method", content)
        content["sweep"] = without_typed(content["sweep"], overrides)
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
            space=_embedding_first(offered(axes(content["sweep"]), content["method"], overrides)),
            search=SearchKeys(**content["search"]) if content.get("search") else None,
            names=names or Names("", "", ""),
            overrides=tuple(overrides),
        )
        made._check()
        if opened:
            open_data(content["data"])
        check("", content, Settings)
        made._check_method()
        return made

    @classmethod
    def compose(cls, overrides: Sequence[str]) -> Experiment:
        """Compose and check the experiment that ``zsl train`` would run with these overrides.

        Raises:
            InputError: the configuration cannot be composed, or a value is invalid.
        """
        cfg, chosen = compose_chosen(overrides, "config")
        return cls.from_config(cfg, Names.of(chosen), overrides)

    def _check(self) -> None:
        policy = self.selection.policy
        if policy == "test" and self.protocol.name == "tune":
            raise InputError("selection=test: with protocol=tune no test image is reachable; use protocol=final")
        require_share(self.protocol.seen_holdout)
        require_seed("selection.seed", self.selection.seed or 0)
        require_seed("class_embedding.shuffle_seed", self.config["class_embedding"]["shuffle_seed"] or 0)
        require_seed("data.shots_seed", self.config["data"].get("shots_seed", 0))
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
        for name, axis in self.space.items():
            for value in extremes(axis):
                if changed := of_correction({name: value}):
                    build_correction(self.config["correction"], changed)

    def _check_method(self) -> None:
        from zsl.config.build import require_buildable
        from zsl.config.combinations import require_combination

        require_buildable(self.config["method"], {})
        for name, axis in self.space.items():
            for value in extremes(axis):
                if of_method({name: value}):
                    require_buildable(self.config["method"], {name: value})
                if chosen := of_embedding({name: value}):
                    check("class_embedding", self.with_embedding(chosen).config["class_embedding"], ClassEmbeddingKeys)
        require_combination(self.config, self.names, self.selection.policy, self.loop, self.space)

    @cached_property
    def identity(self) -> str:
        """Return the hash (eight characters) of all settings that change what is computed."""
        return identity(self.config)

    @property
    def extra_files(self) -> list[str]:
        """Return the names of the files that the run writes in addition to ``result.json``."""
        asked = {f"{MODEL}/{DESCRIPTION}": self.save.model, PREDICTIONS: self.save.predictions or self.save.scores}
        return [name for name, wanted in asked.items() if wanted]

    @property
    def grid(self) -> Mapping[str, Sequence[Any]]:
        """Return the search space as a grid, where every axis is a list.

        Raises:
            InputError: an axis is a range.
        """
        return listed(self.space)

    def for_choosing(self) -> Experiment:
        """Return the experiment that trains the trials of a selection: with the seed ``selection.seed``, if given."""
        seed = self.selection.seed
        return self if seed is None else replace(self, seed=seed, config={**self.config, "seed": seed})

    def with_embedding(self, chosen: Hyperparameters) -> Experiment:
        """Return the experiment with some hyperparameters of the class embedding replaced.

        Raises:
            InputError: the class embedding has no such hyperparameter.
        """
        node = replaced(self.config["class_embedding"], chosen, "class_embedding")
        return replace(self, config={**self.config, "class_embedding": node})

    def without_storage(self) -> Experiment:
        """Return the experiment without the address of its study's database, which may hold a password."""
        if self.search is None or self.search.storage is None:
            return self
        return replace(self, config={**self.config, "search": {**self.config["search"], "storage": WITHHELD}})

    def load_data(self) -> EmbeddedDataset:
        """Load the data set with its class embeddings.

        Raises:
            InputError: data set or class embedding cannot be loaded, or they do not fit together.
        """
        from zsl.config.build import load_source

        return load_source(self.config["data"], self.config["class_embedding"])

    def stage(self, source: EmbeddedDataset, name: str | None = None) -> Stage:
        """Cut a stage from the data: that of ``protocol.name``, or the one named."""
        from zsl.config.build import stage_of

        return stage_of(source, name or self.protocol.name, self.protocol.seen_holdout)

    def method(self, dims: Dimensions, hyperparameters: Hyperparameters) -> ZSLModel:
        """Build the method for data of the given sizes, with some of its hyperparameters replaced.

        Raises:
            InputError: a hyperparameter is unknown or out of range.
        """
        from zsl.config.build import build_method

        return build_method(self.config["method"], dims, hyperparameters)

    def trackers(self) -> dict[str, Tracker]:
        """Build the trackers, by name.

        Raises:
            InputError: a tracker is unknown, misconfigured or not installed.
        """
        return {
            name: instantiate(node, f"logger.{name}", Tracker)  # type: ignore[type-abstract]
            for name, node in self.config["logger"].items()
        }


def _embedding_first(space: Mapping[str, Axis]) -> dict[str, Axis]:
    """Return a search space whose axes of the class embedding come first, so that each is embedded once."""
    return dict(sorted(space.items(), key=lambda axis: not axis[0].startswith(EMBEDDING)))
