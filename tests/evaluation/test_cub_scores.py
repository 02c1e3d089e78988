"""Real scores: ESZSL on CUB, against reference values of an independent float64 implementation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from tests.gathered import seen_unseen_auroc, seen_unseen_curve, u_s_H
from zsl.evaluation.evaluate import Evaluation, ScoredImages, evaluate, oracle
from zsl.evaluation.gzsl import stacked


@pytest.fixture(scope="module")
def gzsl(data_root: Path) -> ScoredImages:
    names = ("eszsl_scores.npz", "cub_eszsl_scores.npz")
    path = next((path for name in names if (path := data_root / "CUB" / name).exists()), None)
    if path is None:
        pytest.skip(f"neither of {names} lies in {data_root / 'CUB'}")
    with np.load(path, allow_pickle=False) as stored:
        return ScoredImages(stored["scores"], stored["labels"], stored["seen_mask"])


@pytest.fixture(scope="module")
def evaluation(gzsl: ScoredImages) -> Evaluation:
    rows, columns = ~gzsl.of_seen_class, ~gzsl.seen
    labels = (np.cumsum(columns) - 1)[gzsl.labels[rows]]
    return evaluate(ScoredImages(gzsl.scores[np.ix_(rows, columns)], labels, gzsl.seen[columns]), gzsl)


@pytest.mark.parametrize(("name", "value"), [("T1", 57.0186), ("u", 16.5376), ("s", 64.5764), ("H", 26.3318)])
def test_accuracies_to_every_printed_digit(evaluation, name, value) -> None:
    assert evaluation.metrics[name] == pytest.approx(value, abs=5.1e-5)


@pytest.mark.parametrize(("name", "value"), [("AUSUC", 0.32895422518693473), ("AUSUC_per_sample", 0.3240373893631151)])
def test_ausuc(evaluation, name, value) -> None:
    assert evaluation.metrics[name] == pytest.approx(value, abs=1e-12)


def test_best_H_over_all_biases(gzsl) -> None:
    assert oracle(gzsl)["H†"] == pytest.approx(47.94, abs=5.1e-3)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_scikit_learn_agrees(gzsl, evaluation) -> None:
    of_seen, answers = gzsl.of_seen_class, gzsl.scores.argmax(axis=1)
    u = 100 * balanced_accuracy_score(gzsl.labels[~of_seen], answers[~of_seen])
    margin = gzsl.scores[:, gzsl.seen].max(axis=1) - gzsl.scores[:, ~gzsl.seen].max(axis=1)
    assert evaluation.metrics["u"] == pytest.approx(u, abs=1e-9)
    assert seen_unseen_auroc(gzsl.scores, gzsl.labels, gzsl.seen) == pytest.approx(
        roc_auc_score(of_seen, margin), abs=1e-12
    )


def test_the_curve_is_what_stacking_gives(gzsl) -> None:
    curve = seen_unseen_curve(gzsl.scores, gzsl.labels, gzsl.seen)
    for gamma in np.linspace(-0.05, 0.1, 7):
        u, s, H = (float(value) for value in curve.at(gamma))
        metrics = u_s_H(stacked(gzsl.scores, gzsl.seen, gamma), gzsl.labels, gzsl.seen)
        assert metrics == pytest.approx({"u": u, "s": s, "H": H}, abs=1e-9)


def test_corners_are_fewer_and_lose_nothing(evaluation) -> None:
    u, s, gamma = evaluation.curve.corners()
    assert len(u) == len(gamma) < len(evaluation.curve.u) / 3
    assert np.trapezoid(s, u) / 1e4 == pytest.approx(evaluation.metrics["AUSUC"], abs=1e-12)
