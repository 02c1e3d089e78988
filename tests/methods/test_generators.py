"""Generators of features: a resumed training is bit-identical, and hyperparameters out of range are refused by name."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from tests import worlds
from tests.methods.adversarial import SMALL, assert_resumes
from zsl.data.protocol import final
from zsl.errors import InputError
from zsl.methods.generative import feature_generator, features_per_class
from zsl.methods.generative.fclswgan import FCLSWGAN
from zsl.methods.generative.feature_generator import FeatureGenerator
from zsl.methods.generative.fgmmn import FGMMN
from zsl.methods.generative.fvaegan_d2 import FVAEGAND2
from zsl.methods.generative.tf_vaegan import TFVAEGAN
from zsl.methods.method import Dimensions

STAGE = final(worlds.source())
CRITIC: dict[str, Any] = {"critic_hidden": 7, "n_critic": 3}
ADVERSARIAL: list[tuple[str, object]] = [
    ("lamb", -1.0),
    ("noise", 0),
    ("n_critic", 0),
    ("output", "tanh"),
    ("lr", 0.0),
    ("features_per_class", 0),
    ("hidden", 0),
    ("critic_layers", 101),
]
OUT_OF_RANGE: dict[type[FeatureGenerator], list[tuple[str, object]]] = {
    FCLSWGAN: [*ADVERSARIAL, ("beta", -1.0), ("classifier_lr", 0.0), ("classifier_epochs", 0)],
    FVAEGAND2: [*ADVERSARIAL, ("gamma", -1.0)],
    TFVAEGAN: [
        *ADVERSARIAL,
        ("gamma", -1.0),
        ("recons", 0.0),
        ("a1", -1.0),
        ("a2", math.inf),
        ("feed_lr", 0.0),
        ("dec_lr", -1.0),
    ],
    FGMMN: [("bandwidth", 0.0), ("n_classes", 0), ("output", "tanh"), ("noise", 0), ("features_per_class", 0)],
}


def build(method: type[FeatureGenerator], **changes: Any) -> FeatureGenerator:
    torch.manual_seed(1)
    return method(Dimensions(*STAGE.dims), **{**SMALL, **changes})


@pytest.mark.parametrize(
    ("method", "changes", "steps"),
    [
        (FCLSWGAN, {**CRITIC, "epochs": 2}, [3]),
        (FVAEGAND2, {**CRITIC, "epochs": 2, "adaptive": True}, [1, 3, 5]),
        (FVAEGAND2, {**CRITIC, "epochs": 2, "adaptive": True, "n_critic": 2, "transductive": True}, [4]),
        # out of an epoch without feedback, with it, and without again
        (TFVAEGAN, {**CRITIC, "epochs": 3, "recons": 0.5, "a1": 0.7, "a2": 0.3, "feed_lr": 5e-3}, [2, 5, 8]),
        (FGMMN, {"epochs": 2, "n_classes": 3}, [4]),
    ],
    ids=["f-CLSWGAN", "f-VAEGAN-D2", "f-VAEGAN-D2 transductive", "TF-VAEGAN", "f-GMMN"],
)
def test_a_resumed_training_is_bit_identical(
    method: type[FeatureGenerator], changes: dict[str, Any], steps: list[int], tmp_path: Path
) -> None:
    for step in steps:
        assert_resumes(lambda: build(method, **changes), STAGE, tmp_path / str(step), step)


@pytest.mark.parametrize(
    ("method", "key", "value"),
    [(method, key, value) for method, limits in OUT_OF_RANGE.items() for key, value in limits],
)
def test_hyperparameters_out_of_range_are_refused_by_name(
    method: type[FeatureGenerator], key: str, value: object
) -> None:
    with pytest.raises(InputError, match=f"method.{key}={value}"):
        build(method, **{key: value})


def test_synthetic_features_are_made_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_generator, "AT_ONCE", 4)
    model, train = build(FCLSWGAN, features_per_class=7), STAGE.training(FCLSWGAN.setting)
    asked: list[int] = []
    make = model.represent_class
    monkeypatch.setattr(model, "represent_class", lambda phi: (asked.append(len(phi)), make(phi))[1])
    (_, synthetic), (_, mixed) = model.heads(model.prepared(train))
    unseen = len(train.classes.unseen_ids)
    assert max(asked) == 4
    assert synthetic.examples.labels.bincount().tolist() == [7] * unseen
    assert len(mixed.examples) >= len(train.examples) + 7 * unseen
    assert all((mixed.examples.labels.bincount(minlength=len(train.classes)) >= 7).tolist())


def test_on_a_gpu_its_free_memory_is_what_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (10**9, 2 * 10**9))
    features_per_class.require_memory(5, 9 * 10**8, torch.device("cuda"))
    with pytest.raises(InputError, match=r"features_per_class=5: needs 3.0 GB for .*, and cuda has 1.0 GB of free"):
        features_per_class.require_memory(5, 3 * 10**9, torch.device("cuda"))


def test_synthetic_features_that_do_not_fit_into_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features_per_class, "machine_memory", lambda: 100)
    model, train = build(FCLSWGAN, features_per_class="3x"), STAGE.training(FCLSWGAN.setting)
    with pytest.raises(
        InputError, match=r"^method.features_per_class=3x: needs .* GB for synthetic features, and this"
    ):
        next(iter(model.heads(train)))
