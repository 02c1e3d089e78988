"""What generators derive from their training set: the weight of φ, deviations, numbers of steps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zsl.data.examples import Examples
from zsl.data.label_space import LabelSpace
from zsl.data.training_set import TrainingSet
from zsl.errors import InputError
from zsl.methods.generative.fclswgan import FCLSWGAN
from zsl.methods.generative.networks import Generator
from zsl.methods.generative.prepared import class_deviations, weigh_phi
from zsl.methods.method import Dimensions
from zsl.testing.method_under_test import small_stage


@given(st.integers(2, 9), st.integers(1, 6), st.floats(0.01, 100), st.integers(0, 99))
def test_seen_classes_are_four_deviations_of_the_noise_apart(n: int, k: int, size: float, seed: int) -> None:
    phi = size * torch.randn(n + 1, k, generator=torch.Generator().manual_seed(seed))
    classes = LabelSpace(tuple(map(str, range(n + 1))), phi, torch.arange(n + 1) < n)
    network = Generator(3, k, 4, 2, "auto", None)
    weigh_phi(network, classes)
    scaled = network.phi_scale * phi[:n].double()
    pairs = torch.cdist(scaled, scaled)[~torch.eye(n, dtype=torch.bool)]
    assert pairs.square().mean().sqrt().item() == pytest.approx(4, rel=1e-4)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 6), st.integers(1, 4), st.integers(1, 9), st.integers(0, 999))
def test_deviations_of_class_means(s: int, d: int, most: int, seed: int) -> None:
    """Feature by feature in loops, with numbers of images that differ."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, most + 1, s)
    y = np.repeat(np.arange(s), counts)
    x = rng.normal(size=(len(y), d)) + 3 * rng.normal(size=(s, d))[y]
    classes = LabelSpace(tuple(map(str, range(s))), torch.zeros(s, 2), torch.ones(s, dtype=torch.bool))
    found = class_deviations(TrainingSet(Examples(torch.tensor(x), torch.tensor(y)), classes))
    for j in range(d):
        groups = [x[y == c, j] for c in range(s)]
        means = [group.mean() for group in groups]
        within = sum(((group - group.mean()) ** 2).sum() for group in groups) / max(1, len(y) - s)
        between = np.var(means, ddof=1) if s > 1 else 0.0
        between -= within * np.mean([1 / len(group) for group in groups])
        expected = np.sqrt(max(between, x[:, j].var() / 400))
        assert found[j].item() == pytest.approx(expected, rel=1e-6)


def test_steps_and_synthetic_features_follow_from_the_numbers_of_images() -> None:
    stage = small_stage()
    model = FCLSWGAN(Dimensions(*stage.dims), hidden=4, critic_hidden=4, steps=50, batch_size=16)
    train = stage.training(model.setting)
    model.prepared(train)
    batches = -(-len(train.examples) // 16)
    assert model.epochs == -(-50 // batches)
    per_class = max(20, round(len(train.examples) / len(train.examples.labels.unique())))
    other = FCLSWGAN(Dimensions(*stage.dims), hidden=4, critic_hidden=4)
    other.take_steps_of(model)  # as a search does that shares gradient steps between heads
    for each in (model, other):
        (_, synthetic), _ = each.heads(train)
        assert synthetic.examples.labels.bincount().tolist() == [per_class] * stage.dims[3]


@pytest.mark.parametrize(("given", "times"), [("3x", 3.0), ("0.5x", 0.5), (" 2.5 x", 2.5), ("1x", 1.0)])
def test_synthetic_features_in_multiples_of_the_images_of_a_class(given: str, times: float) -> None:
    stage = small_stage()
    model = FCLSWGAN(Dimensions(*stage.dims), hidden=4, critic_hidden=4, features_per_class=given)
    train = stage.training(model.setting)
    (_, synthetic), _ = model.heads(train)
    images = max(20.0, len(train.examples) / len(train.examples.labels.unique()))
    assert synthetic.examples.labels.bincount().tolist() == [round(times * images)] * stage.dims[3]


@pytest.mark.parametrize("number", [1, 7, 30])
@pytest.mark.parametrize("fill", [False, True])
def test_seen_classes_are_filled_up_with_synthetic_features(number: int, fill: bool) -> None:
    """To the number of an unseen class, beside all real features, and only for the head over all classes."""
    stage = small_stage()
    train = stage.training(FCLSWGAN.setting)
    model = FCLSWGAN(Dimensions(*stage.dims), hidden=4, critic_hidden=4, features_per_class=number, fill_seen=fill)
    torch.manual_seed(0)
    (_, synthetic), (_, mixed) = model.heads(train)
    images = train.examples.labels.bincount(minlength=len(train.classes))
    expected = images.clamp(min=number if fill else 0)
    expected[train.classes.unseen_ids] = number
    assert torch.equal(mixed.examples.labels.bincount(minlength=len(train.classes)), expected)
    assert synthetic.examples.labels.bincount().tolist() == [number] * stage.dims[3]
    x = mixed.examples.tensor
    assert torch.equal(x[: len(train.examples)], train.examples.tensor)


@pytest.mark.parametrize("given", ["x", "3", "-1x", "0x", "1e3x", "2000x", "nanx", 0, 1.5, True])
def test_what_is_no_number_of_synthetic_features_is_refused(given: object) -> None:
    with pytest.raises(InputError, match=f"^method.features_per_class={given}: must be a whole number"):
        FCLSWGAN(Dimensions(3, 2, 2, 2), features_per_class=given)  # type: ignore[arg-type]
