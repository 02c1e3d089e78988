"""No description of a class that a setting may not know changes a bit of what is learned, chosen or scored without it.

Every class embedding of ``conf/class_embedding`` is found by itself and tried with every value of every option and
under every scaling, in worlds that differ in the descriptions of some classes alone: attributes, names, texts, rows of
a file.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import DictConfig, OmegaConf
from safetensors.torch import load_file
from torch import Tensor

from tests.datasets import matfiles
from tests.described_worlds import NAMES, UNSEEN, VAL, Files, cases, oov_of, options_of
from zsl.cli import main
from zsl.config.build import embedded
from zsl.config.compose import compose
from zsl.config.experiment import Experiment
from zsl.data.dataset import Dataset
from zsl.data.protocol import EmbeddedDataset, Stage, final, tune
from zsl.data.training_set import Setting
from zsl.evaluation.scoring import score
from zsl.runs.choosing import select
from zsl.runs.train import train
from zsl.selection.trials import TrialLog

METHODS = {
    "eszsl": ["method=eszsl", "sweep.gamma=[0.1,10]", "sweep.lamb=[1]"],
    "sje": ["method=sje", "method.epochs=2", "method.batch_size=16", "sweep.lr=[0.1]"],
}
TOWER = ["method=coop", "method.epochs=1", "method.batch_size=256", "method.base.epochs=2"]
TOWER += ["sweep.lr=[0.1]", "sweep.class_position=[end]"]
"""a method that reads token ids"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Files:
    return Files(tmp_path_factory.mktemp("files"), cache)


@dataclass(frozen=True)
class Learned:
    """What an inductive run has of seen classes in one stage."""

    phi: Tensor
    weights: dict[str, Tensor]
    scores: Tensor
    """of images of seen classes, for these classes"""

    @classmethod
    def of(cls, experiment: Experiment, stage: Stage, point: dict[str, Any]) -> Learned:
        """Train on a stage and score its images."""
        model = train(experiment, stage, point)
        assert model.setting is Setting.INDUCTIVE
        scored, seen = score(model, stage.held_out).gzsl, stage.classes.seen
        scores = torch.from_numpy(scored.dense())[seen[torch.from_numpy(scored.labels)]][:, seen]
        return cls(stage.classes.embeddings[seen], {k: v.clone() for k, v in model.state_dict().items()}, scores)

    def assert_same(self, other: Learned) -> None:
        """Bit by bit."""
        assert torch.equal(self.phi, other.phi)
        assert self.weights.keys() == other.weights.keys()
        assert all(torch.equal(self.weights[key], other.weights[key]) for key in self.weights)
        assert torch.equal(self.scores, other.scores)


@dataclass(frozen=True)
class Run:
    """Both stages of an inductive run with ``selection=validation``."""

    tune: Stage
    final: Stage
    choice: Any
    """hyperparameters, epochs, γ, temperature, and every trial that led to them"""
    tuned: Learned
    learned: Learned

    @classmethod
    def of(cls, experiment: Experiment, dataset: Dataset) -> Run:
        """Choose and train."""
        source = with_embedding(experiment, dataset)
        stages = tune(source), final(source)
        choice = select(experiment, stages[0], TrialLog())
        point = dict(choice.hyperparameters)
        learned = [Learned.of(experiment, stage, point) for stage in stages]
        return cls(*stages, (point, choice.calibration, choice.trials), *learned)


@cache
def composed(embedding: str, method: str) -> DictConfig:
    overrides = ["data=synthetic", "data.scale=l2", "selection=validation", "trainer.progress_bar=false"]
    chosen = TOWER if embedding == "tokens" else METHODS[method]
    cfg = compose([*overrides, *chosen, f"class_embedding={embedding}"])
    assert isinstance(cfg, DictConfig)
    return cfg


def configured(embedding: str, method: str, options: dict[str, Any]) -> Experiment:
    cfg = copy.deepcopy(composed(embedding, method))
    for option, value in options.items():
        OmegaConf.update(cfg, option, str(value) if isinstance(value, Path) else value)
    return Experiment.from_config(cfg)


def with_embedding(experiment: Experiment, dataset: Dataset) -> EmbeddedDataset:
    config = experiment.config
    return embedded(dataset, config["class_embedding"], config["data"]["scale"])


def hold(embedding: str, method: str, options: dict[str, Any], files: Files) -> None:
    """The laws, for one case: of unseen classes in a whole run, of validation classes in its ``tune`` stage."""
    experiment, oov = configured(embedding, method, options), oov_of(options)
    run = Run.of(experiment, files.describe(oov))
    other = Run.of(experiment, files.describe(oov, UNSEEN))
    assert not torch.equal(phi_of(run.final, UNSEEN), phi_of(other.final, UNSEEN)), "the change is one"
    run.learned.assert_same(other.learned)
    assert run.choice == other.choice
    assert torch.equal(run.tune.classes.embeddings, other.tune.classes.embeddings)
    run.tuned.assert_same(other.tuned)
    source = with_embedding(experiment, files.describe(oov, VAL))
    stage = tune(source)
    assert not torch.equal(phi_of(run.tune, VAL), phi_of(stage, VAL)), "the change is one"
    run.tuned.assert_same(Learned.of(experiment, stage, run.choice[0]))


def phi_of(stage: Stage, classes: range) -> Tensor:
    return stage.classes.embeddings[list(classes)]


@pytest.mark.parametrize("embedding", NAMES)
def test_every_option_is_known_here(embedding: str, files: Files) -> None:
    """An option that is new must be given values in ``described_worlds``, or nothing is held of it."""
    assert {option.rpartition(".")[2] for option in options_of(embedding)} <= files.values(embedding).keys()


@pytest.mark.parametrize("embedding", NAMES)
def test_unknown_descriptions_change_nothing(embedding: str, files: Files) -> None:
    for case in cases(embedding, files):
        try:
            hold(embedding, "eszsl", case, files)
        except AssertionError as error:
            raise AssertionError(f"{case}: {error}") from error


@pytest.mark.parametrize("embedding", NAMES)
def test_nor_do_they_where_a_method_has_gradients(embedding: str, files: Files) -> None:
    hold(embedding, "sje", cases(embedding, files)[0], files)


def test_a_run_on_files_chooses_and_learns_the_same_whatever_unseen_classes_are(tmp_path: Path) -> None:
    """Attributes of the unseen classes alone are shifted; a threshold at the mean of all classes would move."""
    features, splits = matfiles.content()
    kept = []
    for shift in (0.0, 20.0):
        splits["original_att"] = splits["original_att"] + shift * np.array([0, 0, 0, 0, 1, 1])
        root, output = matfiles.write(tmp_path / f"{shift}", features, splits), tmp_path / f"output {shift}"
        overrides = ["data=xlsa17", "data.name=world", f"data.root={root}", f"paths.cache={tmp_path / 'cache'}"]
        overrides += ["class_embedding.kind=binary", "selection=validation", "save.model=true"]
        assert main(["train", *overrides, "class_embedding.scale=none", f"paths.output={output}"]) == 0
        selection = json.loads((output / "result.json").read_text())["selection"]
        kept.append((selection, load_file(output / "model" / "tensors.safetensors")["method.W"]))
    (one, W), (other, V) = kept
    assert one == other
    assert torch.equal(W, V)
