"""Every law of methods and of hyperparameters refuses a method that breaks it, and names itself."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from zsl.data.label_space import LabelSpace
from zsl.data.training_set import Batch, Setting, TrainingSet
from zsl.hyperparameters import require_count, require_positive
from zsl.methods.method import Dimensions, ZSLModel
from zsl.testing import check_method, grids, hyperparameters, scores, training
from zsl.testing.law import sentence


class Honest(ZSLModel):
    """F(x, y) = xᵀBφ(y), B the mean of xφ(y)ᵀ over the training images, times λ."""

    def __init__(self, dims: Dimensions, lamb: float = 1.0) -> None:
        super().__init__()
        require_positive(lamb=lamb)
        self.lamb = lamb
        self.register_buffer("B", torch.zeros(dims.features, dims.embedding))
        self.B: Tensor

    def finalize(self, train: TrainingSet) -> None:
        x, phi = train.examples.tensor, train.classes.embeddings[train.examples.labels]
        self.B.copy_(self.lamb * x.T @ phi / len(x))

    def scores(self, x: Tensor, classes: LabelSpace) -> Tensor:
        return x @ self.B @ classes.embeddings.T


class Descent(ZSLModel):
    """The same form, by gradient steps."""

    def __init__(self, dims: Dimensions, epochs: int = 3, batch_size: int = 16, lr: float = 0.1) -> None:
        super().__init__()
        require_count(epochs=epochs, batch_size=batch_size)
        require_positive(lr=lr)
        self.epochs, self.batch_size, self.lr = epochs, batch_size, lr
        self.B = nn.Parameter(torch.zeros(dims.features, dims.embedding))

    def scores(self, x: Tensor, classes: LabelSpace) -> Tensor:
        return x @ self.B @ classes.embeddings.T

    def loss(self, batch: Batch) -> Tensor:
        return nn.functional.cross_entropy(self.scores(batch.x, batch.classes), batch.y)

    def configure_optimizers(self) -> Optimizer:
        return SGD(self.parameters(), self.lr)


class NotFinite(Honest):
    def scores(self, x: Tensor, classes: LabelSpace) -> Tensor:
        return super().scores(x, classes) / 0


class Ranked(Honest):
    """The first class is favoured."""

    def scores(self, x: Tensor, classes: LabelSpace) -> Tensor:
        return super().scores(x, classes) - torch.arange(len(classes))


class Batchwise(Honest):
    def scores(self, x: Tensor, classes: LabelSpace) -> Tensor:
        return super().scores(x - x.mean(dim=0), classes)


class AllClasses(Honest):
    """More than two classes are needed."""

    def scores(self, x: Tensor, classes: LabelSpace) -> Tensor:
        found = super().scores(x, classes)
        return found / (len(classes) > 2)


class Forgetful(Honest):
    """What is learned lies outside of buffers."""

    def finalize(self, train: TrainingSet) -> None:
        super().finalize(train)
        self.learned, self.B = self.B.clone(), torch.zeros_like(self.B)

    def scores(self, x: Tensor, classes: LabelSpace) -> Tensor:
        return x @ getattr(self, "learned", self.B).to(x) @ classes.embeddings.T


class Single(Honest):
    def scores(self, x: Tensor, classes: LabelSpace) -> Tensor:
        return super().scores(x, classes).float()


class Leaky(Honest):
    """φ of unseen classes is declared, and not used."""

    setting: ClassVar[Setting] = Setting.UNSEEN_SEMANTICS


class Drifting(Honest):
    trainings: ClassVar[list[int]] = []

    def finalize(self, train: TrainingSet) -> None:
        super().finalize(train)
        self.trainings.append(1)
        self.B *= 1 + 1e-3 * len(self.trainings)


class Random(Honest):
    """It draws, with a generator that nobody counts."""

    def finalize(self, train: TrainingSet) -> None:
        super().finalize(train)
        self.B += torch.randn(self.B.shape, generator=torch.Generator().manual_seed(torch.initial_seed()))


class Unresumable(Descent):
    """The loss depends on what no checkpoint holds."""

    calls = 0

    def loss(self, batch: Batch) -> Tensor:
        self.calls += 1
        return super().loss(batch) * (1 + self.calls)


class Hoarding(Honest):
    def finalize(self, train: TrainingSet) -> None:
        super().finalize(train)
        KEPT.append(train.examples.inputs)


KEPT: list[Tensor] = []


class InMemory(Honest):
    """Inputs are taken for a tensor."""

    def finalize(self, train: TrainingSet) -> None:
        super().finalize(train)
        self.B -= train.examples.inputs.mean() * 0  # type: ignore[union-attr]


class Together(Descent):
    """The loss of a batch is said to be a mean over its images, but depends on how many there are."""

    distributable: ClassVar[bool] = True

    def loss(self, batch: Batch) -> Tensor:
        return super().loss(batch) * len(batch.x)


class Narrow(Honest):
    def finalize(self, train: TrainingSet) -> None:
        super().finalize(train)
        assert len(train.classes) > 2


class Grid(Honest):
    """A grid whose points are solved with the hyperparameter of the first."""

    @classmethod
    def solve_grid(cls, train: TrainingSet, models: Any) -> Any:
        first = None
        for model in models:
            first = first or model.lamb
            own, model.lamb = model.lamb, first
            model.finalize(train)
            model.lamb = own
            yield model


class Lax(Honest):
    def __init__(self, dims: Dimensions, lamb: float = 1.0) -> None:
        super().__init__(dims, abs(lamb) if isinstance(lamb, float) else lamb)


class Starred(Honest):
    def __init__(self, dims: Dimensions, **rest: float) -> None:
        super().__init__(dims, **rest)


BROKEN: dict[type[ZSLModel], Any] = {
    NotFinite: scores.scores_are_finite,
    Ranked: scores.order_of_classes_does_not_matter,
    Batchwise: scores.each_image_is_scored_on_its_own,
    AllClasses: scores.any_part_of_the_label_space_can_be_asked_about,
    Forgetful: scores.a_saved_model_scores_the_same_bits,
    Single: scores.double_precision_agrees,
    Leaky: training.the_declared_setting_holds,
    Drifting: training.a_seed_gives_the_same_weights,
    Random: training.what_draws_nothing_is_the_same_with_every_seed,
    Unresumable: training.a_resumed_run_has_the_same_weights,
    Hoarding: training.no_image_is_kept,
    InMemory: training.stored_images_teach_what_images_in_memory_do,
    Together: training.a_shared_batch_has_the_gradient_of_a_whole,
    Narrow: training.extreme_sizes_can_be_trained_on,
    Grid: grids.a_grid_equals_its_points,
    Lax: hyperparameters.nonsense_is_refused_by_name,
    Starred: hyperparameters.every_hyperparameter_is_named,
}


@pytest.mark.parametrize("kind", [Honest, Descent])
def test_a_method_that_fulfils_all_laws_passes(kind: type[ZSLModel]) -> None:
    check_method(kind)


@pytest.mark.parametrize("kind", BROKEN, ids=lambda kind: kind.__name__)
def test_a_law_that_is_broken_is_named(kind: type[ZSLModel]) -> None:
    with pytest.raises(AssertionError) as caught:
        check_method(kind, search={"lamb": [1.0, 2.0]} if kind is Grid else {})
    assert str(caught.value).startswith(f"{kind.__name__}: this law does not hold: {sentence(BROKEN[kind])}. ")


def test_every_law_is_broken_by_one() -> None:
    """But for the order of a grid, which :class:`Grid` breaks too, and for a GPU."""
    laws = {*hyperparameters.LAWS, *scores.LAWS, *training.LAWS, *grids.LAWS}
    assert laws - set(BROKEN.values()) == {grids.a_grid_is_the_same_in_any_order, scores.a_gpu_agrees}
    assert all((law.__doc__ or "").startswith("Require that ") for law in laws)


def test_the_order_of_a_grid_matters_to_one() -> None:
    from zsl.methods.recipe import Recipe
    from zsl.testing.method_under_test import MethodUnderTest

    with pytest.raises(AssertionError, match="B differs"):
        grids.a_grid_is_the_same_in_any_order(MethodUnderTest(Recipe(Grid), {"lamb": [1.0, 2.0]}))


def test_what_makes_sense_for_a_method_can_be_said() -> None:
    check_method(Lax, accepted=[("lamb", -1.0)])
    with pytest.raises(AssertionError, match=r"lamb=-1\.0 makes sense, and is refused"):
        check_method(Honest, accepted=[("lamb", -1.0)])


def test_too_few_steps_are_said() -> None:
    with pytest.raises(AssertionError, match="it ended before its third step; hand over more epochs"):
        check_method(Descent, {"epochs": 1, "batch_size": 1000})
