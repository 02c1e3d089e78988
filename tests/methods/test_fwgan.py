"""f-WGAN is f-CLSWGAN without its classification loss."""

from __future__ import annotations

from unittest.mock import patch

import torch
from hydra.utils import instantiate

from tests import worlds
from tests.methods.adversarial import (
    LOOP,
    SMALL,
    adam,
    assert_same_weights,
    descend,
    double,
    score_of,
    train_critic,
    trained,
)
from zsl.config.compose import compose
from zsl.data.protocol import final
from zsl.methods.generative.fclswgan import FCLSWGAN
from zsl.methods.generative.softmax import Softmax
from zsl.methods.method import Dimensions
from zsl.training.fit import fit

STAGE = final(worlds.source())


def build() -> FCLSWGAN:
    torch.manual_seed(1)
    node = {**compose(["method=fwgan"]).method, **SMALL, "critic_hidden": 7, "n_critic": 2, "epochs": 2}
    model = instantiate(node, Dimensions(*STAGE.dims))
    assert isinstance(model, FCLSWGAN)
    return model


def test_the_classifier_has_no_say_and_is_not_trained() -> None:
    model, train = build(), STAGE.training(FCLSWGAN.setting)
    before = model.classifier.V.detach().clone()
    assert list(model.foundations(train)) == []
    with patch.object(Softmax, "finalize") as ends:
        fit(model, train, LOOP, 0)
    assert ends.call_count == 2, "the two heads"
    assert torch.equal(model.classifier.V, before)


def test_steps_are_those_of_a_wasserstein_gan() -> None:
    model = build().double()
    slow, model, steps = trained(model, double(STAGE.training(model.setting)))
    assert isinstance(slow, FCLSWGAN)
    critic, generator = adam([slow.critic], slow.lr), adam([slow.generator], slow.lr)
    for batch, state in steps:
        torch.set_rng_state(state)
        phi = batch.classes.embeddings[batch.y]
        z = torch.randn(*batch.y.shape, slow.generator.noise, dtype=phi.dtype)
        fakes = slow.generator.layers(torch.cat([z, phi], 2))
        train_critic(slow.critic, critic, torch.tensor(slow.lamb), batch.x, fakes, phi)
        z = torch.randn(z.shape[1:], dtype=z.dtype)
        descend(generator, -score_of(slow.critic, slow.generator.layers(torch.cat([z, phi[-1]], 1)), phi[-1]).mean())
    assert_same_weights(model, slow)
