"""Units of features inside generators: whitened, derived by their range, and told apart where noise hides classes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from tests.configured import config, recipe
from zsl.config.build import build_method
from zsl.data.examples import Examples
from zsl.data.label_space import LabelSpace
from zsl.data.scaling import Scaling
from zsl.data.stored_rows import StoredRows, in_memory
from zsl.data.training_set import TrainingSet
from zsl.methods.closed_form.moments import class_counts, class_scatter, class_sums
from zsl.methods.generative import units as units_of_features
from zsl.methods.generative.class_means import (
    MANY,
    expected_means,
    leave_one_out,
    left_out_variance,
    noise_share,
    regression,
    told_apart,
)
from zsl.methods.generative.fclswgan import FCLSWGAN
from zsl.methods.generative.feature_generator import FeatureGenerator
from zsl.methods.generative.networks import Generator
from zsl.methods.generative.prepared import ACTIVATIONS, FeatureStatistics
from zsl.methods.generative.units import Units
from zsl.methods.method import Dimensions
from zsl.testing.method_under_test import MethodUnderTest, small_stage


def features(n: int, d: int, seed: int, activation: str) -> torch.Tensor:
    x = torch.from_numpy(np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)) * 5
    if activation == "relu":
        return x.relu() + 2
    return (x - x.amin(dim=0)) / (x.amax(dim=0) - x.amin(dim=0)) if activation == "sigmoid" else x


def training_set(x: torch.Tensor, y: torch.Tensor, phi: torch.Tensor | None = None) -> TrainingSet:
    s = int(y.max()) + 1
    phi = torch.zeros(s, 2) if phi is None else phi
    classes = LabelSpace(tuple(map(str, range(s))), phi, torch.ones(s, dtype=torch.bool))
    return TrainingSet(Examples(x, y), classes)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 5), st.integers(1, 6), st.integers(1, 8), st.integers(0, 999), st.floats(0.01, 100))
def test_whitened_units_are_mahalanobis_distances(s: int, d: int, most: int, seed: int, size: float) -> None:
    """With the covariance within classes and its mean variance added; deviations are 1 in the root mean square.

    Class means are far apart, so that noise of their images does not draw them together.
    """
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(s), rng.integers(1, most + 1, s))
    x = size * (rng.normal(size=(len(y), d)) @ rng.normal(size=(d, d)) + 30 * rng.normal(size=(s, d))[y])
    train = training_set(torch.tensor(x), torch.tensor(y))
    units = Units(d, "whitened").double()
    units.fit(train, FeatureStatistics.of(train.examples.inputs), "linear")  # type: ignore[arg-type]
    found = units(torch.tensor(x))
    torch.testing.assert_close(units.restored(found), torch.tensor(x), rtol=1e-6, atol=1e-6 * size)
    away = x - np.array([x[y == c].mean(axis=0) for c in range(s)])[y]
    S = away.T @ away / len(x)
    if np.trace(S) > 1e-9 * size**2:
        A = np.linalg.inv(S + np.trace(S) / d * np.eye(d))
        differences = x[:, None] - x[None]
        squares = np.einsum("ijk,kl,ijl->ij", differences, A, differences)
        ours = torch.cdist(found, found).square().numpy()
        np.testing.assert_allclose(ours * units.u.item() ** 2, squares, rtol=1e-5, atol=1e-6 * squares.max())
    spread = found.var(dim=0, correction=0).mean().item()
    assert spread == pytest.approx(1 if x.var(axis=0).any() else 0, rel=1e-5, abs=1e-9)


@given(st.integers(1, 9), st.integers(1, 6), st.integers(0, 999), st.floats(0.01, 100), st.floats(-100, 100))
def test_one_image_a_class_is_not_whitened(s: int, d: int, seed: int, size: float, away: float) -> None:
    """Nothing varies within classes but for rounding, which says nothing of directions."""
    rng = np.random.default_rng(seed)
    x = torch.tensor(away + size * rng.normal(size=(s, d)), dtype=torch.float32)
    units = Units(d, "whitened")
    units.fit(training_set(x, torch.tensor(rng.permutation(s))), FeatureStatistics.of(x), "linear")
    torch.testing.assert_close(units.A, torch.eye(d), rtol=0, atol=1e-6)


@given(st.integers(2, 40), st.integers(1, 5), st.integers(0, 999), st.sampled_from(ACTIVATIONS))
def test_units_follow_from_the_range_of_features(n: int, d: int, seed: int, activation: str) -> None:
    x = features(n, d, seed, activation)
    found = FeatureStatistics.of(x)
    torch.testing.assert_close(found.deviation, x.std(dim=0, correction=0), rtol=1e-4, atol=1e-5)
    if activation == "linear" and x.min() >= 0:
        return
    assert found.activation == activation
    units = Units(d, "derived")
    units.fit(training_set(x, torch.zeros(n, dtype=torch.long)), found, found.activation)
    y = units(x)
    torch.testing.assert_close(units.restored(y), x, rtol=1e-4, atol=1e-4)
    if activation == "sigmoid":
        torch.testing.assert_close(y, x, rtol=0, atol=0)
        return
    size = x.var(dim=0, correction=0).mean().sqrt()
    assert y.var(dim=0, correction=0).mean().item() == pytest.approx(1 if size else 0, rel=1e-3)
    torch.testing.assert_close(torch.pdist(y) * (size or 1), torch.pdist(x), rtol=1e-3, atol=1e-3)
    assert (y.min() >= 0) == (activation == "relu")
    stored = units.of(StoredRows(x.numpy(), np.arange(n), Scaling("none")))
    torch.testing.assert_close(in_memory(stored), y, rtol=0, atol=0)


@pytest.mark.parametrize("size", [1e-12, 1.0, 1e20])
def test_units_and_activation_do_not_depend_on_the_size_of_features(size: float) -> None:
    x = size * torch.randn(30, 4, generator=torch.Generator().manual_seed(0))
    found = FeatureStatistics.of(x)
    assert found.activation == "linear"
    assert FeatureStatistics.of(x.abs() / x.abs().max() * 2).activation == "relu"
    units = Units(4, "derived")
    units.fit(training_set(x, torch.zeros(30, dtype=torch.long)), found, "linear")
    assert units(x).var(dim=0, correction=0).mean().item() == pytest.approx(1, rel=1e-4)


def test_features_in_memory_are_changed_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    phi, _, x, y = hidden_classes(0)
    model = Units(x.shape[1], "whitened")
    moves = model.fit(training_set(x, y, phi), FeatureStatistics.of(x), "linear")
    at_once = model.of(x, y, moves)
    monkeypatch.setattr(units_of_features, "BLOCK", 50)
    seen: list[int] = []
    handle = model.register_forward_pre_hook(lambda _, rows: seen.append(len(rows[0])))
    some = model.of(x, y, moves)
    handle.remove()
    assert max(seen) == 50
    torch.testing.assert_close(some, at_once)


def test_a_change_of_units_changes_nothing_that_is_trained_on() -> None:
    """Of features of both signs."""
    stage = small_stage()
    train = stage.training(FCLSWGAN.setting)
    x, seen = train.examples.tensor, []
    for factor, shift in ((1.0, 0.0), (37.0, -5.0)):
        model = FCLSWGAN(Dimensions(*stage.dims), hidden=4, critic_hidden=4)
        moved = replace(train, examples=Examples(factor * x + shift, train.examples.labels))
        seen.append(model.prepared(moved).examples.tensor)
    torch.testing.assert_close(seen[1], seen[0], rtol=1e-3, atol=1e-4)


def hidden_classes(seed: int, s: int = 40, d: int = 200, n: int = 8) -> tuple[torch.Tensor, ...]:
    """Return descriptions, expectations that they mostly foretell, images and labels, whose noise hides classes."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*size: int) -> torch.Tensor:
        return torch.randn(*size, generator=generator)

    phi = normal(s, 5)
    mu = phi @ normal(5, d) / d**0.5 + 0.05 * normal(s, d)
    y = torch.arange(s).repeat_interleave(n)
    return phi, mu, mu[y] + normal(s * n, d), y


