"""Points of a grid that differ only in what follows the gradient steps share these steps, with unchanged metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from pytorch_lightning import Callback, LightningModule, Trainer

from tests import worlds
from tests.configured import METHODS, composed, config, kind
from tests.test_method_contract import LOOP
from zsl.config.build import build_method
from zsl.config.experiment import Experiment
from zsl.data.protocol import final
from zsl.errors import DivergedError, InputError
from zsl.methods.generative.feature_generator import HEADS, FeatureGenerator
from zsl.methods.method import Dimensions, ZSLModel
from zsl.runs.choosing import validation
from zsl.runs.train import untrained
from zsl.selection.choice import choose, points
from zsl.selection.space import Hyperparameters
from zsl.selection.trials import Trial, TrialLog
from zsl.selection.validation import Validation
from zsl.training.fit import fit

GENERATORS = [name for name in METHODS if issubclass(kind(name), FeatureGenerator)]
AFTERWARDS = [(name, key) for name in METHODS for key in kind(name).afterwards]


def counted(cache: Path, method: str, *overrides: str) -> tuple[Validation, list[Hyperparameters]]:
    """Return a validation, and the list to which it appends every point that it trains."""
    small = [f"method.{key}={value}" for key, value in widths(method).items()]
    experiment = Experiment.compose(["data=synthetic", f"method={method}", *small, f"paths.cache={cache}", *overrides])
    made = validation(experiment, experiment.stage(experiment.load_data(), "tune"))
    trained: list[Hyperparameters] = []

    def train(point: Hyperparameters, callbacks: Sequence[Callback]) -> ZSLModel:
        trained.append(point)
        return made.train(point, callbacks)

    return replace(made, train=train), trained


SMALL = {"hidden": 8, "_per_class": 8, "epochs": 3, "space.epochs": 1}
"""end of a key -> what makes networks narrow and trainings short; the last end that fits counts"""


def widths(method: str) -> dict[str, int]:
    cfg = composed("method", method)
    keys = [*map(str, cfg), *(f"space.{key}" for key in cfg.get("space", {}))]
    small = {key: value for end, value in SMALL.items() for key in keys if key.endswith(end)}
    return small | ({"head.epochs": 2} if "head" in cfg else {})


def both(
    cache: Path, method: str, grid: dict[str, list[Any]], trainings: int, *overrides: str
) -> tuple[list[Trial], list[Trial]]:
    """Return the trials of a grid, and the trials of each of its points trained alone."""
    made, trained = counted(cache, method, *overrides)
    together = list(made.grid(points(grid)))
    assert len(trained) == trainings
    return together, list(made.trials((point, None) for point in points(grid)))


@pytest.mark.parametrize("method", GENERATORS)
def test_heads_share_a_generator(cache: Path, method: str) -> None:
    grid = {"features_per_class": [3, 8], "head.lr": [0.001, 0.01]}
    together, alone = both(cache, method, grid, 1, "method.batch_size=256", "method.epochs=2")
    assert together == alone
    assert len({trial.T1 for trial in together}) > 1


def test_heads_of_several_kinds_share_a_generator(cache: Path) -> None:
    grid = {"head": ["softmax", "eszsl"], "correction.k": [1, 3]}
    together, alone = both(cache, "fclswgan", grid, 1, "correction=csls", "method.batch_size=256", "method.epochs=1")
    assert together == alone
    assert len({trial.T1 for trial in together}) > 2


@pytest.mark.parametrize("method", [name for name in METHODS if kind(name).afterwards])
def test_what_a_default_search_can_share_comes_last(method: str) -> None:
    """The last axis changes fastest, and only neighbours share gradient steps."""
    space = Experiment.compose([f"method={method}"]).space
    shared = [key.partition(".")[0] in kind(method).afterwards for key in space]
    assert shared == sorted(shared)


def test_a_logged_trial_without_the_metrics_of_this_search_is_refused(cache: Path) -> None:
    made, trained = counted(cache, "eszsl")
    log = TrialLog()
    log.trials = (Trial({"gamma": 1}, T1=50.0),)
    with pytest.raises(InputError, match="trial 1 has other metrics than this"):
        choose(made, {"gamma": [1, 10]}, log)
    assert not trained


def test_each_has_its_own_patience(cache: Path) -> None:
    grid = {"head.lr": [1e-4, 1e-2, 1.0], "head.epochs": [1, 3]}
    often = ["selection.objective=T1", "selection.patience=2", "selection.every=1"]
    made, trained = counted(cache, "fclswgan", "method.epochs=9", "method.batch_size=128", *often)
    together = list(made.grid(points(grid)))
    assert len(trained) == 1
    assert together == list(made.trials((point, None) for point in points(grid)))
    assert len({trial.chosen["epochs"] for trial in together}) > 1


def test_a_head_that_diverges_says_so_and_leaves_the_others(cache: Path) -> None:
    together, alone = both(cache, "fclswgan", {"head.lr": [1e-3, 1e30, 1e-2]}, 1)
    assert together == alone
    assert [trial.diverged is None for trial in together] == [True, False, True]


def test_a_generator_that_diverges_makes_every_head_diverge(cache: Path) -> None:
    together, alone = both(cache, "fclswgan", {"lr": [1e30, 1e-3], "head.lr": [1e-3, 1e-2]}, 2)
    assert together == alone
    assert [trial.diverged is None for trial in together] == [False, False, True, True]


def test_divergence_after_a_point_has_ended_does_not_affect_it(cache: Path) -> None:
    """Heads that run out of patience before the generator diverges have metrics; the other heads diverge."""

    class Diverge(Callback):
        def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
            if trainer.current_epoch == 3:
                raise DivergedError("diverged in epoch 4")

    small = ["method.epochs=8", "method.hidden=16", "method.critic_hidden=16", "selection.patience=2"]
    small += ["method.batch_size=128"]
    made, _ = counted(cache, "fclswgan", *small)
    diverging = replace(made, train=lambda point, callbacks: made.train(point, [Diverge(), *callbacks]))
    grid = points({"head.lr": [1e-12, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3]})
    together = list(diverging.grid(grid))
    assert together == list(diverging.trials((point, None) for point in grid))
    assert {trial.diverged is None for trial in together} == {True, False}


def test_divergence_in_the_last_step_affects_every_point(cache: Path) -> None:
    class Lose(Callback):
        def on_train_batch_end(self, trainer: Trainer, model: LightningModule, *_: Any) -> None:
            if trainer.current_epoch + 1 == trainer.max_epochs and trainer.is_last_batch:
                with torch.no_grad():
                    next(model.parameters()).flatten()[0] = torch.nan

    made, _ = counted(cache, "fclswgan", *(f"method.{key}={value}" for key, value in widths("fclswgan").items()))
    losing = replace(made, train=lambda point, callbacks: made.train(point, [Lose(), *callbacks]))
    grid = points({"head.lr": [1e-3, 1e-2]})
    together = list(losing.grid(grid))
    assert together == list(losing.trials((point, None) for point in grid))
    assert all("is not finite" in str(trial.diverged) for trial in together)


@pytest.mark.parametrize("method", ["dem", "class_norm", "ale"])
def test_corrections_share_all_training(cache: Path, method: str) -> None:
    together, alone = both(cache, method, {"lr": [0.01, 0.001], "correction.k": [1, 2, 5]}, 2, "correction=csls")
    assert together == alone


def test_points_that_are_not_consecutive_are_trained_alone(cache: Path) -> None:
    """Points with equal gradient steps need not be consecutive; those that are not do not share the steps."""
    together, alone = both(cache, "fclswgan", {"head.lr": [1e-3, 1e-2], "lr": [0.01, 0.001]}, 4)
    assert together == alone


@pytest.mark.parametrize("method", GENERATORS)
def test_a_generator_is_the_same_with_any_head(cache: Path, method: str) -> None:
    small = [f"method.{key}={value}" for key, value in widths(method).items()]
    experiment = Experiment.compose(["data=synthetic", f"method={method}", *small, f"paths.cache={cache}"])
    stage = experiment.stage(experiment.load_data(), "tune")
    states = [untrained(experiment, stage, {"head": head}).state_dict() for head in ("softmax", "ale", "eszsl")]
    own = [name for name in states[0] if "_head." not in name]
    assert own
    assert all(torch.equal(states[0][name], state[name]) for state in states[1:] for name in own)


@pytest.mark.parametrize(("method", "key"), AFTERWARDS)
def test_gradient_steps_do_not_depend_on_what_follows_them(method: str, key: str) -> None:
    """Weights are bit-identical, except for those of heads."""
    stage = final(worlds.source())
    before = config(method)[key]
    if isinstance(before, bool):
        other: Any = not before
    else:
        other = "eszsl" if key == "head" else before + 1 if isinstance(before, int) else 2 * before
    states = []
    for changes in ({}, {key: other}):
        torch.manual_seed(0)
        model = build_method(OmegaConf.to_object(config(method)), Dimensions(*stage.dims), changes)
        states.append(fit(model, stage.training(model.setting), LOOP, 0).state_dict())
    steps = [name for name in states[0] if not name.startswith(HEADS)]
    assert len(steps) > 4
    assert all(torch.equal(states[0][name], states[1][name]) for name in steps)
    assert states[0].keys() != states[1].keys() or not all(torch.equal(states[0][n], states[1][n]) for n in states[0])
