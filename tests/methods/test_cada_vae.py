"""CADA-VAE's objective in loops, its distances against scipy and torch.distributions, and what its heads learn from."""

from __future__ import annotations

import math
import os
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pytorch_lightning import Callback, LightningModule, Trainer
from scipy.linalg import sqrtm
from torch import Tensor
from torch.distributions import Independent, Normal, kl_divergence

from tests import worlds
from tests.methods.test_cmt import batch
from tests.training.test_resumption import At
from zsl.data.examples import Examples, in_turn
from zsl.data.protocol import final
from zsl.errors import InputError
from zsl.methods.compatibility.eszsl import ESZSL
from zsl.methods.generative.cada_vae import CADAVAE
from zsl.methods.generative.gaussian import Gaussian
from zsl.methods.generative.prepared import class_deviations
from zsl.methods.generative.ramps import Ramps
from zsl.methods.generative.softmax import Softmax
from zsl.methods.method import Dimensions
from zsl.training.fit import fit
from zsl.training.loop import Loop
from zsl.training.resumption import InterruptedRunError

LOOP = Loop(progress_bar=False)
STAGE = final(worlds.source())
TRAIN = STAGE.training(CADAVAE.setting)


def small(dims: Dimensions | None = None, **given: object) -> CADAVAE:
    torch.manual_seed(0)
    widths = {"encoder_hidden": 5, "decoder_hidden": 6, "class_encoder_hidden": 7, "class_decoder_hidden": 4}
    head = partial(Softmax, epochs=2)
    settings: dict[str, object] = {"head": head, "latent": 3, "batch_size": 20, **widths, **given}
    return CADAVAE(dims or Dimensions(*STAGE.dims), **settings)  # type: ignore[arg-type]


def layer(weight: Tensor, bias: Tensor, v: np.ndarray) -> np.ndarray:
    W, b = weight.detach().numpy(), bias.detach().numpy()
    return np.array([sum(W[i, j] * v[j] for j in range(len(v))) + b[i] for i in range(len(b))])


def perceptron(network: torch.nn.Module, v: np.ndarray) -> np.ndarray:
    W1, b1, W2, b2 = network.parameters()
    return layer(W2, b2, np.maximum(layer(W1, b1, v), 0))


@settings(deadline=None, max_examples=25)
@given(n=st.integers(1, 4), d=st.integers(1, 5), k=st.integers(1, 5), s=st.integers(1, 4), seed=st.integers(0, 10**6))
def test_the_loss_is_the_objective_in_the_middle_of_its_ramps(n: int, d: int, k: int, s: int, seed: int) -> None:
    model = small(Dimensions(d, k, s, 1), phi_scale=2.5).double()
    beta, gamma, delta = 0.25 * 40 / 93, 2.37 * 19 / 54, 8.13
    model.ramps.weights = torch.tensor([beta, gamma, delta], dtype=torch.float64)
    b = batch(n, d, k, s, seed)
    torch.manual_seed(seed)
    noise = torch.randn(n, 3, dtype=torch.float64).numpy(), torch.randn(n, 3, dtype=torch.float64).numpy()
    model.w.fill_(0.75)
    expected = 0.0
    for i in range(n):
        v = b.x[i].numpy(), 2.5 * b.classes.embeddings[b.y[i]].numpy()
        posteriors, latents = [], []
        for part, of, eps in zip((model.image, model.description), v, noise, strict=True):
            found = perceptron(part.encoder, of)
            mu, sigma = found[:3], np.exp(found[3:] / 2)
            posteriors.append((mu, sigma))
            latents.append(mu + sigma * eps[i])
            expected += beta * sum((mu**2 + sigma**2 - 1) / 2 - np.log(sigma))
        for own, (part, of) in enumerate(zip((model.image, model.description), v, strict=True)):
            for z, weight in ((latents[own], 1.0), (latents[1 - own], gamma)):
                w = 0.75 if part is model.image else 1.0
                expected += weight * w * sum(abs(of - perceptron(part.decoder, z)))
        (mu, sigma), (mu2, sigma2) = posteriors
        expected += delta * math.sqrt(sum((mu - mu2) ** 2) + sum((sigma - sigma2) ** 2))
    torch.manual_seed(seed)
    assert model.loss(b).item() == pytest.approx(expected / n, rel=1e-9)


