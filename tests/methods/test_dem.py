"""DEM's map written out in numpy, and its loss against a loop."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import worlds
from tests.methods.test_cmt import batch
from zsl.data.protocol import final
from zsl.errors import InputError
from zsl.methods.method import Dimensions
from zsl.methods.transfer.dem import DEM
from zsl.training.fit import fit
from zsl.training.loop import Loop


@settings(deadline=None, max_examples=30)
@given(
    n=st.integers(1, 6),
    d=st.integers(1, 5),
    k=st.integers(1, 5),
    s=st.integers(1, 5),
    seed=st.integers(0, 10**6),
    output=st.sampled_from(["relu", "linear"]),
)
def test_scores_and_loss_are_squared_distances(n: int, d: int, k: int, s: int, seed: int, output: str) -> None:
    torch.manual_seed(seed)
    model = DEM(Dimensions(d, k, s), hidden=4, output=output).double()  # type: ignore[arg-type]
    b = batch(n, d, k, s, seed)
    W1, b1, W2, b2 = (p.detach().numpy() for p in model.parameters())
    points = [W2 @ np.maximum(W1 @ phi + b1, 0) + b2 for phi in b.classes.embeddings.numpy()]
    if output == "relu":
        points = [np.maximum(point, 0) for point in points]
    expected = np.array([[-np.sum((x - point) ** 2) for point in points] for x in b.x.numpy()])
    np.testing.assert_allclose(model.scores(b.x, b.classes).detach().numpy(), expected, atol=1e-10)
    assert model.loss(b).item() == pytest.approx(-expected[np.arange(n), b.y.numpy()].mean(), rel=1e-9)


def test_the_best_constant_is_learned_where_descriptions_say_nothing() -> None:
    """With φ = 0 for every class all that can be learned is the mean of the features."""
    stage = final(worlds.source())
    train = stage.training(DEM.setting)
    train.classes.embeddings.zero_()
    torch.manual_seed(0)
    model = DEM(Dimensions(*stage.dims), hidden=4, lr=0.01, epochs=400, weight_decay=0.0, batch_size=1000)
    fit(model, train, Loop(progress_bar=False), 0)
    with torch.no_grad():
        found = model.g(torch.zeros(1, stage.dims[1]))[0]
    torch.testing.assert_close(found, train.examples.inputs.mean(dim=0), atol=1e-2, rtol=0)


@pytest.mark.parametrize(
    ("key", "value"),
    [("hidden", 0), ("lr", -1.0), ("epochs", 0.5), ("batch_size", 0), ("weight_decay", math.nan), ("output", "tanh")],
)
def test_hyperparameters_out_of_range_are_refused_by_name(key: str, value: object) -> None:
    with pytest.raises(InputError, match=f"method.{key}={value}"):
        DEM(Dimensions(3, 2, 2), **{key: value})  # type: ignore[arg-type]
