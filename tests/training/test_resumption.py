"""A run that is interrupted at any step and resumed is bit-identical."""

from __future__ import annotations

import itertools
import math
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from tests import worlds
from zsl.cli import main
from zsl.data.protocol import final
from zsl.data.training_set import Batch, TrainingSet
from zsl.errors import InputError, PrunedError
from zsl.methods.compatibility.ale import ALE
from zsl.methods.generative.fclswgan import FCLSWGAN
from zsl.methods.method import Dimensions, ZSLModel
from zsl.training.fit import fit
from zsl.training.loop import Loop
from zsl.training.resumption import InterruptedRunError

STAGE = final(worlds.source())
TRAIN = STAGE.training(ALE.setting)
STEPS = 3 * -(-len(TRAIN.examples) // 20)
LOOP = Loop(progress_bar=False)


class NoisyALE(ALE):
    """ALE with dropout on the images, so that the global random stream matters too."""

    def loss(self, batch: Batch) -> Tensor:
        return super().loss(batch._replace(x=torch.nn.functional.dropout(batch.x, 0.3)))


def model() -> NoisyALE:
    torch.manual_seed(1)
    return NoisyALE(Dimensions(*STAGE.dims), lr=0.1, epochs=3, batch_size=20)


class At(Callback):
    """An action before a step."""

    def __init__(self, step: int, action: Any) -> None:
        self.step, self.action = step, action

    def on_train_batch_start(self, trainer: Trainer, _m: LightningModule, _b: Any, _i: int) -> None:
        if trainer.global_step == self.step:
            self.action()


class After(At):
    """An action before the first step after as many."""

    def on_train_batch_start(self, trainer: Trainer, _m: LightningModule, _b: Any, _i: int) -> None:
        if trainer.global_step >= self.step:
            self.action()


@pytest.fixture(scope="module")
def undisturbed() -> Tensor:
    return fit(model(), TRAIN, LOOP, seed=3).W.detach().clone()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("step", range(STEPS))
def test_a_signal_at_any_step(tmp_path: Path, undisturbed: Tensor, step: int, number: signal.Signals) -> None:
    handler = signal.getsignal(number)
    with pytest.raises(InterruptedRunError, match=f"stopped at step {step + 1}"):
        fit(model(), TRAIN, LOOP, 3, tmp_path, callbacks=[At(step, lambda: os.kill(os.getpid(), number))])
    assert signal.getsignal(number) is handler
    torch.manual_seed(99)
    assert torch.equal(fit(model(), TRAIN, LOOP, 3, tmp_path, resume=True).W, undisturbed)


def test_a_training_whose_epochs_follow_from_its_steps_is_resumed(tmp_path: Path) -> None:
    def build() -> FCLSWGAN:
        torch.manual_seed(1)
        small = {"hidden": 6, "critic_hidden": 6, "features_per_class": 4, "classifier_epochs": 1, "batch_size": 20}
        return FCLSWGAN(Dimensions(*STAGE.dims), steps=STEPS, **small)  # type: ignore[arg-type]

    train = STAGE.training(FCLSWGAN.setting)
    whole, late = fit(build(), train, LOOP, 3), 4 * STEPS  # Lightning counts the steps of all optimizers, six a step
    with pytest.raises(InterruptedRunError):
        fit(build(), train, LOOP, 3, tmp_path, callbacks=[After(late, lambda: os.kill(os.getpid(), signal.SIGTERM))])
    resumed = fit(build(), train, LOOP, 3, tmp_path, resume=True)
    assert whole.epochs == resumed.epochs == 3
    assert all(torch.equal(value, resumed.state_dict()[name]) for name, value in whole.state_dict().items())


HOOKS = (
    "setup",
    "on_fit_start",
    "on_train_start",
    "on_train_epoch_start",
    "on_train_batch_start",
    "on_before_backward",
    "on_train_batch_end",
    "on_train_epoch_end",
    "on_train_end",
    "on_fit_end",
    "teardown",
)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("hook", HOOKS)
def test_a_signal_at_any_moment_is_never_lost(tmp_path: Path, hook: str, number: signal.Signals) -> None:
    """A signal at any moment of Lightning's loop interrupts the run, and does not end the process."""
    sent: list[str] = []

    def send(*_: object, **__: object) -> None:
        if not sent:
            sent.append(hook)
            os.kill(os.getpid(), number)

    handler = signal.getsignal(number)
    with pytest.raises((InterruptedRunError, KeyboardInterrupt)):
        fit(model(), TRAIN, LOOP, 3, tmp_path, callbacks=[type("Sender", (Callback,), {hook: send})()])
    assert sent
    assert signal.getsignal(number) is handler


def test_a_signal_is_not_lost_where_a_trial_is_ended_early() -> None:
    def end() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        raise PrunedError

    with pytest.raises(KeyboardInterrupt):
        fit(model(), TRAIN, LOOP, 3, callbacks=[At(2, end)])


class CrashError(Exception):
    pass


def crash() -> None:
    raise CrashError


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("step", range(3, STEPS))
def test_a_crash_at_any_step_after_a_checkpoint(tmp_path: Path, undisturbed: Tensor, step: int, every: int) -> None:
    loop = Loop(progress_bar=False, checkpoint_every_n_steps=every)
    with pytest.raises(CrashError):
        fit(model(), TRAIN, loop, 3, tmp_path, callbacks=[At(step, crash)])
    assert torch.equal(fit(model(), TRAIN, loop, 3, tmp_path, resume=True).W, undisturbed)


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(range(3, STEPS), 2)))
def test_a_run_that_went_on_may_crash_again(
    tmp_path: Path, undisturbed: Tensor, first: int, second: int, every: int
) -> None:
    """A second crash is resumed from the middle of an epoch, and from its end, which belongs to neither epoch."""
    loop = Loop(progress_bar=False, checkpoint_every_n_steps=every)
    for step in (first, second):
        with pytest.raises(CrashError):
            fit(model(), TRAIN, loop, 3, tmp_path, resume=step == second, callbacks=[At(step, crash)])
    assert torch.equal(fit(model(), TRAIN, loop, 3, tmp_path, resume=True).W, undisturbed)


