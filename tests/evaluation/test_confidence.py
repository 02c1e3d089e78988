"""NLL, Brier score and risk–coverage, against slow computations; refusal by group."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, log_expit, log_softmax, softmax

import zsl
from tests.gathered import statistics
from zsl.evaluation.confidence import aurc, risk_coverage, risks, threshold
from zsl.evaluation.evaluate import Calibration, ScoredImages, evaluate
from zsl.evaluation.refusal import refusal
from zsl.evaluation.statistics import gather


@st.composite
def worlds(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n, c = draw(st.integers(1, 9)), draw(st.integers(2, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.integers(-3, 4, (n, c)) * draw(st.floats(0.01, 30)), rng.integers(0, c, n), rng.random(c) < 0.5


@given(worlds(), st.floats(-2, 2), st.floats(0.1, 10))
def test_probabilities_are_those_of_the_softmax(world: tuple, gamma: float, temperature: float) -> None:
    scores, labels, seen = world
    found = statistics(scores, labels, seen, gamma=gamma, temperature=temperature)
    assert found.calibrated is not None
    rows = np.arange(len(labels))
    for got, z in ((found.probabilities, scores), (found.calibrated, (scores - gamma * seen) / temperature)):
        p = softmax(z, axis=1)
        np.testing.assert_allclose(got.confidence, p.max(axis=1))
        np.testing.assert_allclose(got.nll, -log_softmax(z, axis=1)[rows, labels], atol=1e-9)
        np.testing.assert_allclose(got.brier, ((p - np.eye(p.shape[1])[labels]) ** 2).sum(axis=1), atol=1e-9)


@given(worlds(), st.floats(-2, 2), st.floats(0.1, 10))
def test_sigmoids_are_probabilities_of_separate_outcomes(world: tuple, gamma: float, temperature: float) -> None:
    scores, labels, seen = world
    images = ScoredImages(scores, labels, seen, sigmoid=True)
    found = gather(images, gamma=gamma, temperature=temperature)
    assert found.calibrated is not None
    own = np.eye(scores.shape[1])[labels]
    for got, z in ((found.probabilities, scores), (found.calibrated, (scores - gamma * seen) / temperature)):
        p = expit(z)
        np.testing.assert_allclose(got.confidence, p.max(axis=1))
        outcomes = np.where(own, -log_expit(z), -log_expit(-z))
        np.testing.assert_allclose(got.nll, outcomes.sum(axis=1), atol=1e-7)
        np.testing.assert_allclose(got.brier, ((p - own) ** 2).sum(axis=1), atol=1e-9)
    asked = refusal(images, np.ones_like(seen), Calibration(gamma, temperature)).images.calibrated
    assert asked is not None
    np.testing.assert_array_equal(asked.nll, found.calibrated.nll)


@given(st.lists(st.tuples(st.integers(1, 4), st.booleans()), min_size=1, max_size=7), st.integers(0, 1000))
def test_risks_are_means_over_orders_of_equal_confidences(images: list[tuple[int, bool]], seed: int) -> None:
    confidence, right = np.array([c / 4 for c, _ in images]), np.array([r for _, r in images])
    rng, drawn = np.random.default_rng(seed), []
    for _ in range(400):
        order = np.lexsort((rng.random(len(right)), -confidence))
        drawn.append(np.cumsum(~right[order]) / np.arange(1, len(right) + 1))
    np.testing.assert_allclose(risks(confidence, right), np.mean(drawn, axis=0), atol=0.12)
    assert risks(confidence, right)[-1] == pytest.approx(np.mean(~right))
    assert aurc(confidence, right) == pytest.approx(risks(confidence, right).mean())


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=1, max_size=12), st.floats(1e-6, 1))
def test_a_curve_ends_in_the_error_and_its_mean_is_the_area(images: list[tuple[int, bool]], asked: float) -> None:
    confidence, right = np.array([c / 4 for c, _ in images]), np.array([r for _, r in images])
    curve = risk_coverage(confidence, right)
    assert (np.diff(curve.coverage) > 0).all()
    assert curve.coverage[-1] == 1
    assert curve.area == aurc(confidence, right)
    assert curve.at(1.0) == curve.risk[-1] == pytest.approx(1 - right.mean())
    np.testing.assert_array_equal(curve.at(curve.coverage), curve.risk)
    wrong = curve.risk * np.arange(1, len(right) + 1)  # expected numbers of wrong answers, of which none is taken back
    assert (np.diff(wrong, prepend=0) >= -1e-9).all()
    assert curve.at(asked) == curve.risk[np.flatnonzero(curve.coverage >= asked - 1e-9)[0]]


def test_a_coverage_is_a_share() -> None:
    curve = risk_coverage(np.array([0.5, 0.4]), np.array([True, False]))
    for coverage in (0.0, 1.1, float("nan")):
        with pytest.raises(zsl.InputError, match="coverage"):
            curve.at(coverage)
    with pytest.raises(zsl.InputError, match="no image"):
        risk_coverage(np.zeros(0), np.zeros(0, bool))


def test_confidence_in_the_right_answers_lowers_the_area_and_order_is_all_that_counts() -> None:
    right = np.array([True, True, False, False])
    confidence = np.array([0.9, 0.8, 0.7, 0.6])
    assert aurc(confidence, right) == pytest.approx((0 + 0 + 1 / 3 + 1 / 2) / 4)
    assert aurc(confidence**3, right) == pytest.approx(aurc(confidence, right))
    assert aurc(-confidence, right) == pytest.approx((1 + 1 + 2 / 3 + 1 / 2) / 4)


@given(st.lists(st.tuples(st.integers(1, 5), st.booleans()), min_size=1, max_size=9), st.floats(0, 1))
def test_a_threshold_keeps_the_risk_and_no_lower_one_does(images: list[tuple[int, bool]], risk: float) -> None:
    confidence, right = np.array([c / 5 for c, _ in images]), np.array([r for _, r in images])
    found = threshold(confidence, right, risk)
    allowed = [t for t in set(confidence) if np.mean(~right[confidence >= t]) <= risk]
    assert found == min(allowed, default=np.inf)


@pytest.mark.parametrize("risk", [-0.1, 1.1, float("nan")])
def test_a_risk_is_a_share(risk: float) -> None:
    with pytest.raises(zsl.InputError, match="threshold"):
        threshold(np.ones(2), np.ones(2, bool), risk)


def gaussian(seed: int) -> zsl.Scores:
    rng = np.random.default_rng(seed)
    labels = np.arange(200) % 10
    return zsl.Scores(
        3 * np.eye(10)[labels] + rng.normal(size=(200, 10)), labels, list("abcdefghij"), np.arange(10) < 6
    )


def test_groups_are_evaluated_apart_and_weigh_up_to_all() -> None:
    scores = gaussian(0)
    images = scores.images
    metrics = evaluate(
        ScoredImages(scores.matrix[scores.labels >= 6, 6:], scores.labels[scores.labels >= 6] - 6, np.zeros(4, bool)),
        images,
        calibration=Calibration(0.5, 0.7),
    ).metrics
    for name in ("NLL", "Brier"):
        assert 0.4 * metrics[f"{name}_u"] + 0.6 * metrics[f"{name}_s"] == pytest.approx(metrics[f"{name}_GZSL"])
        both = 0.4 * metrics[f"{name}_u_calibrated"] + 0.6 * metrics[f"{name}_s_calibrated"]
        assert both == pytest.approx(metrics[f"{name}_calibrated"])


def test_refusal_of_all_classes_is_the_evaluation() -> None:
    scores = gaussian(1)
    every = evaluate(ScoredImages(scores.matrix[:1, 6:], np.array([0]), np.zeros(4, bool)), None).metrics
    assert every["T1"] in (0, 100)
    found = scores.refusal(gamma=0.3, temperature=2.0).metrics()
    p = softmax((scores.matrix - 0.3 * (np.arange(10) < 6)) / 2, axis=1)
    for name, group in (("all", slice(None)), ("seen", scores.of_seen), ("unseen", ~scores.of_seen)):
        own = p[np.arange(200), scores.labels][group]
        assert found[name]["NLL"] == pytest.approx(-np.log(own).mean())
        assert found[name]["coverage"] == 1
        assert found[name]["risk"] == pytest.approx(np.mean(p.argmax(axis=1)[group] != scores.labels[group]))
    assert "off-list" not in found


def test_images_of_unlisted_classes_are_off_list_and_always_wrong() -> None:
    scores = gaussian(2)
    asked = scores.refusal(list("abcdefgh"))  # i and j are off-list
    found = asked.metrics(0.9)
    p = softmax(scores.matrix[:, :8], axis=1)
    off = scores.labels >= 8
    assert found["off-list"]["images"] == off.sum() == 40
    assert found["off-list"]["ECE"] == pytest.approx(p[off].max(axis=1).mean())
    assert found["off-list"]["coverage"] == pytest.approx(np.mean(p[off].max(axis=1) >= 0.9))
    assert found["off-list"].get("risk", 1.0) == 1
    assert {"NLL", "Brier"} & (set(found["off-list"]) | set(found["all"])) == set()
    assert found["off-list"]["coverage"] < found["seen"]["coverage"]
    curves = asked.curves()
    assert curves.keys() == found.keys()
    assert (curves["off-list"].risk == 1).all()
    for name, curve in curves.items():
        assert curve.area == found[name]["AURC"]


def test_a_threshold_of_validation_scores_carries_over() -> None:
    least = gaussian(3).refusal().threshold(0.02)
    found = gaussian(4).refusal().metrics(least)["all"]
    assert found["risk"] < 0.06
    assert 0.3 < found["coverage"] < 1
    everything = gaussian(4).refusal().metrics()["all"]
    assert everything["coverage"] == 1
    assert everything["risk"] > found["risk"]


def test_a_mistake_is_one_line() -> None:
    for listed, message in ((["x"], "listed: 'x'"), ([], "listed")):
        with pytest.raises(zsl.InputError, match=message):
            gaussian(0).refusal(listed)