@settings(deadline=None, max_examples=25)
@given(n=st.integers(1, 4), z=st.integers(1, 5), seed=st.integers(0, 10**6))
def test_divergence_and_distance_of_gaussians(n: int, z: int, seed: int) -> None:
    """Against torch.distributions, and against W₂² = ‖μ - μ'‖² + tr(S + S' - 2 (S'^½ S S'^½)^½) by scipy."""
    g = torch.Generator().manual_seed(seed)
    one, other = (Gaussian(*torch.randn(2, n, z, generator=g, dtype=torch.float64)) for _ in range(2))
    standard = Independent(Normal(torch.zeros_like(one.mu), 1.0), 1)
    torch.testing.assert_close(one.divergence(), kl_divergence(Independent(Normal(one.mu, one.sigma), 1), standard))
    for i, found in enumerate(one.distance(other)):
        S, T = (np.diag(it.log_variance[i].exp().numpy()) for it in (one, other))
        root = sqrtm(T)
        bures = np.trace(S + T - 2 * sqrtm(root @ S @ root)).real
        assert found.item() ** 2 == pytest.approx((one.mu[i] - other.mu[i]).square().sum().item() + bures, abs=1e-9)


def test_posteriors_that_agree_have_a_gradient() -> None:
    mu, log_variance = torch.zeros(2, 3, requires_grad=True), torch.zeros(2, 3, requires_grad=True)
    Gaussian(mu, log_variance).distance(Gaussian(torch.zeros(2, 3), torch.zeros(2, 3))).sum().backward()
    assert mu.grad is not None
    assert log_variance.grad is not None
    assert mu.grad.isfinite().all()
    assert log_variance.grad.isfinite().all()


@given(top=st.floats(0.1, 10), start=st.integers(0, 50), length=st.integers(1, 50), epochs=st.integers(1, 200))
def test_ramps_are_linear_between_two_constants(top: float, start: int, length: int, epochs: int) -> None:
    end = start + length
    ramps = Ramps(weight=(top, start / 100, end / 100))
    for epoch in range(epochs):
        ramps.go_to(epoch / epochs)
        done = 100 * epoch / epochs
        expected = 0 if done < start else top if done > end else top * (done - start) / length
        assert ramps.weights.item() == pytest.approx(expected, abs=1e-4)


def test_ramps_may_be_given_in_whole_numbers() -> None:
    """As on a command line: method.beta=1 method.beta_start=0 method.beta_end=1."""
    ramps = Ramps(beta=(1, 0, 1), gamma=(2, 0, 1))
    ramps.go_to(0.5)
    assert ramps.weights.tolist() == [0.5, 1.0]


@pytest.mark.parametrize(("factor", "shift", "longer"), [(1.0, 0.0, 8.0), (37.0, -5.0, 1.0), (0.01, 3.0, 0.125)])
def test_scales_of_features_and_descriptions_change_nothing(factor: float, shift: float, longer: float) -> None:
    """Of features in any units, and of φ of any length, with everything left to what is derived."""
    x, classes = TRAIN.examples.tensor.double(), TRAIN.classes
    scores = []
    for a, b, c in ((1.0, 0.0, 1.0), (factor, shift, longer)):
        moved = replace(classes, embeddings=c * classes.embeddings.double())
        train = replace(TRAIN, examples=Examples(a * x + b, TRAIN.examples.labels), classes=moved)
        model = fit(small(epochs=2, lr=0.01).double(), train, LOOP, 0)
        images = a * STAGE.held_out.unseen().inputs.double() + b
        scores.append(model.scores(images, moved))
    torch.testing.assert_close(scores[1], scores[0], rtol=1e-6, atol=1e-6)


