"""Laws of training: what it may depend on, what it leaves behind, and that it can be stopped."""

from __future__ import annotations

import gc
import os
import signal
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from zsl.data.examples import Examples
from zsl.data.protocol import final
from zsl.data.scaling import Scaling
from zsl.data.stored_rows import StoredRows
from zsl.data.training_set import Batch
from zsl.evaluation.leak_audit import audit_method
from zsl.evaluation.scoring import score
from zsl.testing.law import require
from zsl.testing.method_under_test import LOOP, MethodUnderTest, same_weights, scores, world
from zsl.training.fit import fit
from zsl.training.random_draws import detect_random_draws
from zsl.training.resumption import InterruptedRunError, steps_made

EXTREME = (
    {"d": 1},
    {"k": 1},
    {"unseen": 1},
    {"d": 2, "train": 12},
    {"train": 1, "val": 1},
    {"per_class": 2},
)
"""sizes of worlds: one feature, one attribute, one unseen class, many classes, few classes, few images"""


def the_declared_setting_holds(given: MethodUnderTest) -> None:
    """Require that training uses of unseen classes what the declared setting says, in both directions, and no label."""
    audit_method(given.recipe, world(given.recipe.kind))


def a_seed_gives_the_same_weights(given: MethodUnderTest) -> None:
    """Require that training twice with one seed gives the same weights, bit by bit."""
    differs = same_weights(given.model, given.trained())
    require(not differs, f"{differs} differs")


def what_draws_nothing_is_the_same_with_every_seed(given: MethodUnderTest) -> None:
    """Require that a method is the same with every seed if and only if it says that it draws no random number."""
    model = given.model
    if model.epochs:
        require(not model.deterministic, "a method with gradient steps draws its batches, but says that it does not")
        return
    torch.manual_seed(1)
    with detect_random_draws() as draws:
        given.untrained()
    other = given.trained(seed=1)
    same = not same_weights(model, other)
    says = model.deterministic and other.deterministic and not draws.any
    require(
        same == says,
        f"it says that it draws {'nothing' if says else 'random numbers'}, and weights are "
        f"{'the same' if same else 'different'} with another seed",
    )


def a_resumed_run_has_the_same_weights(given: MethodUnderTest) -> None:
    """Require that a run that is stopped at its second step and resumed ends with the same weights, bit by bit."""
    if not given.model.epochs:
        return
    with TemporaryDirectory() as folder:
        with _interruptible():
            try:
                given.trained(checkpoints=Path(folder), callbacks=[StopAtSecondStep()])
            except InterruptedRunError as stop:
                require("stopped at step 2" in str(stop), str(stop))
            else:
                require(False, "it ended before its third step; hand over more epochs")
        differs = same_weights(given.model, given.trained(checkpoints=Path(folder), resume=True))
        require(not differs, f"{differs} differs")


class StopAtSecondStep(Callback):
    """SIGINT at the second step."""

    def on_train_batch_start(self, trainer: Trainer, _m: LightningModule, _b: Any, _i: int) -> None:
        """Interrupt this process after two steps."""
        if steps_made(trainer) == 2:
            os.kill(os.getpid(), signal.SIGINT)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGINT interrupt this process: a shell starts what runs in the background with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def no_image_is_kept(given: MethodUnderTest) -> None:
    """Require that a trained method keeps no training image: a search would hold those of hundreds of trainings.

    Images must be freed without the garbage collector.
    """
    train = given.stage.training(given.untrained().setting)
    own = replace(train, examples=Examples(train.examples.tensor.clone(), train.examples.labels))
    images, model = weakref.ref(own.examples.tensor), given.untrained()
    gc.collect()
    gc.disable()
    try:
        fit(model, own, LOOP, 0)
        del own, model
        require(images() is None, "the training images are still in memory")
    finally:
        gc.enable()


def stored_images_teach_what_images_in_memory_do(given: MethodUnderTest) -> None:
    """Require that training on images that are read where they are used gives the scores that it gives in memory.

    The batches are the same: a window holds all images of a small world. Closed forms may differ by less than a tenth
    of the deviation of their scores, which allows for solvers that stop earlier.
    """
    train = given.stage.training(given.untrained().setting)
    x = train.examples.tensor.numpy()
    rows = StoredRows(x, np.arange(len(x)), Scaling("none"))
    torch.manual_seed(0)
    try:
        model = fit(given.untrained(), replace(train, examples=Examples(rows, train.examples.labels)), LOOP, 0)
    except (AttributeError, TypeError) as error:
        cure = "read blocks(examples.inputs, size), or examples.tensor for all images at once"
        raise AssertionError(f"{type(error).__name__}: {error}; {cure}") from error
    images, classes = given.stage.held_out.unseen().tensor, given.stage.classes
    expected, found = scores(given.model, images, classes), scores(model, images, classes)
    off = (found - expected).abs().max().item()
    require(off <= 0.1 * expected.std().item(), f"scores differ by up to {off:.3g} from images that are stored")


def a_shared_batch_has_the_gradient_of_a_whole(given: MethodUnderTest) -> None:
    """Require that the gradients of parts of a batch make that of the batch, where processes can share it.

    The parts are weighted by their numbers of images. Methods whose processes exchange features are exempt.
    """
    model = given.untrained().double()
    if not model.distributable or model.exchanges:
        return
    train = given.stage.training(model.setting)
    classes = replace(train.classes, embeddings=train.classes.embeddings.double())
    x, y = train.examples.tensor[:10].double(), train.examples.labels[:10]
    weights = list(model.parameters())

    def gradient(rows: slice) -> list[torch.Tensor]:
        return list(torch.autograd.grad(model.loss(Batch(x[rows], y[rows], classes)), weights))

    for found, first, rest in zip(*map(gradient, (slice(10), slice(3), slice(3, 10))), strict=True):
        off = (found - (0.3 * first + 0.7 * rest)).abs().max().item()
        require(off <= 1e-9 * (1 + found.abs().max().item()), f"the gradients differ by up to {off:.3g}")


def extreme_sizes_can_be_trained_on(given: MethodUnderTest) -> None:
    """Require that data of extreme sizes, such as one feature or one unseen class, can be trained on and scored."""
    for sizes in EXTREME:
        stage = final(world(given.recipe.kind, seed=1, **sizes))
        try:
            found = score(given.trained(stage), stage.held_out).gzsl.dense()
        except Exception as error:
            raise AssertionError(f"{sizes}: {type(error).__name__}: {error}") from error
        require(found.shape[1] == len(stage.classes), f"{sizes}: shape {found.shape}")


LAWS = (
    a_seed_gives_the_same_weights,
    the_declared_setting_holds,
    what_draws_nothing_is_the_same_with_every_seed,
    a_resumed_run_has_the_same_weights,
    no_image_is_kept,
    stored_images_teach_what_images_in_memory_do,
    a_shared_batch_has_the_gradient_of_a_whole,
    extreme_sizes_can_be_trained_on,
)
