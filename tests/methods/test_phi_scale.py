"""A generator with phi_scale = c and φ is a generator with phi_scale = 1 and cφ."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf
from torch import nn

from tests import worlds
from tests.configured import METHODS, config, keys, kind
from tests.test_method_contract import LOOP
from zsl.config.build import build_method
from zsl.data.protocol import Stage, final
from zsl.methods.generative.critic import critic
from zsl.methods.generative.feature_generator import FeatureGenerator
from zsl.methods.generative.networks import Encoder, Generator
from zsl.methods.method import Dimensions
from zsl.training.fit import fit

STAGE = final(worlds.source())
SCALED = [name for name in METHODS if "phi_scale" in keys(name)]
C = 4.0
"""a power of two: products with it are exact"""


def untrained(method: str, stage: Stage, phi_scale: float) -> FeatureGenerator:
    torch.manual_seed(0)
    model = build_method(OmegaConf.to_object(config(method)), Dimensions(*stage.dims), {"phi_scale": phi_scale})
    assert isinstance(model, FeatureGenerator)
    return model


def longer(stage: Stage) -> Stage:
    """Return the stage with all descriptions C times as long."""
    return replace(stage, classes=replace(stage.classes, embeddings=C * stage.classes.embeddings))


def test_every_generator_has_it() -> None:
    assert set(SCALED) == {name for name in METHODS if issubclass(kind(name), FeatureGenerator)}


@pytest.mark.parametrize("method", SCALED)
def test_what_is_made_of_a_class(method: str) -> None:
    made = []
    for model, stage in ((untrained(method, STAGE, C), STAGE), (untrained(method, STAGE, 1.0), longer(STAGE))):
        torch.manual_seed(1)
        made.append(model.synthesize(stage.classes.embeddings))
    assert torch.equal(*made)
    torch.manual_seed(1)
    assert not torch.equal(made[0], untrained(method, STAGE, 1.0).synthesize(STAGE.classes.embeddings))


def is_learned_with_phi_as_it_is(method: str) -> bool:
    """Whether a part of it restores φ, or is compared with φ."""
    return method in {"tf_vaegan", "bi_vaegan", "zerodiff"} or bool(keys(method).get("guidance"))


@pytest.mark.parametrize("method", [name for name in SCALED if not is_learned_with_phi_as_it_is(name)])
def test_what_is_learned(method: str) -> None:
    trained = []
    for phi_scale, stage in ((C, STAGE), (1.0, longer(STAGE))):
        model = untrained(method, stage, phi_scale)
        trained.append(fit(model, stage.training(model.setting), LOOP, 0).state_dict())
    of_head = ("phi", "phi_scale")  # a head keeps descriptions as they are, or their weight
    learned = [name for name in trained[0] if not name.endswith(of_head)]
    assert len(learned) > 4
    assert all(torch.equal(trained[0][name], trained[1][name]) for name in learned)


@pytest.mark.parametrize("method", SCALED)
def test_the_length_of_descriptions_changes_nothing_where_their_weight_is_derived(method: str) -> None:
    """Also of those with which spaces compare images; all that is learned is the same, and all answers."""
    scores = []
    for stage in (STAGE, longer(STAGE)):
        torch.manual_seed(0)
        model = build_method(OmegaConf.to_object(config(method)), Dimensions(*stage.dims), {"phi_scale": None})
        fit(model, stage.training(model.setting), LOOP, 0)
        with torch.no_grad():
            scores.append(model.scores(stage.held_out.unseen().inputs, stage.classes))
    torch.testing.assert_close(*scores, rtol=1e-4, atol=1e-5)


@given(
    layers=st.integers(1, 3),
    n=st.integers(1, 4),
    d=st.integers(1, 4),
    k=st.integers(0, 3),
    c=st.floats(0.01, 100),
    seed=st.integers(0, 99),
)
def test_networks(layers: int, n: int, d: int, k: int, c: float, seed: int) -> None:
    def pair(make: Any, *sizes: Any) -> tuple[nn.Module, nn.Module]:
        scaled, plain = make(*sizes, phi_scale=c).double(), make(*sizes).double()
        plain.load_state_dict(scaled.state_dict())
        return scaled, plain

    torch.manual_seed(seed)
    x, fake = torch.randn(2, n, d).double()
    z, phi, alpha = torch.randn(n, 2).double(), torch.randn(n, k).double(), torch.rand(n, 1).double()
    scaled, plain = pair(critic, d, k, 5, layers)
    torch.testing.assert_close(scaled(x, phi), plain(x, c * phi))
    torch.testing.assert_close(scaled.losses(x, fake, phi, alpha), plain.losses(x, fake, c * phi, alpha))
    scaled, plain = pair(Encoder, d, k, 5, 2)
    torch.testing.assert_close(tuple(scaled(x, phi)), tuple(plain(x, c * phi)))
    scaled, plain = pair(Generator, 2, k, 5, d, "relu")
    torch.testing.assert_close(scaled(phi, z), plain(c * phi, z))
