"""Likelihood, temperature and calibration error against scipy, grids and loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.metrics import log_loss

from tests.gathered import best_temperature, ece, nll
from zsl.errors import InputError
from zsl.evaluation import calibration


@st.composite
def scored(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Scores on a grid of eighths, ties included, and labels."""
    n, classes = draw(st.integers(1, 30)), draw(st.integers(1, 6))
    scores = draw(arrays(np.float64, (n, classes), elements=st.integers(-20, 20))) / 8
    return scores, draw(arrays(np.int64, n, elements=st.integers(0, classes - 1)))


def sampled(temperature: float, n: int = 4000, classes: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """Labels drawn from softmax(scores / temperature): calibrated by construction."""
    rng = np.random.default_rng(0)
    scores = 3 * rng.standard_normal((n, classes))
    gumbel = rng.gumbel(size=scores.shape)
    return scores, (scores / temperature + gumbel).argmax(axis=1)


@given(scored(), st.floats(0.05, 20))
def test_nll_is_scipys_and_scikit_learns(world, temperature) -> None:
    scores, labels = world
    ours = nll(scores, labels, temperature)
    log_p = log_softmax(scores / temperature, axis=1)
    assert ours == pytest.approx(-log_p[np.arange(len(labels)), labels].mean(), abs=1e-10)
    if scores.shape[1] > 1 and (p := np.exp(log_p)).min() > 1e-12:
        assert ours == pytest.approx(log_loss(labels, p, labels=np.arange(scores.shape[1])), abs=1e-9)


@given(scored(), st.floats(0.05, 20), st.integers(1, 20))
def test_ece_by_loops(world, temperature, bins) -> None:
    scores, labels = world
    p = softmax(scores / temperature, axis=1)
    total = 0.0
    for b in range(1, bins + 1):
        edge = p.max(axis=1) * bins
        inside = [i for i in range(len(p)) if max(b - 1, 0) < edge[i] <= b]
        if inside:
            accuracy = np.mean([scores[i].argmax() == labels[i] for i in inside])
            total += len(inside) / len(p) * abs(accuracy - np.mean([p[i].max() for i in inside]))
    away_from_edges = (np.abs(edge - np.round(edge)) > 1e-9) | (edge == bins)
    if away_from_edges.all():
        assert ece(scores, labels, temperature, bins) == pytest.approx(total, abs=1e-12)


def test_ece_is_the_gap_between_confidence_and_accuracy() -> None:
    """Confidence 0.8 in four images of which one, two, three, four are right."""
    scores = np.tile([math.log(4), 0.0], (4, 1))
    for right in range(5):
        labels = (np.arange(4) >= right).astype(int)
        assert ece(scores, labels) == pytest.approx(abs(right / 4 - 0.8), abs=1e-12)


def test_bins_are_closed_on_the_right() -> None:
    """Confidences ½ (right) and ¾ (wrong): 2 bins keep them apart, ½ |1 − ½| + ½ |0 − ¾|, and 1 bin averages them."""
    scores, labels = np.array([[0.0, 0.0], [math.log(3), 0.0]]), np.array([0, 1])
    assert ece(scores, labels, bins=2) == pytest.approx(0.625, abs=1e-12)
    assert ece(scores, labels, bins=1) == pytest.approx(0.125, abs=1e-12)


def test_temperature_is_recovered_from_labels_drawn_with_it() -> None:
    """The standard error at n = 4000 is about 2 %."""
    for temperature in (0.5, 1.0, 4.0):
        assert best_temperature(*sampled(temperature)) == pytest.approx(temperature, rel=0.1)


@pytest.mark.parametrize("temperature", [0.3, 2.0])
def test_expected_score_equals_observed_score_at_the_best_temperature(temperature) -> None:
    """dNLL/d(1/T) = Σ_i (E_p[F(x_i, ·)] − F(x_i, y_i)) / n = 0."""
    scores, labels = sampled(temperature)
    p = softmax(scores / best_temperature(scores, labels), axis=1)
    own = scores[np.arange(len(labels)), labels]
    assert np.mean((p * scores).sum(axis=1) - own) == pytest.approx(0, abs=1e-6)


@given(scored())
@settings(max_examples=50)
def test_no_grid_beats_the_best_temperature(world) -> None:
    scores, labels = world
    best = best_temperature(scores, labels)
    scale = np.ptp(scores, axis=1).mean()
    assert 0 < best < math.inf
    grid = [nll(scores, labels, scale * 10.0**e) for e in np.linspace(-5, 4, 60)] if scale else [nll(scores, labels)]
    assert nll(scores, labels, best) <= min(grid) + 1e-6


@given(scored())
@settings(max_examples=50)
def test_no_grid_beats_the_best_temperature_of_sigmoids(world) -> None:
    scores, labels = world
    own = np.eye(scores.shape[1])[labels]
    scale = np.abs(scores).max(axis=1).mean()
    best = best_temperature(scores, labels, sigmoid=True)

    def of(temperature: float) -> float:
        z = scores / temperature
        return -float(np.where(own, log_expit(z), log_expit(-z)).sum(axis=1).mean())

    assert of(best) <= min([of(scale * 10.0**e) for e in np.linspace(-5, 4, 60)] if scale else [of(1)]) + 1e-5


@pytest.mark.parametrize("slope", [5e-324, 1e-200, 1e200])
def test_a_slope_that_vanishes_or_explodes_leaves_the_bracket(slope: float) -> None:
    """Newton's method runs away there, silently: the sign of the derivative at every β finds the minimum."""
    found = calibration._minimum(lambda beta: np.array([math.log(beta), slope, 1e200, -1e200]), 10.0)
    assert found == pytest.approx(1, rel=0.02)


def test_temperature_of_sigmoids_is_recovered_from_separate_outcomes() -> None:
    """The label is the outcome that came true, of images in which one did."""
    rng = np.random.default_rng(0)
    scores = 3 * rng.standard_normal((9000, 4)) - 2
    true = rng.random(scores.shape) < expit(scores / 2)
    one = true.sum(axis=1) == 1
    images = scores[one], true[one].argmax(axis=1)
    z = images[0] / best_temperature(*images, sigmoid=True)
    np.testing.assert_allclose((expit(z) * images[0]).sum(axis=1).mean(), images[0][true[one]].mean(), atol=1e-6)


def test_temperature_has_the_units_of_the_scores() -> None:
    scores, labels = sampled(1.0, n=500)
    for scale in (1e-200, 1e-6, 1e6, 1e200):
        assert best_temperature(scale * scores, labels) / scale == pytest.approx(
            best_temperature(scores, labels), rel=1e-6
        )
        assert ece(scale * scores, labels, scale) == pytest.approx(ece(scores, labels), abs=1e-9)


def test_temperature_lowers_nll_and_ece_of_overconfident_scores() -> None:
    scores, labels = sampled(5.0)
    best = best_temperature(scores, labels)
    assert nll(scores, labels, best) < nll(scores, labels)
    assert ece(scores, labels, best) < 0.05 < ece(scores, labels)


def test_adding_a_constant_per_image_changes_nothing() -> None:
    scores, labels = sampled(2.0, n=300)
    moved = scores + np.random.default_rng(1).integers(-9, 9, (300, 1))
    assert nll(moved, labels) == pytest.approx(nll(scores, labels), abs=1e-10)
    assert ece(moved, labels) == pytest.approx(ece(scores, labels), abs=1e-10)
    assert best_temperature(moved, labels) == pytest.approx(best_temperature(scores, labels), rel=1e-6)


def test_huge_scores_are_stable() -> None:
    scores, labels = 1e300 * np.array([[1.0, -1.0], [-1.0, 1.0]]), np.array([0, 0])
    assert nll(scores, labels) == 1e300
    assert ece(scores, labels) == 0.5
    assert ece(scores, labels, 1e-300) == 0.5
    assert 0 < best_temperature(scores, labels) < math.inf


def test_constant_rows_leave_the_temperature_at_1() -> None:
    assert best_temperature(np.ones((3, 4)), np.array([0, 1, 2])) == 1
    assert best_temperature(np.ones((2, 1)), np.array([0, 0])) == 1


def test_a_single_class_is_certain() -> None:
    scores, labels = np.array([[3.0], [-2.0]]), np.array([0, 0])
    assert (nll(scores, labels), ece(scores, labels)) == (0, 0)


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.inf, math.nan])
def test_no_temperature_is_refused(temperature) -> None:
    with pytest.raises(InputError, match="positive and finite"):
        ece(np.eye(2), np.array([0, 1]), temperature)


def test_no_bins_are_refused() -> None:
    with pytest.raises(InputError, match="0 bins"):
        ece(np.eye(2), np.array([0, 1]), bins=0)
