"""Accuracies against scikit-learn, sorting, and their laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import balanced_accuracy_score, top_k_accuracy_score

from tests.gathered import hits, ranks
from zsl.errors import InputError
from zsl.evaluation.accuracy import class_accuracies, mean_class_accuracy, sample_accuracy


@st.composite
def tied(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Scores of few distinct values, and labels."""
    n, classes = draw(st.integers(1, 20)), draw(st.integers(1, 8))
    scores = draw(arrays(np.float64, (n, classes), elements=st.integers(-2, 2)))
    return scores, draw(arrays(np.int64, n, elements=st.integers(0, classes - 1)))


@given(tied())
def test_rank_is_the_place_in_a_stable_sort(world) -> None:
    scores, labels = world
    order = [sorted(range(len(row)), key=lambda j, row=row: -row[j]) for row in scores]
    assert ranks(scores, labels).tolist() == [places.index(y) for places, y in zip(order, labels, strict=True)]


@given(tied())
def test_top_1_is_argmax(world) -> None:
    scores, labels = world
    assert (hits(scores, labels) == (scores.argmax(axis=1) == labels)).all()


@given(tied(), st.integers(1, 10))
def test_top_k_per_sample_is_scikit_learns_on_reversed_columns(world, k) -> None:
    """scikit-learn puts the highest column first among equals, and takes no matrix of one column, no k ≥ classes."""
    scores, labels = world
    classes = scores.shape[1]
    ours = sample_accuracy(hits(scores, labels, k))
    if k >= classes:
        assert ours == 100
    elif classes > 2:
        theirs = top_k_accuracy_score(classes - 1 - labels, scores[:, ::-1], k=k, labels=np.arange(classes))
        assert ours == pytest.approx(100 * theirs, abs=1e-10)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true", "ignore:A single label was found")
@given(tied())
def test_mean_class_accuracy_is_scikit_learns(world) -> None:
    scores, labels = world
    theirs = balanced_accuracy_score(labels, scores.argmax(axis=1))
    assert mean_class_accuracy(hits(scores, labels), labels) == pytest.approx(100 * theirs, abs=1e-10)


@given(tied(), st.integers(1, 8))
def test_class_accuracies_by_counting(world, k) -> None:
    scores, labels = world
    hit, classes = hits(scores, labels, k), scores.shape[1]
    for c, accuracy in enumerate(class_accuracies(hit, labels, classes)):
        own = [bool(h) for h, y in zip(hit, labels, strict=True) if y == c]
        assert np.isnan(accuracy) if not own else accuracy == pytest.approx(100 * sum(own) / len(own), abs=1e-10)


@given(tied())
def test_top_k_grows_with_k(world) -> None:
    scores, labels = world
    by_k = np.stack([hits(scores, labels, k) for k in range(1, scores.shape[1] + 1)])
    assert (by_k[:-1] <= by_k[1:]).all()
    assert by_k[-1].all()


@given(tied())
def test_increasing_functions_of_the_scores_change_nothing(world) -> None:
    scores, labels = world
    assert (ranks(np.exp(3 * scores) - 7, labels) == ranks(scores, labels)).all()


@given(st.data())
def test_order_of_images_and_classes_changes_nothing_without_ties(data) -> None:
    n, classes = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 6))
    scores = np.array(data.draw(st.permutations(range(n * classes))), dtype=float).reshape(n, classes)
    labels = data.draw(arrays(np.int64, n, elements=st.integers(0, classes - 1)))
    rows, columns = (np.array(data.draw(st.permutations(range(m)))) for m in (n, classes))
    moved, relabelled = scores[rows][:, columns], np.argsort(columns)[labels[rows]]
    for k in (1, 2):
        before, after = hits(scores, labels, k), hits(moved, relabelled, k)
        assert mean_class_accuracy(after, relabelled) == pytest.approx(mean_class_accuracy(before, labels), abs=1e-10)
        assert sample_accuracy(after) == pytest.approx(sample_accuracy(before), abs=1e-10)


def test_classes_of_different_size_count_the_same_per_class_and_not_per_sample() -> None:
    labels = np.array([0, 0, 0, 1])
    hit = np.array([True, True, True, False])
    assert mean_class_accuracy(hit, labels) == 50
    assert sample_accuracy(hit) == 75


def test_a_class_without_images_is_nan_and_left_out_of_the_mean() -> None:
    labels, hit = np.array([0, 2]), np.array([True, False])
    np.testing.assert_array_equal(class_accuracies(hit, labels, 4), [100, np.nan, 0, np.nan])
    assert mean_class_accuracy(hit, labels) == 50


def test_a_single_class_is_always_right() -> None:
    labels = np.zeros(3, dtype=int)
    assert mean_class_accuracy(hits(np.array([[0.0], [-1.0], [2.0]]), labels), labels) == 100


def test_all_scores_equal_answers_the_first_column() -> None:
    assert ranks(np.zeros((3, 3)), np.array([0, 1, 2])).tolist() == [0, 1, 2]


def test_nothing_to_average_is_refused() -> None:
    none = np.zeros(0, dtype=bool)
    for accuracy in (lambda: sample_accuracy(none), lambda: mean_class_accuracy(none, np.zeros(0, dtype=int))):
        with pytest.raises(InputError, match="no images"):
            accuracy()


def test_k_below_1_is_refused() -> None:
    with pytest.raises(InputError, match="k = 0"):
        hits(np.zeros((1, 2)), np.array([0]), 0)
