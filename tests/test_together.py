"""Runs that are trained together, held to what each is by itself: weights, buffers, classifier, heads, and scores."""

from __future__ import annotations

import copy
import math
import os
import re
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.utils import instantiate

from tests import worlds
from tests.configured import METHODS, config, kind
from tests.methods.adversarial import double
from zsl.data.protocol import Stage, final
from zsl.data.training_set import TrainingSet
from zsl.fit import Loop, fit
from zsl.methods.compatibility.ale import ALE
from zsl.methods.compatibility.eszsl import ESZSL
from zsl.methods.generative.fclswgan import FCLSWGAN
from zsl.methods.generative.softmax import Softmax
from zsl.model import Dimensions, ZSLModel
from zsl.random_streams import Stream
from zsl.resumption import InterruptedRunError
from zsl.together import Run, fit_together, seconds_a_step, stacked

LOOP = Loop(progress_bar=False)
STAGE = final(worlds.source())
TOGETHER = [method for method in METHODS if kind(method).together]
SMALL: dict[str, Any] = {
    "head": partial(Softmax, epochs=2),
    "hidden": 8,
    "critic_hidden": 8,
    "batch_size": 16,
    "features_per_class": 4,
    "epochs": 2,
    "classifier_epochs": 2,
}


def begun(make: Any, stage: Stage, seeds: int, exact: bool = False) -> list[Run]:
    """Runs of seeds 3, 4, …, not yet trained."""
    runs = []
    for seed in range(3, 3 + seeds):
        torch.manual_seed(seed)
        model = make(Dimensions(*stage.dims))
        train = stage.training(model.setting)
        runs.append(Run(model.double() if exact else model, double(train) if exact else train, seed, Stream()))
    return runs


def alone(make: Any, stage: Stage, seed: int, exact: bool = False) -> ZSLModel:
    """One of them as it is trained by itself."""
    torch.manual_seed(seed)
    model = make(Dimensions(*stage.dims))
    train = stage.training(model.setting)
    return fit(model.double() if exact else model, double(train) if exact else train, LOOP, seed)


def assert_same(found: ZSLModel, expected: ZSLModel, stage: Stage, tolerance: float = 1e-5) -> None:
    """Every weight and buffer, and what images score among all classes and among the unseen."""
    theirs = expected.state_dict()
    for name, value in found.state_dict().items():
        torch.testing.assert_close(value, theirs[name], rtol=0, atol=tolerance, msg=name)
    dtype = next(found.parameters()).dtype
    x, classes = stage.held_out.unseen().inputs.to(dtype), stage.classes.to("cpu", dtype)
    for asked in (classes, classes.take(classes.unseen_ids)):
        torch.testing.assert_close(found.scores(x, asked), expected.scores(x, asked), rtol=0, atol=tolerance)


def small(**changes: Any) -> Any:
    """Makes a small f-CLSWGAN."""
    return partial(FCLSWGAN, **{**SMALL, **changes})


def test_generators_can_be_trained_together() -> None:
    assert {"fclswgan", "fwgan", "fvaegan_d2", "fvaegan_d2_transductive", "tf_vaegan"} <= set(TOGETHER)


@pytest.mark.parametrize("method", TOGETHER)
def test_every_method_that_says_so_equals_its_solo_runs(method: str) -> None:
    make = partial(instantiate, config(method))
    runs = begun(make, STAGE, 2)
    fit_together(runs, LOOP)
    for run in runs:
        assert run.diverged is None
        assert_same(run.model, alone(make, STAGE, run.seed), STAGE)