def test_nothing_to_resume_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"resume=true: .*last.ckpt is not there .*; start without resume"):
        fit(model(), TRAIN, LOOP, 3, tmp_path, resume=True)


def test_a_diverging_loss_stops_with_the_step_the_value_and_the_cure() -> None:
    wild = ALE(Dimensions(*STAGE.dims), lr=1e30, epochs=50, batch_size=20)
    with pytest.raises(
        InputError, match=r"training diverged: loss \d\S+e\+\d\d at step 2; lower method.lr \(now 1e\+30\)$"
    ):
        fit(wild, TRAIN, LOOP, 3)


class Diverging(ALE):
    """A model whose loss or weights diverge from some step on."""

    def __init__(self, how: str, step: int) -> None:
        super().__init__(Dimensions(*STAGE.dims), lr=0.1, epochs=3, batch_size=20)
        self.how, self.step = how, step

    def loss(self, batch: Batch) -> Tensor:
        good = super().loss(batch)
        if self.trainer.global_step < self.step:
            return good
        factor = {"nan": math.nan, "inf": math.inf, "grows": 1e13, "weights": 1.0}[self.how]
        if self.how == "weights":
            good.register_hook(lambda gradient: gradient * math.nan)
        return good * factor


@pytest.mark.parametrize(
    ("how", "what"),
    [("nan", "loss nan"), ("inf", "loss inf"), ("grows", r"loss \S+e\+\d+"), ("weights", "(W is not finite|loss nan)")],
)
@pytest.mark.parametrize("every", [1, 2])
def test_the_last_good_checkpoint_is_kept_and_named(tmp_path: Path, how: str, what: str, every: int) -> None:
    loop = Loop(progress_bar=False, checkpoint_every_n_steps=every)
    good = 4 - 4 % every
    with pytest.raises(
        InputError, match=rf"{what} at step \d+; lower .*; the last good checkpoint is kept: .*last.ckpt"
    ):
        fit(Diverging(how, step=4), TRAIN, loop, 3, tmp_path)
    kept = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert kept["global_step"] == good
    assert kept["state_dict"]["W"].isfinite().all()


def test_divergence_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    places = [f"paths.output={tmp_path / 'run'}", f"paths.cache={tmp_path / 'cache'}"]
    wild = ["train", "data=synthetic", "method=ale", "method.lr=1e30", *places]
    assert main(wild) == 2
    error = capsys.readouterr().err
    assert re.fullmatch(r"zsl: error: training diverged: loss \S+ at step 2; lower method.lr \(now 1e\+30\)\n", error)
    assert not (tmp_path / "run").exists()
    assert main([*wild, "trainer.checkpoint_every_n_steps=1"]) == 2
    (kept,) = (tmp_path / "run").rglob("*.ckpt")
    assert capsys.readouterr().err.endswith(f"; the last good checkpoint is kept: {kept}\n")


def test_weights_that_the_last_step_ruins_are_no_result() -> None:
    with pytest.raises(InputError, match=rf"training diverged: W is not finite at step {STEPS}"):
        fit(Diverging("weights", step=STEPS - 1), TRAIN, LOOP, 3)


def test_a_missing_gpu_is_said_in_one_line() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(InputError, match=r"trainer.accelerator=gpu: no CUDA device is at hand; use trainer=cpu"):
        fit(model(), TRAIN, Loop(accelerator="gpu"), 3)


class StopInHeads(FCLSWGAN):
    """A generator that is interrupted while its second head is trained."""

    def heads(self, train: TrainingSet) -> Iterator[tuple[ZSLModel, TrainingSet]]:
        first, second = super().heads(train)
        yield first
        os.kill(os.getpid(), signal.SIGINT)
        yield second


def generator(kind: type[FCLSWGAN]) -> FCLSWGAN:
    torch.manual_seed(1)
    return kind(Dimensions(*STAGE.dims), hidden=8, critic_hidden=8, features_per_class=4, epochs=2, classifier_epochs=1)


def test_a_run_that_is_stopped_in_its_heads_goes_on_with_them(tmp_path: Path) -> None:
    train = STAGE.training(FCLSWGAN.setting)
    whole = fit(generator(FCLSWGAN), train, LOOP, 3)
    with pytest.raises(InterruptedRunError, match="stopped at the heads") as stopped:
        fit(generator(StopInHeads), train, LOOP, 3, tmp_path)
    assert stopped.value.resumable
    again = fit(generator(FCLSWGAN), train, LOOP, 3, tmp_path, resume=True)
    for key, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[key]), key
    assert not list(tmp_path.iterdir())


def test_what_makes_its_own_steps_is_not_compiled(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"trainer.compile=true: this method makes its steps itself"):
        fit(generator(FCLSWGAN), STAGE.training(FCLSWGAN.setting), Loop(progress_bar=False, compile=True), 3, tmp_path)


def test_losses_of_a_generator_that_diverges_are_named(tmp_path: Path) -> None:
    wild = generator(FCLSWGAN)
    wild.lr = 1e20
    with pytest.raises(
        InputError, match=r"training diverged: loss \S+, generator loss \S+ at step \d+; lower method.lr"
    ):
        fit(wild, STAGE.training(FCLSWGAN.setting), LOOP, 3, tmp_path)
    assert not list(tmp_path.iterdir())
