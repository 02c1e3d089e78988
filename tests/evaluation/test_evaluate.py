"""The whole evaluation: names, what is absent, calibration, and the oracle."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.gathered import best_temperature, ece, k_occurrence, nll, u_s_H
from zsl.errors import InputError
from zsl.evaluation.evaluate import Calibration, ScoredImages, calibrate, evaluate, oracle
from zsl.evaluation.gzsl import stacked
from zsl.evaluation.hubness import skewness


def confidence(*suffixes: str) -> set[str]:
    return {f"{name}_{suffix}" for name in ("ECE", "NLL", "Brier", "AURC") for suffix in suffixes}


ZSL_NAMES = {"T1", "T1_per_sample", "T5", "T5_per_sample", "N1_skewness"} | confidence("ZSL")
UNSEEN_NAMES = {"u", "u_split", "u_per_sample", "u_top5", "u_top5_per_sample"} | confidence("GZSL", "u")
SEEN_NAMES = {"s", "s_split", "s_per_sample", "s_top5", "s_top5_per_sample"} | confidence("s")
SEEN_NAMES |= {"H", "H_split", "H_per_sample", "AUSUC", "AUSUC_per_sample", "AUROC"}
CALIBRATED_NAMES = {"u_calibrated", "s_calibrated", "H_calibrated"}
CALIBRATED_NAMES |= confidence("calibrated", "u_calibrated", "s_calibrated")


def gaussian(seed: int, n: int = 300, classes: int = 18) -> ScoredImages:
    """Scores with a bias towards seen classes; a third of the classes is unseen."""
    rng = np.random.default_rng(seed)
    seen = rng.permutation(np.arange(classes) < 2 * classes // 3)
    labels = rng.permutation(np.arange(n) % classes)
    return ScoredImages(rng.standard_normal((n, classes)) + 1.5 * np.eye(classes)[labels] + seen, labels, seen)


def unseen_part(gzsl: ScoredImages) -> ScoredImages:
    """Unseen images × unseen classes, for scores that do not depend on what else may be answered."""
    rows, columns = ~gzsl.of_seen_class, ~gzsl.seen
    position = np.cumsum(columns) - 1
    return ScoredImages(gzsl.scores[np.ix_(rows, columns)], position[gzsl.labels[rows]], gzsl.seen[columns])


def take(images: ScoredImages, rows: np.ndarray) -> ScoredImages:
    return ScoredImages(images.scores[rows], images.labels[rows], images.seen)


def all_floats(metrics: dict[str, float]) -> bool:
    return all(type(value) is float and math.isfinite(value) for value in metrics.values())


@pytest.fixture
def gzsl() -> ScoredImages:
    return gaussian(0)


def test_every_metric_has_its_name_and_is_a_finite_float(gzsl) -> None:
    evaluation = evaluate(unseen_part(gzsl), gzsl, calibration=calibrate(gaussian(1)))
    assert set(evaluation.metrics) == ZSL_NAMES | UNSEEN_NAMES | SEEN_NAMES | CALIBRATED_NAMES
    assert all_floats(evaluation.metrics)
    assert evaluation.curve is not None


def test_per_class_accuracies_average_to_the_metrics(gzsl) -> None:
    evaluation = evaluate(unseen_part(gzsl), gzsl)
    assert set(evaluation.per_class) == {"T1", "u", "s"}
    assert [len(evaluation.per_class[name]) for name in ("T1", "u", "s")] == [6, 6, 12]
    for name, accuracies in evaluation.per_class.items():
        assert evaluation.metrics[name] == pytest.approx(np.nanmean(accuracies), abs=1e-10)


def test_curve_passes_through_u_s_H_and_the_calibrated_point(gzsl) -> None:
    calibration = calibrate(gaussian(1))
    evaluation = evaluate(unseen_part(gzsl), gzsl, calibration=calibration)
    for gamma, suffix in ((0.0, ""), (calibration.gamma, "_calibrated")):
        at = [float(value) for value in evaluation.curve.at(gamma)]
        assert at == pytest.approx([evaluation.metrics[name + suffix] for name in ("u", "s", "H")], abs=1e-10)


def test_all_unseen_answers_are_T1(gzsl) -> None:
    """Beyond every breakpoint GZSL is ZSL."""
    evaluation = evaluate(unseen_part(gzsl), gzsl, calibration=Calibration(gamma=1e6))
    assert evaluation.metrics["u_calibrated"] == pytest.approx(evaluation.metrics["T1"], abs=1e-10)
    assert evaluation.curve.u[-1] == pytest.approx(evaluation.metrics["T1"], abs=1e-10)
    assert (evaluation.metrics["s_calibrated"], evaluation.metrics["H_calibrated"]) == (0, 0)


def test_neutral_calibration_changes_nothing(gzsl) -> None:
    metrics = evaluate(unseen_part(gzsl), gzsl, calibration=Calibration(gamma=0, temperature=1)).metrics
    for name, plain in (("u", "u"), ("s", "s"), ("H", "H"), ("ECE", "ECE_GZSL")):
        assert metrics[f"{name}_calibrated"] == metrics[plain]


def test_calibration_comes_from_validation_and_helps_there() -> None:
    validation = gaussian(1)
    calibration = calibrate(validation)
    biased = stacked(validation.scores, validation.seen, calibration.gamma)
    before = u_s_H(validation.scores, validation.labels, validation.seen)["H"]
    assert u_s_H(biased, validation.labels, validation.seen)["H"] > before
    assert calibration.temperature == best_temperature(biased, validation.labels)
    assert nll(biased, validation.labels, calibration.temperature) < nll(validation.scores, validation.labels)


def test_calibration_carries_over_to_test_scores(gzsl) -> None:
    calibration = calibrate(gaussian(1))
    metrics = evaluate(unseen_part(gzsl), gzsl, calibration=calibration).metrics
    assert metrics["H_calibrated"] > metrics["H"]
    biased = stacked(gzsl.scores, gzsl.seen, calibration.gamma)
    assert metrics["ECE_calibrated"] == ece(biased, gzsl.labels, calibration.temperature)


def test_oracle_bounds_every_bias_and_is_marked(gzsl) -> None:
    found = oracle(gzsl)
    assert list(found) == ["u†", "s†", "H†"]
    assert all_floats(found)
    assert found["H†"] == pytest.approx(2 * found["u†"] * found["s†"] / (found["u†"] + found["s†"]))
    for gamma in (0.0, 0.5, 1.0, calibrate(gaussian(1)).gamma):
        metrics = evaluate(unseen_part(gzsl), gzsl, calibration=Calibration(gamma)).metrics
        assert metrics["H_calibrated"] <= found["H†"] + 1e-10
    assert not any("†" in name for name in metrics)


def test_zsl_alone(gzsl) -> None:
    zsl = unseen_part(gzsl)
    evaluation = evaluate(zsl)
    assert set(evaluation.metrics) == ZSL_NAMES
    assert set(evaluation.per_class) == {"T1"}
    assert evaluation.curve is None
    assert evaluation.metrics["N1_skewness"] == skewness(k_occurrence(zsl.scores, 1))
    assert evaluation.metrics["ECE_ZSL"] == ece(zsl.scores, zsl.labels)


def test_without_seen_test_images_what_needs_them_is_absent(gzsl) -> None:
    only_unseen = take(gzsl, ~gzsl.of_seen_class)
    evaluation = evaluate(unseen_part(gzsl), only_unseen, calibration=Calibration(gamma=0.5))
    assert set(evaluation.metrics) == ZSL_NAMES | UNSEEN_NAMES | {"u_calibrated"} | confidence(
        "calibrated", "u_calibrated"
    )
    assert set(evaluation.per_class) == {"T1", "u"}
    assert evaluation.curve is None
    assert evaluation.metrics["u"] == evaluate(unseen_part(gzsl), gzsl).metrics["u"]


def test_an_all_unseen_label_space_has_u_equal_to_T1(gzsl) -> None:
    zsl = unseen_part(gzsl)
    metrics = evaluate(zsl, zsl).metrics
    assert set(metrics) == ZSL_NAMES | UNSEEN_NAMES
    assert (metrics["u"], metrics["ECE_GZSL"]) == (metrics["T1"], metrics["ECE_ZSL"])


def test_top_k_is_named_by_k_and_100_where_k_reaches_the_number_of_classes(gzsl) -> None:
    metrics = evaluate(unseen_part(gzsl), top_k=(1, 2, 6, 9)).metrics
    assert metrics["T1"] < metrics["T2"] < metrics["T6"] == metrics["T9"] == 100
    assert "T5" not in metrics


def test_order_of_images_and_classes_changes_no_metric(gzsl) -> None:
    rng = np.random.default_rng(5)
    rows, columns = (rng.permutation(size) for size in gzsl.scores.shape)
    moved = ScoredImages(gzsl.scores[rows][:, columns], np.argsort(columns)[gzsl.labels[rows]], gzsl.seen[columns])
    calibration = Calibration(gamma=0.7, temperature=0.8)
    before = evaluate(unseen_part(gzsl), gzsl, calibration=calibration).metrics
    assert evaluate(unseen_part(moved), moved, calibration=calibration).metrics == pytest.approx(before, abs=1e-9)


def test_a_class_without_test_images_counts_nowhere(gzsl) -> None:
    gone = int(np.flatnonzero(~gzsl.seen)[0])
    fewer = take(gzsl, gzsl.labels != gone)
    evaluation = evaluate(unseen_part(fewer), fewer)
    assert np.isnan(evaluation.per_class["u"][0])
    assert np.isnan(evaluation.per_class["T1"][0])
    assert all_floats(evaluation.metrics)
    assert evaluation.metrics["u"] == pytest.approx(np.nanmean(evaluation.per_class["u"]), abs=1e-10)


def test_one_class_and_one_image_of_each_kind() -> None:
    gzsl = ScoredImages(np.eye(2), np.array([0, 1]), np.array([True, False]))
    metrics = evaluate(unseen_part(gzsl), gzsl, calibration=calibrate(gzsl)).metrics
    assert all_floats(metrics)
    assert (metrics["T1"], metrics["H"], metrics["AUSUC"], metrics["N1_skewness"], metrics["ECE_ZSL"]) == (
        100,
        100,
        1,
        0,
        0,
    )


def test_nothing_right_is_0_throughout() -> None:
    scores = np.array([[0.0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]])
    gzsl = ScoredImages(scores, np.arange(4), np.array([True, True, False, False]))
    metrics = evaluate(unseen_part(gzsl), gzsl, calibration=calibrate(gzsl)).metrics
    assert all_floats(metrics)
    zeros = ("T1", "u", "s", "H", "H_per_sample", "AUSUC", "AUSUC_per_sample", "H_calibrated")
    assert [metrics[name] for name in zeros] == [0] * len(zeros)
    assert oracle(gzsl)["H†"] == 0


def test_matrices_that_do_not_belong_together_are_refused(gzsl) -> None:
    zsl = unseen_part(gzsl)
    with pytest.raises(InputError, match="12 of 18 columns are of seen classes"):
        evaluate(gzsl, gzsl)
    with pytest.raises(InputError, match="ZSL has 50 images and 6 classes, but GZSL 100 images and 6 classes"):
        evaluate(take(zsl, np.arange(50)), gzsl)
    with pytest.raises(InputError, match=r"top_k: \(5, 0\)"):
        evaluate(zsl, top_k=(5, 0))
    with pytest.raises(InputError, match="no GZSL scores"):
        evaluate(zsl, calibration=Calibration(0.1))


@pytest.mark.parametrize(("gamma", "temperature"), [(math.nan, 1), (math.inf, 1), (0, 0), (0, -1), (0, math.nan)])
def test_calibrations_that_are_none_are_refused(gamma, temperature) -> None:
    with pytest.raises(InputError, match="must be"):
        Calibration(gamma, temperature)


def test_calibrating_without_seen_images_is_refused(gzsl) -> None:
    with pytest.raises(InputError, match="of both kinds"):
        calibrate(take(gzsl, ~gzsl.of_seen_class))
