"""LATEM's loss and steps against a loop over images, classes and maps with gradients written by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.methods import one_at_a_time
from zsl.errors import InputError
from zsl.methods.compatibility.latem import LATEM
from zsl.methods.method import Dimensions


@settings(deadline=None, max_examples=60)
@given(
    n=st.integers(1, 8),
    d=st.integers(1, 5),
    k=st.integers(1, 5),
    s=st.integers(1, 7),
    K=st.integers(1, 4),
    seed=st.integers(0, 10**6),
    margin=st.floats(0.01, 5),
)
def test_loss_and_gradient_follow_the_definition(
    n: int, d: int, k: int, s: int, K: int, seed: int, margin: float
) -> None:
    torch.manual_seed(seed)
    model = LATEM(Dimensions(d, k, s), K, margin=margin).double()
    batch = one_at_a_time.random_batch(n, d, k, s, seed)
    one_at_a_time.assert_loss_and_gradient(model, batch, margin, one_at_a_time.latem)


@pytest.mark.parametrize(("momentum", "weight_decay"), [(0.0, 0.0), (0.9, 0.01)])
def test_one_image_at_a_time_is_the_loop_over_images(momentum: float, weight_decay: float) -> None:
    train = one_at_a_time.random_training_set()
    torch.manual_seed(0)
    model = LATEM(
        Dimensions(6, 5, 7), lr=0.3, epochs=2, batch_size=1, margin=0.7, momentum=momentum, weight_decay=weight_decay
    )
    one_at_a_time.assert_trains_alike(model, train, 0.7, one_at_a_time.latem)


@pytest.mark.parametrize(
    ("key", "value"), [("margin", 0.0), ("margin", math.inf), ("maps", 0), ("maps", -1), ("maps", 1.5), ("maps", True)]
)
def test_hyperparameters_out_of_range_are_refused_by_name(key: str, value: object) -> None:
    with pytest.raises(InputError, match=f"method.{key}={value}"):
        LATEM(Dimensions(3, 2, 2), **{key: value})  # type: ignore[arg-type]
