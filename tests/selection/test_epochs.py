"""Validation during training, which chooses the number of epochs, does not change the trained method."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from torch.testing import assert_close

from zsl.config.experiment import Experiment
from zsl.evaluation.corrections.none import Uncorrected
from zsl.methods.generative.feature_generator import FeatureGenerator
from zsl.runs.choosing import validation
from zsl.runs.train import train
from zsl.selection.epochs import BestEpoch
from zsl.training.fit import finish

GENERATOR = ["method=fclswgan", "method.hidden=8", "method.critic_hidden=8", "method.classifier_epochs=1"]
HEADS = ["method.features_per_class=4", "method.head.epochs=1"]


@pytest.mark.parametrize("method", [["method=class_norm"], [*GENERATOR, *HEADS]], ids=["class_norm", "fclswgan"])
def test_validation_does_not_change_training(tmp_path: Path, method: list[str]) -> None:
    """The weights are bit-identical with and without validation, also those of heads, which every validation trains."""
    experiment = Experiment.compose(["data=synthetic", *method, "method.epochs=2", f"paths.cache={tmp_path}"])
    stage = experiment.stage(experiment.load_data(), "tune")
    finished = partial(finish, loop=experiment.loop, seed=0)
    watch = BestEpoch(stage.held_out.load(), "T1", 10, Uncorrected(), 1, finished)
    alone, watched = (train(experiment, stage, {}, callbacks).state_dict() for callbacks in ([], [watch]))
    assert watch.best is not None
    for name, weights in alone.items():
        assert_close(watched[name], weights, rtol=0, atol=0, equal_nan=True, msg=name)


def test_a_trial_trains_its_heads_once_an_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its scores are those of the validations; the method itself is not finished again after the last."""
    experiment = Experiment.compose(
        ["data=synthetic", *GENERATOR, *HEADS, "method.epochs=3", f"paths.cache={tmp_path}"]
    )
    heads, asked = FeatureGenerator.heads, []
    monkeypatch.setattr(FeatureGenerator, "heads", lambda self, train: asked.append(self) or heads(self, train))
    (trial,) = validation(experiment, experiment.stage(experiment.load_data(), "tune")).trials([({}, None)])
    assert len(asked) == trial.reached == 3
