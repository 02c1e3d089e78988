"""Bilinear maps by stochastic gradient descent: the update rule, and the limits of hyperparameters."""

from __future__ import annotations

import itertools
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
from zsl.training.fit import fit
from zsl.training.loop import Loop

Limits = list[tuple[str, object]]
METHODS: list[type[BilinearSGD]] = [ALE, DeViSE, SJE, LATEM, BilinearSoftmax, BilinearSigmoid]
DESCENT: Limits = [
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
]
MARGIN: Limits = [("margin", 0.0), ("margin", math.inf)]
MAPS: Limits = [("maps", 0), ("maps", -1), ("maps", 1.5), ("maps", True)]
TEMPERATURE: Limits = [
    ("temperature", 0.0),
    ("temperature", -1.0),
    ("temperature", math.nan),
    ("temperature", math.inf),
]
OUT_OF_RANGE = [
    *itertools.product(METHODS, DESCENT),
    *itertools.product([ALE, DeViSE, SJE, LATEM], MARGIN),
    *itertools.product([LATEM], MAPS),
    *itertools.product([BilinearSoftmax, BilinearSigmoid], TEMPERATURE),
]


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


@pytest.mark.parametrize(
    ("method", "given"), OUT_OF_RANGE, ids=[f"{method.__name__}-{given}" for method, given in OUT_OF_RANGE]
)
def test_hyperparameters_out_of_range_are_refused_by_name(method: type[BilinearSGD], given: tuple[str, object]) -> None:
    key, value = given
    with pytest.raises(InputError, match=f"method.{key}={value}"):
        method(Dimensions(3, 2, 2), **{key: value})  # type: ignore[arg-type]