@given(st.integers(3, 12), st.integers(1, 4), st.integers(1, 9), st.integers(0, 999))
def test_expectations_weigh_images_and_descriptions_by_their_precision(s: int, k: int, d: int, seed: int) -> None:
    """Each class is left out in turn, and the other classes' regression on descriptions is that of one λ."""
    rng = np.random.default_rng(seed)
    phi, M, noise = rng.normal(size=(s, k)), rng.normal(size=(s, d)), rng.uniform(0.01, 2, size=s)
    phi, M = phi - phi.mean(axis=0), M - M.mean(axis=0)
    found = expected_means(*map(torch.tensor, (M, phi, noise))).numpy()
    B = leave_one_out(torch.tensor(phi), torch.tensor(M))[0].numpy()
    U, sigma, VT = np.linalg.svd(phi, full_matrices=False)
    best = min(
        (10.0**power for power in np.linspace(-4, 3, 29)),
        key=lambda t: np.abs((VT.T * (sigma / (sigma**2 + t * (sigma**2).mean()))) @ (U.T @ M) - B).max(),
    )
    lamb = best * (sigma**2).mean()
    foretold = np.empty_like(M)
    for c in range(s):
        P, X = np.delete(phi, c, axis=0), np.delete(M, c, axis=0)
        p, x = P.mean(axis=0), X.mean(axis=0)
        P, X = P - p, X - x
        foretold[c] = x + (phi[c] - p) @ np.linalg.solve(P.T @ P + lamb * np.eye(k), P.T @ X)
    D = max(0.0, ((M - foretold) ** 2).mean() - noise.mean())
    v = noise[:, None]
    expected = (foretold / D + M / v) / (1 / D + 1 / v) if D else foretold
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