def test_features_weigh_the_same_whatever_their_number() -> None:
    """w Σ_j σ_j of class means is 75, and the mean square of cφ over seen classes is 1; both stay in the state."""
    model = small(epochs=1)
    made = model.prepared(TRAIN)
    phi = model.phi_scale * TRAIN.classes.embeddings[TRAIN.classes.seen]
    assert (model.w * class_deviations(made.of_seen_classes()).sum()).item() == pytest.approx(75, rel=1e-4)
    assert phi.square().sum(dim=1).mean().item() == pytest.approx(1, rel=1e-5)
    assert {"w", "phi_scale", "units.u", "units.m"} <= model.state_dict().keys()
    plain = small(epochs=1, units="data", phi_scale=1.0)
    assert torch.equal(plain.prepared(TRAIN).examples.tensor, TRAIN.examples.tensor)
    assert plain.w == plain.phi_scale == 1


def test_features_that_never_vary_do_not_weigh() -> None:
    """w|x| of the features that vary is as without those that do not, and 1 is the weight where none varies."""
    x, dims = TRAIN.examples.tensor, Dimensions(*STAGE.dims)
    weights = []
    for features in (x, torch.cat([x, torch.ones_like(x)], dim=1), torch.ones_like(x)):
        model = CADAVAE(replace(dims, features=features.shape[1]), epochs=1)
        model.prepared(replace(TRAIN, examples=Examples(features, TRAIN.examples.labels)))
        weights.append((model.w / model.units.u).item())
    assert weights == [pytest.approx(weights[0], rel=1e-5), pytest.approx(weights[0], rel=1e-5), 1]


