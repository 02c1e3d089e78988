"""TF-VAEGAN's steps written out in plain torch, with feedback and without; what heads are given."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import leaky_relu

from tests import worlds
from tests.methods.adversarial import (
    LOOP,
    SMALL,
    adam,
    adapted,
    assert_same_weights,
    descend,
    double,
    score_of,
    train_critic,
    trained,
)
from zsl.data.protocol import final
from zsl.methods.generative.tf_vaegan import TFVAEGAN, SemanticDecoder
from zsl.methods.method import Dimensions
from zsl.training.fit import fit

STAGE = final(worlds.source())
DIMS = Dimensions(*STAGE.dims)


def build(**changes: Any) -> TFVAEGAN:
    torch.manual_seed(1)
    given = {"critic_hidden": 7, "n_critic": 3, "epochs": 3, "recons": 0.5, "a1": 0.7, "a2": 0.3, "feed_lr": 5e-3}
    return TFVAEGAN(DIMS, **{**SMALL, **given, **changes})


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 4), st.integers(1, 5), st.integers(0, 99))
def test_the_decoder_answers_with_unit_vectors_and_is_charged_for_cubes(n: int, k: int, seed: int) -> None:
    torch.manual_seed(seed)
    decoder = SemanticDecoder(3, 6, k).double()
    x, phi = torch.randn(n, 3).double(), torch.randn(n, k).double()
    W1, b1, W2, b2 = decoder.parameters()
    total = 0.0
    for row, target in zip(x, phi, strict=True):
        answer = W2 @ leaky_relu(W1 @ row + b1, 0.2) + b2
        answer = answer / answer.square().sum().sqrt()
        target = target / target.square().sum().sqrt()
        delta = [a - b for a, b in zip(answer.tolist(), target.tolist(), strict=True)]
        if any(delta):
            total += sum(abs(v) ** 3 for v in delta) / math.sqrt(sum(v * v for v in delta))
    assert decoder.loss(x, phi).item() == pytest.approx(total / n, abs=1e-12)
    torch.testing.assert_close(decoder(x).norm(dim=1), torch.ones(n).double())


def test_an_answer_that_is_right_has_no_gradient_and_no_nan() -> None:
    decoder, x = SemanticDecoder(2, 4, 1), torch.randn(5, 2)
    loss = decoder.loss(x, decoder(x).detach())
    loss.backward()
    assert loss == 0
    assert all(p.grad is not None and (p.grad == 0).all() for p in decoder.parameters())


def generated(model: TFVAEGAN, z: Tensor, phi: Tensor, a: float) -> Tensor:
    """G(z, φ), with feedback unless a is 0."""
    W1, b1, W2, b2 = model.generator.layers.parameters()
    g = leaky_relu(torch.cat([z, phi], -1) @ W1.T + b1, 0.2)
    if a:
        first = model.generator.layers[3](g @ W2.T + b2).detach()
        V, c, *_ = model.decoder.layers.parameters()
        U1, d1, U2, d2 = model.feedback.parameters()
        heard = leaky_relu(leaky_relu(first @ V.T + c, 0.2).detach() @ U1.T + d1, 0.2)
        g = g + a * leaky_relu(heard @ U2.T + d2, 0.2)
    return model.generator.layers[3](g @ W2.T + b2)  # type: ignore[no-any-return]


def slow_step(model: TFVAEGAN, optimizers: dict[str, Any], batch: Any, state: Tensor, a: float) -> None:
    torch.set_rng_state(state)
    phi = batch.classes.embeddings[batch.y]
    shape = (*batch.y.shape, model.generator.noise)
    for x, here in zip(batch.x, phi, strict=True):
        descend(optimizers["decoder"], model.recons * model.decoder.loss(x, here))
    epsilon = torch.randn(shape, dtype=phi.dtype)
    fakes = []
    for x, here, e in zip(batch.x, phi, epsilon, strict=True):
        mean, log_variance = model.encoder(x, here)
        fakes.append(generated(model, mean + e * (log_variance / 2).exp() if model.encoded_noise else e, here, a))
    penalty = train_critic(model.critic, optimizers["critic"], model.lamb, batch.x, torch.stack(fakes), phi)
    if model.unconditional is not None:
        images = batch.unlabelled[torch.randint(len(batch.unlabelled), batch.y.shape)]
        u = batch.unseen.embeddings[torch.randint(len(batch.unseen), batch.y.shape)]
        second = generated(model, torch.randn(shape, dtype=u.dtype), u, a)
        critic = (model.unconditional, optimizers["unconditional"], model.lamb_unconditional)
        of_second = train_critic(*critic, images, second, u[..., :0])
        model.lamb_unconditional.copy_(adapted(model.lamb_unconditional, of_second))
    model.lamb.copy_(adapted(model.lamb, penalty))

    x, phi = batch.x[-1], phi[-1]
    mean, log_variance = model.encoder(x, phi)
    z = mean + torch.randn(shape[1:], dtype=phi.dtype) * (log_variance / 2).exp()
    rebuilt = generated(model, z, phi, a)
    fake = rebuilt if model.encoded_noise else generated(model, torch.randn(shape[1:], dtype=phi.dtype), phi, a)
    divergence = (mean**2 + log_variance.exp() - 1 - log_variance).sum() / 2
    loss = (((rebuilt - x) ** 2).sum() / 2 + divergence) / len(x)
    loss = loss - model.gamma * score_of(model.critic, fake, phi).mean() + model.recons * model.decoder.loss(fake, phi)
    if model.unconditional is not None:
        u = batch.unseen.embeddings[torch.randint(len(batch.unseen), (len(x),))]
        fake = generated(model, torch.randn(shape[1:], dtype=u.dtype), u, a)
        loss = loss - model.gamma * score_of(model.unconditional, fake, u[:, :0]).mean()
        loss = loss + model.recons * model.decoder.loss(fake, u)
    for optimizer in optimizers.values():
        optimizer.zero_grad()
    loss.backward()
    for name in {"encoder", "generator", *(["feedback"] if a else []), *([] if model.freeze_dec else ["decoder"])}:
        optimizers[name].step()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"freeze_dec": True, "output": "relu"},
        {"encoded_noise": False},
        {"n_critic": 1},
        {"transductive": True},
    ],
    ids=str,
)
def test_steps_equal_those_of_the_plain_algorithm(changes: dict[str, Any]) -> None:
    model = build(**changes).double()
    train = double(STAGE.training(model.setting))
    slow, model, steps = trained(model, train)
    assert isinstance(slow, TFVAEGAN)
    optimizers = {
        "critic": adam([slow.critic], slow.lr),
        "encoder": adam([slow.encoder], slow.lr, 0.9),
        "generator": adam([slow.generator], slow.lr),
        "feedback": adam([slow.feedback], slow.feed_lr),
        "decoder": adam([slow.decoder], slow.dec_lr),
    }
    if slow.unconditional is not None:
        optimizers["unconditional"] = adam([slow.unconditional], slow.lr)
    per_epoch = -(-len(train.examples) // 16)
    assert len(steps) == 3 * per_epoch
    for i, (batch, state) in enumerate(steps):
        slow_step(slow, optimizers, batch, state, slow.a1 if (i // per_epoch + i % per_epoch) % 2 else 0)
    assert_same_weights(model, slow)


def test_features_asked_for_have_the_feedback_of_afterwards() -> None:
    model = build()
    fit(model, STAGE.training(model.setting), LOOP, 0)
    phi = STAGE.classes.embeddings
    torch.manual_seed(5)
    found = model.synthesize(phi)
    torch.manual_seed(5)
    z = torch.randn(len(phi), model.generator.noise)
    torch.testing.assert_close(found, generated(model, z, phi, model.a2))
    assert not torch.allclose(found, generated(model, z, phi, 0))


def test_heads_learn_from_the_feature_and_what_the_decoder_makes_of_it() -> None:
    model = build()
    x = STAGE.held_out.unseen().inputs
    h = model.decoder.layers[:2](x)
    expected = torch.cat([x, model.decoder(x), h], dim=1)
    assert expected.shape[1] == DIMS.features + DIMS.embedding + 8 == model.gzsl_head.V.shape[1]
    torch.testing.assert_close(model.represent(x), expected)
    fit(model, STAGE.training(model.setting), LOOP, 0)
    torch.testing.assert_close(
        model.scores(x, STAGE.classes), model.gzsl_head.scores(model.represent(x), STAGE.classes)
    )
