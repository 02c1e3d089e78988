"""Multi-label metrics, against scikit-learn and slow computations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zsl.errors import InputError
from zsl.evaluation import multilabel
from zsl.evaluation.multilabel import (
    LabelledScores,
    best_threshold,
    f1,
    interval,
    mcc,
    mean_of_defined,
    pair_log_odds,
    probability,
    sigmoid_log_odds,
    thresholds_of,
)


@st.composite
def worlds(draw: st.DrawFn) -> LabelledScores:
    n, c = draw(st.integers(1, 10)), draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return LabelledScores(rng.integers(-3, 4, (n, c)) / 2, rng.random((n, c)) < draw(st.floats(0, 1)))


@given(worlds())
def test_metrics_of_a_class_are_those_of_scikit_learn(world: LabelledScores) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    thresholds = np.full(world.scores.shape[1], 0.5)
    found = world.metrics(thresholds)
    for j, (s, y) in enumerate(zip(world.scores.T, world.labels.T, strict=True)):
        both, some = 0 < y.sum() < len(y), y.any()
        assert np.isnan(found["AUROC"][j]) != both
        assert np.isnan(found["AP"][j]) != some
        if both:
            assert found["AUROC"][j] == pytest.approx(metrics.roc_auc_score(y, s))
        if some:
            assert found["AP"][j] == pytest.approx(metrics.average_precision_score(y, s))
            assert found["F1"][j] == pytest.approx(metrics.f1_score(y, s >= 0.5))
        if both and 0 < (s >= 0.5).sum() < len(s):
            assert found["MCC"][j] == pytest.approx(metrics.matthews_corrcoef(y, s >= 0.5))
        elif not both:
            assert np.isnan(found["MCC"][j])


@given(worlds(), st.integers(0, 100))
def test_a_bootstrap_draw_is_the_metric_of_the_images_drawn(world: LabelledScores, seed: int) -> None:
    n, c = world.scores.shape
    thresholds = np.zeros(c)
    drawn = world.bootstrap(thresholds, draws=3, seed=seed)
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), 3)
    for i, count in enumerate(counts):
        rows = np.repeat(np.arange(n), count)
        sample = LabelledScores(world.scores[rows], world.labels[rows]).metrics(thresholds)
        for name, values in sample.items():
            np.testing.assert_allclose(drawn[name][i], values)


def test_draws_do_not_depend_on_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    world = LabelledScores(rng.normal(size=(40, 3)), rng.random((40, 3)) < 0.4)
    whole = world.bootstrap(draws=20)
    monkeypatch.setattr(multilabel, "DRAWS", 3 * 40)
    for name, values in world.bootstrap(draws=20).items():
        np.testing.assert_array_equal(values, whole[name])


def test_intervals_cover_the_area_of_a_known_world() -> None:
    """F⁺ ~ N(1, 1), F⁻ ~ N(0, 1): AUROC = Φ(1/√2) = 0.7602; 95 % intervals of 60 samples cover it 51 times or more."""
    covered = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        y = rng.random(200) < 0.5
        low, high = interval(
            LabelledScores((y + rng.normal(size=200))[:, None], y[:, None]).bootstrap(draws=200)["AUROC"]
        )
        covered += bool(low[0] <= 0.7602 <= high[0])
    assert covered >= 51


@given(worlds(), st.sampled_from(["mcc", "f1"]))
def test_no_threshold_beats_the_best_one(world: LabelledScores, criterion: str) -> None:
    s, y = world.scores[:, 0], world.labels[:, 0]

    def value(t: float) -> float:
        a = s >= t
        cells = [np.array(float((p & q).sum())) for p, q in ((a, y), (a, ~y), (~a, y), (~a, ~y))]
        return float(f1(*cells[:3]) if criterion == "f1" else mcc(*cells))

    best = best_threshold(s, y, criterion)
    others = [v for t in [*s, *(s + 0.1), *(s - 0.1)] if not np.isnan(v := value(t))]
    if np.isinf(best):
        assert not y.any() or criterion == "mcc"
    else:
        assert value(best) == pytest.approx(max(others))


def test_thresholds_of_unseen_classes_read_no_label_of_theirs() -> None:
    rng = np.random.default_rng(0)
    scores, labels, seen = rng.normal(size=(50, 6)), rng.random((50, 6)) < 0.3, np.arange(6) < 4
    found = thresholds_of(LabelledScores(scores, labels), seen)
    other = labels.copy()
    other[:, ~seen] = ~other[:, ~seen]
    np.testing.assert_array_equal(found, thresholds_of(LabelledScores(scores, other), seen))
    assert found[4] == found[5] == best_threshold(scores[:, :4].ravel(), labels[:, :4].ravel())
    assert found[1] == best_threshold(scores[:, 1], labels[:, 1])
    with pytest.raises(InputError, match="no class is seen"):
        thresholds_of(LabelledScores(scores, labels), np.zeros(6, bool))


def test_a_class_without_both_outcomes_is_left_out_of_the_mean_not_zeroed() -> None:
    labels = np.array([[1, 0, 1], [0, 0, 1]])
    found = LabelledScores(np.array([[2.0, 1, 0], [1, 2, 1]]), labels).metrics()
    assert np.isnan(found["AUROC"]).tolist() == [False, True, True]
    assert mean_of_defined(found["AUROC"]) == 1
    assert np.isnan(mean_of_defined(np.array([np.nan])))


def unit(rng: np.random.Generator, n: int) -> np.ndarray:
    x = rng.normal(size=(n, 6))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_pairs_are_the_softmax_of_two_prompts(scale: float) -> None:
    rng = np.random.default_rng(0)
    x, yes, no = unit(rng, 7), unit(rng, 3), unit(rng, 3)
    a, b = np.exp(scale * x @ yes.T), np.exp(scale * x @ no.T)
    np.testing.assert_allclose(probability(pair_log_odds(x, yes, no, scale)), a / (a + b))
    if scale == 1:  # |cos⁺ − cos⁻| ≤ 2
        assert np.abs(probability(pair_log_odds(x, yes, no)) - 0.5).max() <= 1 / (1 + np.exp(-2)) - 0.5


def test_the_temperature_of_pairs_changes_no_area() -> None:
    rng = np.random.default_rng(1)
    x, yes, no, labels = unit(rng, 60), unit(rng, 3), unit(rng, 3), rng.random((60, 3)) < 0.5
    one, two = (LabelledScores(pair_log_odds(x, yes, no, s), labels).metrics() for s in (1.0, 128.0))
    np.testing.assert_array_equal(one["AUROC"], two["AUROC"])
    np.testing.assert_array_equal(one["AP"], two["AP"])


def test_sigmoid_scores_are_of_each_class_alone() -> None:
    rng = np.random.default_rng(2)
    x, texts = unit(rng, 5), unit(rng, 4)
    found = sigmoid_log_odds(x, texts, 10.0, -10.0)
    np.testing.assert_allclose(probability(found), 1 / (1 + np.exp(-(10 * x @ texts.T - 10))))
    np.testing.assert_allclose(found[:, :2], sigmoid_log_odds(x, texts[:2], 10.0, -10.0))
    assert probability(np.array([-np.inf, -1e6, 0, 1e6, np.inf])).tolist() == [0, 0, 0.5, 1, 1]


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        (np.zeros((2, 3)), np.zeros((2, 2)), "labels: shape"),
        (np.zeros((2, 3)), np.full((2, 3), -1), "other values than 0 and 1"),
        (np.full((2, 3), np.nan), np.zeros((2, 3)), "NaN"),
    ],
)
def test_a_mistake_is_one_line(scores: np.ndarray, labels: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        LabelledScores(scores, labels)