@pytest.mark.parametrize("epochs", [1, 4, 10])
def test_weights_follow_the_share_of_the_training_that_is_made(epochs: int) -> None:
    """In ten or more epochs, and in the first of several, they are those of the start of the epoch."""
    found: list[list[float]] = []

    class Spy(Callback):
        def on_before_backward(self, _t: Trainer, pl_module: LightningModule, _l: Tensor) -> None:
            assert isinstance(pl_module, CADAVAE)
            found.append(pl_module.ramps.weights.tolist())

    ramps = {"beta_end": 0.5, "gamma_start": 0.25, "gamma_end": 0.75, "delta_start": 0.0, "delta_end": 1.0}
    fit(small(epochs=epochs, beta=1.0, gamma=2.0, delta=8.0, **ramps), TRAIN, LOOP, 0, callbacks=[Spy()])
    per_epoch = -(-len(TRAIN.examples) // 20)
    assert len(found) == epochs * per_epoch > epochs
    for step, weights in enumerate(found):
        by_steps = epochs == 1 or (epochs < 10 and step >= per_epoch)
        made = step if by_steps else step // per_epoch * per_epoch
        share = made / (epochs * per_epoch)
        expected = min(1.0, share / 0.5), 2 * min(1.0, max(0.0, (share - 0.25) / 0.5)), 8 * share
        assert weights == pytest.approx(expected, abs=1e-5)


@given(labels=st.lists(st.integers(0, 5), min_size=1, max_size=40), per_class=st.integers(1, 20))
def test_images_of_every_class_are_taken_in_turn(labels: list[int], per_class: int) -> None:
    y = torch.tensor(labels)
    taken = in_turn(y, per_class)
    assert torch.equal(y[taken].bincount(minlength=6), per_class * (y.bincount(minlength=6) > 0))
    times = taken.bincount(minlength=len(y))
    for label in set(labels):
        here = times[y == label]
        assert here.max() - here.min() <= 1


def test_latents_are_drawn_from_the_posteriors() -> None:
    """Mean, deviation and correlation of many draws, each within five standard errors."""
    model, n = small(phi_scale=2.5).double(), 40_000
    phi, x = TRAIN.classes.embeddings[:1].double(), TRAIN.examples.inputs[:1].double()
    model.seen_per_class = n
    seen = type(TRAIN.examples)(x, TRAIN.examples.labels[:1])
    with torch.no_grad():
        pairs = (
            (model.description.encode(2.5 * phi), model.represent_class(phi.expand(n, -1))),
            (model.image.encode(x), model.represent_seen(seen).inputs),
        )
    for q, z in pairs:
        assert ((z.mean(dim=0) - q.mu[0]).abs() < 5 * q.sigma[0] / math.sqrt(n)).all()
        assert ((z.std(dim=0) / q.sigma[0] - 1).abs() < 5 / math.sqrt(2 * n)).all()
        assert ((z.T.corrcoef() - torch.eye(3)).abs() < 5 / math.sqrt(n)).all()


def test_images_are_asked_about_by_their_means_and_synthesised_from_latents() -> None:
    model = fit(small(epochs=1), TRAIN, LOOP, 0)
    assert isinstance(model, CADAVAE)
    x, phi = STAGE.held_out.unseen().inputs, STAGE.classes.embeddings
    with torch.no_grad():
        mu = model.image.encode(model.units(x)).mu
        assert torch.equal(model.scores(x, STAGE.classes), model.gzsl_head.scores(mu, STAGE.classes))
        torch.manual_seed(3)
        z = model.description.encode(model.phi_scale * phi).draw()
        torch.manual_seed(3)
        assert torch.equal(model.synthesize(phi), model.image.decoder(z))


def test_heads_learn_from_so_many_latents_of_every_class() -> None:
    model = small(features_per_class=11, seen_per_class=7)
    (zsl_head, synthetic), (gzsl_head, mixed) = model.heads(TRAIN)
    assert (zsl_head, gzsl_head) == (model.zsl_head, model.gzsl_head)
    assert synthetic.examples.inputs.shape == (11 * STAGE.dims[3], 3)
    assert torch.equal(synthetic.examples.labels.bincount(), torch.full((STAGE.dims[3],), 11))
    assert torch.equal(mixed.examples.labels.bincount(), torch.where(STAGE.classes.seen, 7, 11))
    assert not any(part.examples.inputs.requires_grad for part in (synthetic, mixed))


def test_any_method_can_be_the_head() -> None:
    model = fit(small(head=ESZSL, epochs=1), TRAIN, LOOP, 0)
    scores = model.scores(STAGE.held_out.unseen().inputs, STAGE.classes)
    assert scores.shape[1] == len(STAGE.classes)
    assert scores.std() > 0


@pytest.mark.parametrize("step", [0, 4, 5, 7])
def test_a_run_resumed_at_any_step_is_bit_identical(tmp_path: Path, step: int) -> None:
    """While the weights of the objective grow with the epoch, and noise is drawn at every step."""

    def model() -> CADAVAE:
        return small(epochs=3, lr=0.01, beta_end=0.6, gamma_start=0.0, gamma_end=0.6, delta_start=0.3, delta_end=0.6)

    undisturbed = fit(model(), TRAIN, LOOP, 3).state_dict()
    stop = At(step, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(InterruptedRunError, match=f"stopped at step {step + 1}"):
        fit(model(), TRAIN, LOOP, 3, tmp_path, callbacks=[stop])
    resumed = fit(model(), TRAIN, LOOP, 3, tmp_path, resume=True).state_dict()
    for name, value in undisturbed.items():
        assert torch.equal(resumed[name], value), name


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("features_per_class", 0),
        ("seen_per_class", 1.5),
        ("latent", 0),
        ("encoder_hidden", 0),
        ("class_decoder_hidden", 0),
        ("beta", -0.1),
        ("gamma", math.inf),
        ("gamma_start", -1),
        ("delta_end", 0.05),
        ("beta_end", 93),
        ("phi_scale", 0.0),
        ("units", "deviations"),
        ("lr", 0.0),
        ("epochs", 0),
        ("steps", 0),
        ("batch_size", 0),
    ],
)
def test_hyperparameters_out_of_range_are_refused_by_name(key: str, value: object) -> None:
    with pytest.raises(InputError, match=f"method.{key}={value}"):
        CADAVAE(Dimensions(3, 2, 2, 2), **{key: value})  # type: ignore[arg-type]


def test_hyperparameters_of_the_head_are_refused_by_theirs() -> None:
    with pytest.raises(InputError, match=r"method\.head\.lr=0"):
        CADAVAE(Dimensions(3, 2, 2, 2), head=partial(Softmax, lr=0.0))
