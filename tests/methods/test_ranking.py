"""ALE, DeViSE, SJE and LATEM against loops with gradients by hand; where they coincide; what only sets a scale."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.methods import one_at_a_time
from tests.methods.one_at_a_time import random_batch, random_training_set
from zsl.data.training_set import TrainingSet
from zsl.methods.compatibility.ale import ALE
from zsl.methods.compatibility.bilinear import BilinearSGD
from zsl.methods.compatibility.devise import DeViSE
from zsl.methods.compatibility.latem import LATEM
from zsl.methods.compatibility.ranking import RankingSGD, violations
from zsl.methods.compatibility.sje import SJE
from zsl.methods.method import Dimensions
from zsl.training.fit import fit
from zsl.training.loop import Loop

RANKING: dict[str, tuple[type[RankingSGD], one_at_a_time.Weigh]] = {
    "ale": (ALE, one_at_a_time.ale),
    "devise": (DeViSE, one_at_a_time.devise),
    "sje": (SJE, one_at_a_time.sje),
    "latem": (LATEM, one_at_a_time.latem),
}
"""methods and their weights of violating classes"""
DIMS = Dimensions(6, 5, 7)


def build(method: type[BilinearSGD], dims: Dimensions, seed: int = 0, **hyperparameters: float) -> BilinearSGD:
    torch.manual_seed(seed)
    return method(dims, **hyperparameters).double()  # type: ignore[arg-type]


def trained(model: BilinearSGD, train: TrainingSet) -> torch.Tensor:
    return fit(model, train, Loop(progress_bar=False), seed=3).W.detach()  # type: ignore[union-attr,operator]


@given(n=st.integers(1, 6), s=st.integers(1, 6), margin=st.floats(0.01, 5), seed=st.integers(0, 10**6))
def test_violations_one_by_one(n: int, s: int, margin: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    F = torch.randn(n, s, generator=generator, dtype=torch.float64)
    y = torch.randint(0, s, (n,), generator=generator)
    found = violations(F, y, margin)
    for i, own in enumerate(y.tolist()):
        for c in range(s):
            expected = 0.0 if c == own else max(0.0, margin + float(F[i, c]) - float(F[i, own]))
            assert float(found[i, c]) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", RANKING)
@settings(deadline=None, max_examples=60)
@given(
    n=st.integers(1, 8),
    d=st.integers(1, 5),
    k=st.integers(1, 5),
    s=st.integers(1, 7),
    maps=st.integers(1, 4),
    seed=st.integers(0, 10**6),
    margin=st.floats(0.01, 5),
)
def test_loss_and_gradient_follow_the_definition(
    name: str, n: int, d: int, k: int, s: int, maps: int, seed: int, margin: float
) -> None:
    method, weigh = RANKING[name]
    model = build(method, Dimensions(d, k, s), seed, margin=margin, **({"maps": maps} if method is LATEM else {}))
    one_at_a_time.assert_loss_and_gradient(model, random_batch(n, d, k, s, seed), margin, weigh)


@pytest.mark.parametrize("name", RANKING)
@pytest.mark.parametrize(("momentum", "weight_decay"), [(0.0, 0.0), (0.9, 0.01)])
def test_one_image_at_a_time_is_the_loop_over_images(name: str, momentum: float, weight_decay: float) -> None:
    method, weigh = RANKING[name]
    lr = 0.3 if method is LATEM else 0.05
    model = build(method, DIMS, lr=lr, epochs=2, batch_size=1, margin=0.7, momentum=momentum, weight_decay=weight_decay)
    one_at_a_time.assert_trains_alike(model, random_training_set(), 0.7, weigh)


@settings(deadline=None, max_examples=30)
@given(n=st.integers(1, 6), seed=st.integers(0, 10**6))
def test_with_a_single_wrong_class_all_rank_alike(n: int, seed: int) -> None:
    """One hinge: its sum, its maximum and its mean are the same, and β_1 / 1 = 1."""
    batch = random_batch(n, 3, 4, 2, seed)
    dims = Dimensions(3, 4, 2)
    models = [
        build(ALE, dims, seed),
        build(DeViSE, dims, seed),
        build(SJE, dims, seed),
        build(LATEM, dims, seed, maps=1),
    ]
    first, *others = [model.loss(batch) for model in models]
    for loss in others:
        torch.testing.assert_close(loss, first)


@pytest.mark.parametrize("name", RANKING)
def test_margin_and_learning_rate_set_the_scale_of_W_and_nothing_else(name: str) -> None:
    """A hinge is homogeneous: from cW, with margin cΔ and learning rate cη, descent passes through cW again."""
    method, train, c = RANKING[name][0], random_training_set(), 3.0
    plain = build(method, DIMS, lr=0.05, margin=1.0, epochs=3, batch_size=8)
    wide = build(method, DIMS, lr=0.05 * c, margin=c, epochs=3, batch_size=8)
    wide.W.data *= c
    torch.testing.assert_close(trained(wide, train), c * trained(plain, train))


def test_one_latent_map_is_devise_at_another_learning_rate() -> None:
    train = random_training_set()
    latem = build(LATEM, DIMS, maps=1, lr=0.3, epochs=3, batch_size=8)
    devise = build(DeViSE, DIMS, lr=0.3 / (DIMS.seen - 1), epochs=3, batch_size=8)
    torch.testing.assert_close(trained(latem, train), trained(devise, train))


def test_latent_maps_side_by_side_score_as_their_maximum() -> None:
    batch = random_batch(5, 3, 4, 6, seed=1)
    model = build(LATEM, Dimensions(3, 4, 6), maps=3)
    each = torch.stack([batch.x @ W @ batch.classes.embeddings.T for W in model.W.split(4, dim=1)])
    torch.testing.assert_close(model.scores(batch.x, batch.classes), each.amax(dim=0))


@pytest.mark.parametrize("name", RANKING)
def test_both_loops_over_images_take_the_same_steps(name: str) -> None:
    """The loop that follows the definition, and the one that benchmarks run against."""
    train = random_training_set()
    images = list(zip(train.examples.inputs.numpy(), train.examples.labels.tolist(), strict=True))
    model = build(LATEM, DIMS, maps=3 if name == "latem" else 1)
    arguments = images, train.classes.embeddings.numpy(), 1.0, RANKING[name][1], 0.05, 0.9
    W = one_at_a_time.maps(model)
    by_class = one_at_a_time.train(W, *arguments)
    projected_once = one_at_a_time.train(W, *arguments, gradient=one_at_a_time.projected_once)
    np.testing.assert_allclose(projected_once, by_class, rtol=1e-9, atol=1e-11)