@pytest.mark.parametrize(
    ("seeds", "sizes", "changes"),
    [
        (1, {}, {}),
        (2, {"d": 1, "k": 1}, {"hidden": 3, "noise": 2}),
        (3, {"d": 20, "train": 9, "unseen": 1}, {"critic_hidden": 17, "n_critic": 1, "batch_size": 7}),
        (4, {"per_class": 5}, {"beta": 0.5, "output": "linear", "lr": 1e-3}),
    ],
    ids=str,
)
def test_any_number_of_seeds_and_any_shape(seeds: int, sizes: dict[str, int], changes: dict[str, Any]) -> None:
    stage, make = final(worlds.source(seed=1, **sizes)), small(**changes)
    runs = begun(make, stage, seeds)
    fit_together(runs, LOOP)
    for run in runs:
        assert_same(run.model, alone(make, stage, run.seed), stage)


def test_adam_steps_every_run_as_it_does_by_itself_to_the_bit() -> None:
    """Of 150 numbers the last 6 do not fill a vector, which a kernel may round in another way than the others."""
    models = [Softmax(Dimensions(3, 2, 150)) for _ in range(3)]
    stack = stacked(models)
    adam = stack.configure_optimizers()
    alone = [model.configure_optimizers() for model in models]
    generator = torch.Generator().manual_seed(0)
    for _ in range(200):
        gradients = torch.randn(3, 150, generator=generator)
        adam.zero_grad()  # type: ignore[union-attr]
        (stack.c * gradients).sum().backward()  # type: ignore[operator]
        adam.step()  # type: ignore[union-attr,call-arg]
        for model, own, gradient in zip(models, alone, gradients, strict=True):
            model.c.grad = gradient
            own.step()
    for run, model in enumerate(models):
        assert torch.equal(stack.c[run], model.c)  # type: ignore[index]


@pytest.mark.parametrize("method", ["fclswgan", "fvaegan_d2_transductive", "tf_vaegan"])
def test_in_double_precision_nothing_but_rounding_is_left(method: str) -> None:
    """With critics of two layers, one of whose biases has no gradient but rounding: in single precision Adam makes a
    step of that."""
    cfg = config(method)
    cfg.critic_layers = 2
    make = partial(instantiate, cfg)
    runs = begun(make, STAGE, 3, exact=True)
    fit_together(runs, LOOP)
    for run in runs:
        assert_same(run.model, alone(make, STAGE, run.seed, exact=True), STAGE, 1e-9)


@pytest.mark.parametrize("head", [partial(ALE, epochs=2), ESZSL])
def test_heads_that_cannot_are_trained_one_after_another(head: Any) -> None:
    make = small(head=head)
    runs = begun(make, STAGE, 2)
    fit_together(runs, LOOP)
    for run in runs:
        assert_same(run.model, alone(make, STAGE, run.seed), STAGE)


def test_the_same_seeds_give_the_same_bits() -> None:
    first, second = begun(small(), STAGE, 3), begun(small(), STAGE, 3)
    fit_together(first, LOOP)
    torch.manual_seed(99)
    fit_together(second, LOOP)
    assert_same_bits(first, second)
    assert not torch.equal(first[0].model.generator.layers[0].weight, first[1].model.generator.layers[0].weight)  # type: ignore[union-attr]


def assert_same_bits(found: list[Run], expected: list[Run]) -> None:
    for run, other in zip(found, expected, strict=True):
        for name, value in run.model.state_dict().items():
            assert torch.equal(value, other.model.state_dict()[name]), name


def test_to_measure_changes_nothing() -> None:
    measured, untouched = begun(small(), STAGE, 2), begun(small(), STAGE, 2)
    before = torch.get_rng_state()
    assert min(seconds_a_step(measured, LOOP)) > 0
    assert torch.equal(torch.get_rng_state(), before)
    assert_same_bits(measured, untouched)
    fit_together(measured, LOOP)
    fit_together(untouched, LOOP)
    assert_same_bits(measured, untouched)


@pytest.mark.parametrize("part", ["generator.layers.0.weight", "critic.A", "classifier.V", "gzsl_head.V"])
def test_a_seed_that_diverges_says_so_and_leaves_the_others_as_they_are(part: str) -> None:
    runs = begun(small(), STAGE, 3)
    with torch.no_grad():
        runs[1].model.get_parameter(part).mul_(math.nan)
    fit_together(runs, LOOP)
    assert runs[1].diverged is not None
    assert str(runs[1].diverged).startswith("training diverged: ")
    for run in (runs[0], runs[2]):
        assert run.diverged is None
        assert_same(run.model, alone(small(), STAGE, run.seed), STAGE)


