"""The time that gradient steps may take."""

from __future__ import annotations

import logging
from functools import partial

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from tests.worlds import source
from zsl.data.protocol import final
from zsl.errors import InputError
from zsl.evaluation.corrections.none import Uncorrected
from zsl.hyperparameters import seconds
from zsl.methods.generative.cada_vae import CADAVAE
from zsl.methods.generative.fclswgan import FCLSWGAN
from zsl.methods.generative.prototypes import Prototypes
from zsl.methods.method import Dimensions, ZSLModel
from zsl.selection.epochs import BestEpoch
from zsl.training.fit import fit
from zsl.training.loop import Loop

HEAD = partial(Prototypes, epochs=1)
SMALL = {"hidden": 8, "critic_hidden": 8, "features_per_class": 4, "classifier_epochs": 1, "head": HEAD}


@pytest.mark.parametrize(
    ("text", "length"), [("90s", 90), ("5min", 300), ("1.5h", 5400), (" 2 min ", 120), (None, None)]
)
def test_a_duration_is_read(text: str | None, length: float | None) -> None:
    assert seconds(budget=text) == length


@pytest.mark.parametrize("text", ["", "5 days", "-1s", "0s", "7", 7, -3.0, "1.2.3s", True, float("nan"), "inf"])
def test_what_is_no_duration_is_refused(text: str | float) -> None:
    with pytest.raises(InputError, match=r"method\.budget=.*: must be a time such as 90s, 5min or 1h"):
        seconds(budget=text)


def made(budget: str | None, epochs: int = 40) -> FCLSWGAN:
    stage = final(source(0))
    torch.manual_seed(0)
    model = FCLSWGAN(Dimensions(*stage.dims), epochs=epochs, budget=budget, **SMALL)  # type: ignore[arg-type]
    fit(model, stage.training(model.setting), Loop(progress_bar=False), 0)
    return model


def test_training_ends_with_the_epoch_in_which_its_time_is_over(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        model = made("0.000001s")
    assert model.epochs == 1
    assert "are over after 1 of 40 epochs" in caplog.text
    alone = made(None, epochs=1)
    assert all(torch.equal(value, alone.state_dict()[name]) for name, value in model.state_dict().items())


def test_a_budget_that_is_not_used_up_changes_nothing() -> None:
    one, other = made("1h", epochs=2), made(None, epochs=2)
    assert one.epochs == 2
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())


class Clock(Callback):
    """A clock that stands still but for the steps of epochs, whose seconds are given, and counts epochs."""

    def __init__(self, epoch: float) -> None:
        self.now, self.epoch = 0.0, epoch
        self.epochs = 0
        self.weights: list[list[float]] = []

    def monotonic(self) -> float:
        return self.now

    def on_train_batch_end(self, trainer: Trainer, *_: object) -> None:
        self.now += self.epoch / trainer.num_training_batches

    def on_train_epoch_end(self, _t: Trainer, pl_module: LightningModule) -> None:
        self.epochs += 1
        if isinstance(pl_module, CADAVAE):
            self.weights.append(pl_module.ramps.weights.tolist())


def scheduled(clock: Clock, budget: str | None, epochs: int) -> CADAVAE:
    stage = final(source(0))
    torch.manual_seed(0)
    sizes = {"features_per_class": 3, "seen_per_class": 3, "batch_size": 16, "head": HEAD}
    model = CADAVAE(Dimensions(*stage.dims), epochs=epochs, budget=budget, **sizes)  # type: ignore[arg-type]
    fit(model, stage.training(model.setting), Loop(progress_bar=False), 0, callbacks=[clock])
    return model


def test_a_schedule_reaches_its_end_within_a_budget(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weights of the objective and all others are those of a training of as many epochs."""
    clock, other = Clock(0.3), Clock(0.3)
    monkeypatch.setattr("zsl.training.watching.time", clock)
    with caplog.at_level(logging.INFO):
        model = scheduled(clock, "2s", epochs=500)
    assert model.epochs == 6
    assert "method.budget: 6 of 500 epochs have room in its 2 s" in caplog.text
    alone = scheduled(other, None, epochs=6)
    assert clock.weights == other.weights
    assert len(clock.weights) == 6
    assert all(torch.equal(value, alone.state_dict()[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize(("budget", "epochs", "made"), [("0.1s", 5, 2), ("0.1s", 1, 1), ("1h", 2, 2), ("1s", 5, 3)])
def test_a_schedule_has_as_many_epochs_as_there_is_time_for(
    budget: str, epochs: int, made: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(0.3)
    monkeypatch.setattr("zsl.training.watching.time", clock)
    assert scheduled(clock, budget, epochs).epochs == made


@pytest.mark.parametrize(
    ("validation", "validated"), [(0.0, [5, 6, 7, 8, 9, 10]), (0.3, [5, 6, 7]), (1.0, [5, 7]), (2.0, [5])]
)
def test_validation_leaves_most_of_a_budget_to_gradient_steps(
    validation: float, validated: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """3 s with 0.31 s an epoch: nothing is validated in the first half, nor after validation had a third of all."""
    clock, read = Clock(0.31), list[int]()
    for module in ("zsl.training.watching", "zsl.selection.epochs"):
        monkeypatch.setattr(f"{module}.time", clock)
    stage = final(source(0))
    model = FCLSWGAN(Dimensions(*stage.dims), epochs=100, budget="3s", **SMALL)  # type: ignore[arg-type]

    def finish(_m: ZSLModel, _t: object) -> None:
        read.append(clock.epochs)
        clock.now += validation

    watch = BestEpoch(stage.held_out.load(), "T1", None, Uncorrected(), 1, finish)
    fit(model, stage.training(model.setting), Loop(progress_bar=False), 0, callbacks=[clock, watch])
    assert watch.measured_at == model.epochs == validated[-1]
    assert read == validated


def test_a_budget_with_room_for_all_epochs_changes_no_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    """12 s with 0.3 s an epoch and 0.4 s a validation: ten epochs take 7 s, more than half of them validation."""
    clock = Clock(0.3)
    for module in ("zsl.training.watching", "zsl.selection.epochs"):
        monkeypatch.setattr(f"{module}.time", clock)
    stage, read = final(source(0)), list[int]()
    model = FCLSWGAN(Dimensions(*stage.dims), epochs=10, budget="12s", **SMALL)  # type: ignore[arg-type]

    def finish(_m: ZSLModel, _t: object) -> None:
        read.append(clock.epochs)
        clock.now += 0.4

    watch = BestEpoch(stage.held_out.load(), "T1", None, Uncorrected(), 1, finish)
    fit(model, stage.training(model.setting), Loop(progress_bar=False), 0, callbacks=[clock, watch])
    assert read == list(range(1, 11))


def test_an_epoch_that_alone_was_validated_is_not_said_to_be_the_best_of_several() -> None:
    stage = final(source(0))
    for every, reached in ((2, None), (1, 2)):
        model = FCLSWGAN(Dimensions(*stage.dims), epochs=2, **SMALL)  # type: ignore[arg-type]
        watch = BestEpoch(stage.held_out.load(), "T1", None, Uncorrected(), every)
        fit(model, stage.training(model.setting), Loop(progress_bar=False), 0, callbacks=[watch])
        assert watch.reached == reached
