"""What a generator tells of itself while it trains."""

from __future__ import annotations

import numpy as np
import pytest
import scipy
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.worlds import source
from zsl.data.examples import Examples
from zsl.data.label_space import LabelSpace
from zsl.data.protocol import final
from zsl.data.training_set import Setting, TrainingSet
from zsl.methods.generative.critic import ShallowCritic
from zsl.methods.generative.diagnosis import critic_diagnosis, diagnosis, few, frechet
from zsl.methods.generative.fclswgan import FCLSWGAN
from zsl.methods.method import Dimensions
from zsl.training.fit import fit
from zsl.training.loop import Loop


def train() -> TrainingSet:
    return final(source(0)).training(Setting.INDUCTIVE)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.integers(1, 5))
def test_few_images_of_every_class_are_its_first(labels: list[int], count: int) -> None:
    kept = few(torch.tensor(labels), count).tolist()
    assert kept == [i for i, y in enumerate(labels) if labels[:i].count(y) < count]


@given(st.integers(0, 99))
def test_the_frechet_distance_is_that_of_its_formula(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, other = rng.normal(size=(30, 4)), rng.normal(1, 2, size=(30, 4))
    C, D = np.cov(x.T, bias=True), np.cov(other.T, bias=True)
    root = scipy.linalg.sqrtm(C @ D).real
    expected = np.square(x.mean(axis=0) - other.mean(axis=0)).sum() + np.trace(C + D - 2 * root)
    assert float(frechet(torch.tensor(x), torch.tensor(other))) == pytest.approx(expected, rel=1e-4)


def test_real_features_are_those_of_their_classes() -> None:
    seen = train().of_seen_classes()
    x, y = seen.examples.tensor, seen.examples.labels
    rows = few(y, 10)
    told = diagnosis(lambda _phi: x[rows], seen)
    assert told["own_class"] == 100
    assert told["variance_ratio"] == pytest.approx(1)
    assert told["frechet"] == pytest.approx(0, abs=1e-4)


def test_a_collapsed_generator_is_told_from_a_wrong_one() -> None:
    seen = train().of_seen_classes()
    x, y, phi = seen.examples.tensor, seen.examples.labels, seen.classes.embeddings
    means = torch.stack([x[y == label].mean(dim=0) for label in range(len(phi))])

    def place(given: torch.Tensor) -> torch.Tensor:
        return torch.cdist(given, phi).argmin(dim=1)

    collapsed = diagnosis(lambda given: means[place(given)], seen)
    assert collapsed["own_class"] == 100
    assert collapsed["variance_ratio"] == pytest.approx(0, abs=1e-6)
    turned = diagnosis(lambda given: means[(place(given) + 1) % len(phi)], seen)
    assert turned["own_class"] < 50
    assert turned["frechet"] == pytest.approx(collapsed["frechet"], rel=0.5)


def test_a_critic_tells_its_distance_and_its_slope() -> None:
    seen = train().of_seen_classes()
    critic = ShallowCritic(seen.examples.inputs.shape[1], seen.classes.embeddings.shape[1], 8, slope=1.0)
    with torch.no_grad():
        critic.A.normal_()
        critic.w.normal_()
    rows = few(seen.examples.labels, 10)
    fakes = seen.examples.tensor[rows] + 1
    told = critic_diagnosis(critic, lambda _phi: fakes, seen)
    gradient = critic.A.T @ critic.w
    assert told["gradient_norm"] == pytest.approx(float(gradient.detach().norm()), rel=1e-5)
    assert told["critic_distance"] == pytest.approx(-float(gradient.detach().sum()), rel=1e-4)


def test_a_diagnosis_changes_no_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    def weights() -> dict[str, torch.Tensor]:
        stage = final(source(0))
        torch.manual_seed(0)
        model = FCLSWGAN(Dimensions(*stage.dims), hidden=8, critic_hidden=8, epochs=3, features_per_class=4)
        return fit(model, stage.training(model.setting), Loop(progress_bar=False), 0).state_dict()

    told = weights()
    monkeypatch.setattr(FCLSWGAN, "diagnose", lambda *_: {})
    silent = weights()
    assert all(torch.equal(value, silent[name]) for name, value in told.items())


def test_one_image_a_class_has_no_variance_to_compare_with() -> None:
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    classes = LabelSpace(tuple("abcd"), torch.eye(4), torch.ones(4, dtype=torch.bool))
    told = diagnosis(lambda phi: phi[:, :3], TrainingSet(Examples(x, torch.arange(4)), classes))
    assert told.keys() == {"own_class", "frechet"}