@pytest.mark.parametrize("part", ["steps", "classifier"])
def test_where_all_diverge_each_says_at_which_step(tmp_path: Path, part: str) -> None:
    runs = begun(small(**{"lr" if part == "steps" else "classifier_lr": 1e20}), STAGE, 2)
    fit_together(runs, LOOP, tmp_path)
    for run in runs:
        assert re.search(r"diverged: .*loss \S+ at step \d+; lower method.lr \(now 1e\+20\)", str(run.diverged))
    assert not list(tmp_path.iterdir())


class Stopped(FCLSWGAN):
    """Asked to stop when a step is about to begin, in the gradient steps or in those of a head."""

    def __init__(self, *arguments: Any, step: int | None = None, in_heads: bool = False, **keys: Any) -> None:
        super().__init__(*arguments, **keys)
        self.step, self.in_heads = step, in_heads

    def descend(self, *arguments: Any) -> dict[str, torch.Tensor]:
        if not self.in_heads and self.trainer.fit_loop.total_batch_idx == self.step:
            os.kill(os.getpid(), signal.SIGTERM)
        return super().descend(*arguments)

    def heads(self, train: TrainingSet) -> Any:
        for place, part in enumerate(super().heads(train)):
            if self.in_heads and place == 1:
                os.kill(os.getpid(), signal.SIGINT)
            yield part


@pytest.mark.parametrize("how", [{"step": 0}, {"step": 4}, {"in_heads": True}], ids=str)
def test_runs_that_are_stopped_go_on_to_the_same_bits(tmp_path: Path, how: dict[str, Any]) -> None:
    whole = begun(small(), STAGE, 3)
    fit_together(whole, LOOP)
    with pytest.raises(InterruptedRunError) as stopped:
        fit_together(begun(partial(Stopped, **SMALL, **how), STAGE, 3), LOOP, tmp_path)
    assert stopped.value.resumable
    again = begun(small(), STAGE, 3)
    torch.manual_seed(99)
    for run in again:
        run.stream = Stream()
    fit_together(again, LOOP, tmp_path, resume=True)
    assert_same_bits(again, whole)
    assert not list(tmp_path.iterdir())


def test_a_seed_that_diverged_before_a_stop_is_not_forgotten(tmp_path: Path) -> None:
    """Its classifier did, by a margin that is finite: nothing in the checkpoint's numbers says so."""
    make = partial(Stopped, **SMALL, step=2)
    runs = begun(make, STAGE, 2)
    with torch.no_grad():
        runs[0].model.get_parameter("classifier.V").mul_(1e30)
    with pytest.raises(InterruptedRunError):
        fit_together(runs, LOOP, tmp_path)
    again = begun(small(), STAGE, 2)
    fit_together(again, LOOP, tmp_path, resume=True)
    assert str(again[0].diverged) == str(runs[0].diverged)
    assert again[1].diverged is None
    assert_same(again[1].model, alone(small(), STAGE, 4), STAGE)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu_as_by_themselves() -> None:
    loop = replace(LOOP, accelerator="gpu")
    runs = begun(small(hidden=64, critic_hidden=64), STAGE, 4)
    models = copy.deepcopy([run.model for run in runs])
    fit_together(runs, loop)
    for run, model in zip(runs, models, strict=True):
        torch.manual_seed(run.seed)
        small(hidden=64, critic_hidden=64)(Dimensions(*STAGE.dims))
        expected = fit(model, STAGE.training(model.setting), loop, run.seed).state_dict()
        for name, value in run.model.state_dict().items():
            torch.testing.assert_close(value, expected[name], rtol=0, atol=1e-5, msg=name)
