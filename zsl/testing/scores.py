"""Laws of the scores of a trained method."""

from __future__ import annotations

import copy
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from zsl.evaluation.scoring import score
from zsl.methods.method import Dimensions
from zsl.methods.recipe import Recipe
from zsl.prediction.components import of_recipe
from zsl.prediction.described import Described
from zsl.prediction.predictor import Predictor
from zsl.prediction.saved import load
from zsl.testing.law import require
from zsl.testing.method_under_test import MethodUnderTest, scores, world


def scores_are_finite(given: MethodUnderTest) -> None:
    """Require that scores are finite, with one row an image and one column a class."""
    x, classes = given.stage.held_out.seen().tensor, given.stage.classes
    found = scores(given.model, x, classes)
    require(found.shape == (len(x), len(classes)), f"{len(x)} images, {len(classes)} classes, shape {found.shape}")
    require(bool(found.isfinite().all()), "some scores are infinite or NaN")


def order_of_classes_does_not_matter(given: MethodUnderTest) -> None:
    """Require that classes in another order have the same scores, in that order."""
    x, classes = given.stage.held_out.unseen().tensor, given.stage.classes
    order = torch.randperm(len(classes), generator=torch.Generator().manual_seed(0))
    expected = scores(given.model, x, classes)[:, order]
    torch.testing.assert_close(scores(given.model, x, classes.take(order)), expected, rtol=1e-5, atol=1e-6)


def each_image_is_scored_on_its_own(given: MethodUnderTest) -> None:
    """Require that an image alone has the scores that it has among others."""
    x, classes = given.stage.held_out.unseen().tensor, given.stage.classes
    one_by_one = torch.cat([scores(given.model, row.unsqueeze(0), classes) for row in x])
    together = scores(given.model, x, classes)
    largest = max(1.0, together.abs().max().item())  # of which float32 keeps seven digits
    torch.testing.assert_close(one_by_one, together, rtol=1e-5, atol=1e-6 * largest)


def any_part_of_the_label_space_can_be_asked_about(given: MethodUnderTest) -> None:
    """Require that seen classes, unseen classes and a single class can be asked about, with finite scores."""
    x, classes = given.stage.held_out.unseen().tensor, given.stage.classes
    for part in (classes.seen_ids, classes.unseen_ids, classes.unseen_ids[:1]):
        found = scores(given.model, x, classes.take(part))
        require(found.shape == (len(x), len(part)), f"{len(part)} classes, shape {found.shape}")
        require(bool(found.isfinite().all()), f"of {len(part)} classes, some scores are infinite or NaN")


def a_saved_model_scores_the_same_bits(given: MethodUnderTest) -> None:
    """Require that a model that is saved and loaded scores every image as before, bit by bit."""
    own, stage = world(given.recipe.kind), given.stage
    described = Described(own.descriptions, stage.phi, own.embedding_scale, own.fit_embedding)
    before = Predictor(
        given.model,
        of_recipe(given.recipe),
        Dimensions(*stage.dims),
        stage.classes,
        stage.held_out.scaling,
        described,
        facts={},
    )
    x = np.asarray(own.dataset.features)
    with TemporaryDirectory() as folder:
        before.save(Path(folder) / "model")
        after = load(Path(folder) / "model", own=_kinds(given.recipe))
        require(bool((after.scores(x) == before.scores(x)).all()), "some scores differ")


def double_precision_agrees(given: MethodUnderTest) -> None:
    """Require that a model in float64 scores in float64, as it does in float32."""
    x, classes = given.stage.held_out.unseen().tensor, given.stage.classes
    found = scores(copy.deepcopy(given.model).double(), x.double(), classes.to("cpu", torch.float64))
    require(found.dtype == torch.float64, f"scores are {found.dtype}")
    torch.testing.assert_close(found.float(), scores(given.model, x, classes), rtol=1e-3, atol=1e-4)


def a_gpu_agrees(given: MethodUnderTest) -> None:
    """Require that a model on a GPU, where there is one, scores as it does on a processor."""
    if not torch.cuda.is_available():
        return
    there = given.untrained()
    there.load_state_dict(given.model.state_dict())
    expected = torch.from_numpy(score(given.model, given.stage.held_out).gzsl.dense())
    found = torch.from_numpy(score(there.to("cuda"), given.stage.held_out).gzsl.dense())
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def _kinds(recipe: Recipe) -> list[type]:
    """Return the classes of a recipe and of its parts."""
    parts = [each for each in recipe.hyperparameters.values() if isinstance(each, Recipe)]
    return [recipe.kind, *(kind for part in parts for kind in _kinds(part))]


LAWS = (
    scores_are_finite,
    order_of_classes_does_not_matter,
    each_image_is_scored_on_its_own,
    any_part_of_the_label_space_can_be_asked_about,
    a_saved_model_scores_the_same_bits,
    double_precision_agrees,
    a_gpu_agrees,
)
