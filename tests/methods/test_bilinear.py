"""What methods that learn a bilinear map by stochastic gradient descent have in common."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tests.methods import one_at_a_time
from zsl.data.training_set import Batches
from zsl.errors import InputError
from zsl.methods.compatibility.ale import ALE
from zsl.methods.compatibility.bilinear import BilinearSGD
from zsl.methods.compatibility.bilinear_sigmoid import BilinearSigmoid
from zsl.methods.compatibility.bilinear_softmax import BilinearSoftmax
from zsl.methods.compatibility.devise import DeViSE
from zsl.methods.compatibility.latem import LATEM
from zsl.methods.compatibility.sje import SJE
from zsl.methods.method import Dimensions
from zsl.training.fit import Loop, fit

METHODS = [ALE, DeViSE, SJE, LATEM, BilinearSoftmax, BilinearSigmoid]


def test_training_in_batches_is_stochastic_gradient_descent_with_momentum() -> None:
    """Two epochs of the loop equal the update rule written out: v ← μv + g, W ← W - ηv."""
    train = one_at_a_time.random_training_set()
    torch.manual_seed(0)
    model = ALE(Dimensions(6, 5, 7), lr=0.3, epochs=2, batch_size=9, momentum=0.5).double()
    W, v = one_at_a_time.maps(model), 0.0
    batches = Batches(train, 9, seed=5)
    for _ in range(2):
        for batch in batches:
            v = 0.5 * v + one_at_a_time.loss_and_gradient(W, batch, 1.0, one_at_a_time.ale)[1]
            W = W - 0.3 * v
    fit(model, train, Loop(progress_bar=False), seed=5)
    np.testing.assert_allclose(one_at_a_time.maps(model), W, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("lr", 0.0),
        ("lr", math.nan),
        ("lr", "fast"),
        ("epochs", 0),
        ("epochs", 1.5),
        ("batch_size", -3),
        ("batch_size", 2.5),
        ("momentum", 1.0),
        ("momentum", -0.1),
        ("weight_decay", -1.0),
    ],
)
def test_hyperparameters_of_the_descent_are_refused_by_name(method: type[BilinearSGD], key: str, value: object) -> None:
    with pytest.raises(InputError, match=f"method.{key}={value}"):
        method(Dimensions(3, 2, 2), **{key: value})  # type: ignore[arg-type]