def left_out(r: np.ndarray, y: np.ndarray, A: np.ndarray, weight: float) -> float:
    """Variance of a feature within classes, with AAᵀ of each class computed anew without its images."""
    P, total = np.linalg.inv(A @ A.T), 0.0
    for c in np.unique(y):
        rows = r[y == c]
        total += np.trace(rows @ np.linalg.inv(P - weight * rows.T @ rows) @ rows.T)
    return total / (len(r) - len(np.unique(y))) / r.shape[1]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=6), st.integers(1, 9), st.integers(0, 999))
def test_a_class_is_left_out_without_computing_the_others_anew(sizes: list[int], d: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    x = torch.tensor(rng.normal(size=(len(y), d)) @ rng.normal(size=(d, d)) + 3 * rng.normal(size=(len(sizes), d))[y])
    labels, weight = torch.tensor(y), rng.uniform(0.1, 2)
    means = class_sums(x, labels, len(sizes)) / class_counts(labels, len(sizes)).unsqueeze(1)
    scatter = class_scatter(x, labels, means)
    A = torch.linalg.cholesky(torch.linalg.inv(weight * scatter + torch.eye(d, dtype=torch.float64)))
    found = left_out_variance(x, labels, means, scatter, A, weight).item()
    if len(y) == len(sizes):
        assert found == 0
    elif len(y) - len(sizes) < MANY * d:
        assert found == pytest.approx(left_out((x - means[labels]).numpy(), y, A.numpy(), weight), rel=1e-6)


def test_of_many_images_what_is_fitted_to_them_is_as_good_as_fitted_to_others() -> None:
    rng = np.random.default_rng(0)
    y = torch.arange(50).repeat_interleave(5)
    x = torch.tensor(rng.normal(size=(250, 6)))
    means = class_sums(x, y, 50) / 5
    scatter = class_scatter(x, y, means)
    A = torch.linalg.cholesky(torch.linalg.inv(scatter / 250 + torch.eye(6, dtype=torch.float64)))
    found = left_out_variance(x, y, means, scatter, A, 1 / 250).item()
    assert found == pytest.approx(left_out((x - means[y]).numpy(), y.numpy(), A.numpy(), 1 / 250), rel=1 / MANY)


@pytest.mark.parametrize(("s", "n", "d"), [(40, 8, 200), (40, 4, 200), (40, 2, 200), (100, 2, 512), (40, 20, 500)])
@pytest.mark.parametrize("apart", [0.0, 0.6, 2.0])
def test_the_share_of_noise_is_the_true_one_however_few_images_there_are(s: int, n: int, d: int, apart: float) -> None:
    """Axes are scaled differently; classes are apart by `apart` deviations within them."""
    generator = torch.Generator().manual_seed(0)
    y, size = torch.arange(s).repeat_interleave(n), torch.arange(1, d + 1) ** -0.25
    mu = apart * torch.randn(s, d, generator=generator)
    x = (mu[y] + torch.randn(s * n, d, generator=generator)) * size
    means = class_sums(x, y, s) / n
    scatter = class_scatter(x, y, means)
    S = scatter / (s * n)
    A = torch.linalg.cholesky(torch.linalg.inv(S + S.trace() / d * torch.eye(d, dtype=torch.float64)))
    noise = left_out_variance(x, y, means, scatter, A, 1 / (s * n)) / torch.full((s,), n)
    true = (1 / n) / (apart**2 + 1 / n)
    assert noise_share(means @ A, noise).item() == pytest.approx(true, rel=0.06)
    units = Units(d, "whitened")
    phi = torch.randn(s, 3, generator=generator)
    moves = units.fit(training_set(x, y, phi), FeatureStatistics.of(x), "linear")
    assert (moves is not None) == (true > 1 / 3)


@pytest.mark.parametrize("seed", range(3))
def test_distances_where_noise_hides_classes(seed: int) -> None:
    """Those of the shrunk covariance, by sums over images, and of the weights of axes."""
    phi, _, x, y = hidden_classes(seed)
    train = training_set(x.double(), y, phi.double())
    units = Units(x.shape[1], "whitened").double()
    moves = units.fit(train, FeatureStatistics.of(train.examples.inputs), "linear")  # type: ignore[arg-type]
    r = x.double().numpy()
    means = np.stack([r[y.numpy() == c].mean(axis=0) for c in range(len(phi))])
    r = r - means[y]
    n, d = r.shape
    S = r.T @ r / n
    mean = np.trace(S) / d
    away = sum(((np.outer(row, row) - S) ** 2).sum() for row in r) / n**2
    beta = min(1.0, away / ((S - mean * np.eye(d)) ** 2).sum())
    assert 0 < beta < 1
    shrunk = (1 - beta) * S + beta * mean * np.eye(d)
    values, V = np.linalg.eigh(shrunk + mean * np.eye(d))
    A = V / np.sqrt(values) @ V.T
    noise = np.full(len(phi), left_out(r, y.numpy(), A, (1 - beta) / n) / 8)
    M = (means - x.double().numpy().mean(axis=0)) @ A
    told = told_apart(*map(torch.tensor, (M, phi.double().numpy(), noise)))
    T = A @ told.C.numpy()
    size = np.sqrt((np.var((x.double().numpy() @ T), axis=0)).mean())
    np.testing.assert_allclose(units.A.numpy(), T, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(units.u.item(), size, rtol=1e-5)
    assert moves is not None
    np.testing.assert_allclose(moves.numpy(), told.moves.numpy() / size, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("seed", range(3))
def test_what_noise_hides_is_told_apart(seed: int) -> None:
    """Expectations are nearer to the truth than means are, and new images nearer to their class than before."""
    phi, mu, x, y = hidden_classes(seed)
    train, found = training_set(x, y, phi), FeatureStatistics.of(x)
    units = Units(x.shape[1], "whitened")
    moves = units.fit(train, found, "linear")
    assert moves is not None
    images = units.of(x, y, moves)
    assert isinstance(images, torch.Tensor)
    torch.testing.assert_close(units.restored(units(x)), x, rtol=1e-3, atol=1e-3)

    def means(rows: torch.Tensor) -> torch.Tensor:
        return torch.stack([rows[y == c].mean(dim=0) for c in range(len(mu))])

    told, hidden = means(units.restored(images)), means(x)
    assert (told - mu).norm() < 0.7 * (hidden - mu).norm()
    new = mu[y] + torch.randn(x.shape, generator=torch.Generator().manual_seed(99))
    right = [
        (torch.cdist(rows, centres).argmin(dim=1) == y).float().mean().item()
        for rows, centres in ((new, hidden), (units(new), means(images)))
    ]
    assert right[1] > 1.15 * right[0], right


@given(st.integers(0, 999), st.floats(0.1, 50))
def test_the_share_of_noise_is_that_of_the_variance_of_means(seed: int, apart: float) -> None:
    """By loops; axes are weighed between the least weight and 1, and the way back is exact."""
    rng = np.random.default_rng(seed)
    M, phi, noise = rng.normal(size=(30, 40)) * apart, rng.normal(size=(30, 3)), rng.uniform(0.5, 2, size=30)
    share = 40 * np.mean(noise) / sum(np.var(M[:, j], ddof=1) for j in range(40))
    assert noise_share(torch.tensor(M), torch.tensor(noise)).item() == pytest.approx(share)
    found = told_apart(*map(torch.tensor, (M, phi, noise)))
    w = torch.linalg.eigvalsh(found.C)
    excess = max(0.0, 2 * min(1.0, share) - 1)
    assert w.min().item() == pytest.approx(max(0.1, max(0.0, 1 - share) ** 2) ** excess)
    assert w.max() <= 1 + 1e-9
    torch.testing.assert_close(found.C @ found.inverse, torch.eye(40, dtype=torch.float64))


@pytest.mark.parametrize("s", [1, 2])
def test_two_classes_have_no_share_of_noise(s: int) -> None:
    assert noise_share(torch.randn(s, 4), torch.ones(s)) == 0


@given(st.integers(0, 999))
def test_axes_and_order_do_not_matter_where_classes_are_told_apart(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    M, phi = (torch.randn(12, n, generator=generator, dtype=torch.float64) for n in (7, 3))
    noise = torch.rand(12, generator=generator, dtype=torch.float64) + 1
    Q, _ = torch.linalg.qr(torch.randn(7, 7, generator=generator, dtype=torch.float64))
    order = torch.randperm(12, generator=generator)
    one, other = told_apart(M, phi, noise), told_apart((M @ Q + 5)[order], 3 * phi[order] - 1, noise[order])
    torch.testing.assert_close(other.C, Q.T @ one.C @ Q)
    torch.testing.assert_close(other.moves, (one.moves @ Q)[order])


def test_stored_images_are_moved_as_those_in_memory() -> None:
    phi, _, x, y = hidden_classes(0)
    units = Units(x.shape[1], "whitened")
    moves = units.fit(training_set(x, y, phi), FeatureStatistics.of(x), "linear")
    here, stored = units.of(x, y, moves), units.of(StoredRows(x.numpy(), np.arange(len(x)), Scaling("none")), y, moves)
    assert isinstance(here, torch.Tensor)
    assert isinstance(stored, StoredRows)
    torch.testing.assert_close(in_memory(stored), here, rtol=1e-5, atol=1e-5)
    some = torch.tensor([[5, 300], [17, 17]])
    torch.testing.assert_close(stored[some], here[some], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(stored[290:310], here[290:310], rtol=1e-5, atol=1e-5)


@given(st.integers(3, 9), st.integers(1, 4), st.integers(1, 6), st.sampled_from([8, 40]), st.integers(0, 999))
def test_generators_begin_with_what_descriptions_foretell(s: int, k: int, d: int, hidden: int, seed: int) -> None:
    """Of a network whose other weights are 0 it is all that z and φ give, whatever the weight of φ."""
    generator = torch.Generator().manual_seed(seed)
    M, phi = (torch.randn(s, n, generator=generator, dtype=torch.float64) for n in (d, k))
    foretold = regression(M, phi)
    B = leave_one_out(phi - phi.mean(dim=0), M - M.mean(dim=0))[0]
    every = M.mean(dim=0) + (phi - phi.mean(dim=0)) @ B
    terms = foretold.V.shape[1]
    torch.testing.assert_close(foretold.V.T @ foretold.V, torch.eye(terms, dtype=torch.float64))
    torch.testing.assert_close(foretold.centre + (phi - foretold.phi_mean) @ foretold.R @ foretold.V.T, every)
    network = Generator(3, k + 2, hidden, d, "auto", 2.5).double()
    for weights in network.parameters():
        torch.nn.init.zeros_(weights)
    network.begin_with(foretold, at=1)
    kept = foretold.V[:, : hidden // 4]
    about = torch.randn(s, 1, generator=generator, dtype=torch.float64)
    made = network(torch.cat([about, phi, about], dim=1))
    torch.testing.assert_close(made - foretold.centre, (every - foretold.centre) @ kept @ kept.T)


@pytest.mark.parametrize("method", ["fclswgan", "fvaegan_d2", "tf_vaegan", "fgmmn", "zerodiff", "bi_vaegan", "lisgan"])
def test_before_its_first_step_a_generator_tells_classes_as_the_regression_does(method: str) -> None:
    """Means of synthetic features go with those that descriptions foretell, in the units of the data."""
    under = MethodUnderTest(recipe(method))
    stage = under.stage
    torch.manual_seed(0)
    model = build_method(
        OmegaConf.to_object(config(method)), Dimensions(*stage.dims), {"hidden": 256, "begin": "regression"}
    )
    assert isinstance(model, FeatureGenerator)
    train = stage.training(model.setting)
    model.prepared(train)
    phi = train.classes.embeddings
    foretold = model.foretold(train.of_seen_classes())
    means = foretold.centre + (phi.double() - foretold.phi_mean) @ foretold.R @ foretold.V.T
    with torch.no_grad():
        made = model.synthesize(phi.repeat_interleave(400, dim=0)).view(len(phi), 400, -1).mean(dim=1).double()
    assert torch.corrcoef(torch.stack([(made - made.mean(0)).flatten(), (means - means.mean(0)).flatten()]))[0, 1] > 0.9
