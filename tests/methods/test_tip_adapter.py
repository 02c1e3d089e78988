"""Tip-Adapter image by image, and what all methods with a base share."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tests.methods.few_labels import asked, few, known, trained, unit, zero_shot
from tests.worlds import source
from zsl.data.protocol import final
from zsl.errors import InputError
from zsl.methods.alignment.aligned import Aligned
from zsl.methods.compatibility.eszsl import ESZSL
from zsl.methods.few_labels.tip_adapter import TipAdapter, evenly
from zsl.methods.method import Dimensions
from zsl.methods.recipe import Recipe
from zsl.training.fit import fit
from zsl.training.loop import Loop


@pytest.mark.parametrize("room", [1, 2, 16])
def test_scores_are_those_of_the_base_and_of_every_cached_image(room: int) -> None:
    train = few()
    model = trained(TipAdapter, train, alpha=0.7, beta=2.0, images_per_class=room)
    x, classes = asked(train)
    images, labels = train.examples.tensor.numpy(), train.examples.labels.tolist()
    expected = []
    for row in x.numpy():
        scores = []
        for phi in classes.embeddings.numpy():
            own = [i for i, y in enumerate(labels) if y == known(train, phi)]
            own = own if len(own) <= room else [own[j * len(own) // room] for j in range(room)]
            cached = sum(math.exp(-2.0 * (1 - unit(row) @ unit(images[i]))) for i in own)
            scores.append(zero_shot(row, phi) + 0.7 * cached)
        expected.append(scores)
    np.testing.assert_allclose(model.scores(x, classes).numpy(), expected, atol=1e-9)


def test_kept_images_are_spaced_evenly() -> None:
    assert evenly(torch.arange(7), 3).tolist() == [0, 2, 4]
    assert evenly(torch.arange(2), 3).tolist() == [0, 1]


def test_the_base_is_what_it_is_alone() -> None:
    """A pair that is trained as a base has learned the classes of training: it is not the one that was drawn."""
    stage = final(source())
    train, dims = stage.training(TipAdapter.setting), Dimensions(*stage.dims)
    torch.manual_seed(0)
    model = TipAdapter(dims, base=Recipe(Aligned, {"epochs": 3}))
    before = model.base.A.detach().clone()  # type: ignore[union-attr]
    assert not fit(model, train, Loop(progress_bar=False), seed=0).deterministic
    assert not torch.equal(before, model.base.A)  # type: ignore[arg-type]
    keys = torch.nn.functional.normalize(model.base.images(train.examples.tensor))
    torch.testing.assert_close(model.keys[train.examples.labels[0], 0], keys[0].detach())


def test_a_base_without_a_joint_space_is_refused() -> None:
    with pytest.raises(InputError, match=r"^method\.base=ESZSL: has no space of images and texts"):
        TipAdapter(Dimensions(2, 2, 2), base=ESZSL)


def test_a_hyperparameter_of_the_base_is_refused_by_its_name() -> None:
    with pytest.raises(InputError, match=r"^method\.base\.lr=-1"):
        TipAdapter(Dimensions(2, 2, 2), base=Recipe(Aligned, {"lr": -1}))
