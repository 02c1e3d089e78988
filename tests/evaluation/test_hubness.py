"""k-occurrence and skewness against sorting, scipy, exact neighbours, and published values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial import cKDTree
from scipy.stats import skew

from tests.gathered import bad_k_occurrence, k_occurrence
from zsl.errors import InputError
from zsl.evaluation.hubness import antihubs, bad_hubs, hubs, robin_hood, skewness

matrices = st.tuples(st.integers(1, 15), st.integers(1, 8)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.integers(-2, 2))
)


@given(matrices, st.data())
def test_k_occurrence_by_a_stable_sort(scores, data) -> None:
    classes = scores.shape[1]
    k = data.draw(st.integers(1, classes))
    expected = [0] * classes
    for row in scores:
        for j in sorted(range(classes), key=lambda j, row=row: -row[j])[:k]:
            expected[j] += 1
    occurrence = k_occurrence(scores, k)
    assert occurrence.tolist() == expected
    assert occurrence.sum() == len(scores) * k


@given(matrices)
def test_first_occurrence_counts_answers_and_k_of_all_is_constant(scores) -> None:
    n, classes = scores.shape
    assert (k_occurrence(scores, 1) == np.bincount(scores.argmax(axis=1), minlength=classes)).all()
    assert (k_occurrence(scores, classes) == n).all()
    assert skewness(k_occurrence(scores, classes)) == 0


@given(matrices, st.integers(0, 15))
def test_chunks_add_up(scores, cut) -> None:
    parts = [part for part in (scores[:cut], scores[cut:]) if len(part)]
    assert (sum(k_occurrence(part, 1) for part in parts) == k_occurrence(scores, 1)).all()


@given(arrays(np.int64, st.integers(2, 30), elements=st.integers(0, 50)))
def test_skewness_is_scipys_and_0_where_constant(occurrence) -> None:
    expected = skew(occurrence.astype(float)) if np.ptp(occurrence) else 0
    assert skewness(occurrence) == pytest.approx(expected, abs=1e-9)


def test_one_hub_is_skewed_and_one_orphan_the_other_way() -> None:
    """(m, 0, …, 0) over C classes has skewness (C − 2) / √(C − 1)."""
    assert skewness(np.array([7, 0, 0, 0, 0])) == pytest.approx(3 / 2)
    assert skewness(np.array([0, 7, 7, 7, 7])) == pytest.approx(-3 / 2)


def test_k_and_counts_that_make_no_sense_are_refused() -> None:
    for k in (0, 4):
        with pytest.raises(InputError, match="give 1 ≤ k ≤ 3"):
            k_occurrence(np.zeros((2, 3)), k)
    with pytest.raises(InputError, match="no classes"):
        skewness(np.zeros(0))


@given(matrices, st.data())
def test_bad_occurrences_are_those_of_other_classes(scores, data) -> None:
    n, classes = scores.shape
    k = data.draw(st.integers(1, classes))
    labels = np.array(data.draw(st.lists(st.integers(0, classes - 1), min_size=n, max_size=n)))
    expected = [0] * classes
    for row, label in zip(scores, labels, strict=True):
        for j in sorted(range(classes), key=lambda j, row=row: -row[j])[:k]:
            expected[j] += j != label
    bad = bad_k_occurrence(scores, labels, k)
    assert bad.tolist() == expected
    right = scores.argmax(axis=1) == labels
    assert bad_k_occurrence(scores, labels, 1).sum() == n - right.sum()


@given(arrays(np.int64, st.integers(1, 30), elements=st.integers(0, 50)))
def test_robin_hood_takes_from_the_rich_until_all_are_equal(occurrence) -> None:
    """Whole units are moved one by one, after every count was multiplied so that the mean is whole."""
    counts = [int(count) * len(occurrence) for count in occurrence]
    mean, moved = sum(occurrence), 0
    while max(counts) > mean:
        give = min(max(counts) - mean, mean - min(counts))
        rich, poor = counts.index(max(counts)), counts.index(min(counts))
        counts[rich], counts[poor], moved = counts[rich] - give, counts[poor] + give, moved + give
    assert robin_hood(occurrence) == pytest.approx(moved / max(sum(counts), 1))


def test_hubs_bad_hubs_and_antihubs_by_hand() -> None:
    """The mean is 4: a hub has more than 8, and is bad where more than half of it is."""
    N, bad = np.array([0, 8, 9, 10, 0, 1, 0]), np.array([0, 8, 5, 5, 0, 1, 0])
    assert N.mean() == 4
    assert hubs(N).tolist() == [False, False, True, True, False, False, False]
    assert bad_hubs(N, bad).tolist() == [False, False, True, False, False, False, False]
    assert antihubs(N).tolist() == [True, False, False, False, True, False, True]
    assert robin_hood(np.array([5, 0, 0, 0])) == 0.75


def test_even_answers_have_no_hubs() -> None:
    for occurrence in (np.full(5, 3), np.zeros(5, dtype=int)):
        assert robin_hood(occurrence) == skewness(occurrence) == 0
        assert not hubs(occurrence).any()


@pytest.mark.parametrize("measure", [robin_hood, hubs, antihubs])
def test_nothing_is_said_of_no_classes(measure) -> None:
    with pytest.raises(InputError, match="no classes; give at least one count"):
        measure(np.zeros(0))


# --- Radovanović et al. (2010), footnote 5: N_5 of the Euclidean 5-neighbour graph of 10,000 iid points ---------------

N, K = 10_000, 5
Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]


def uniform(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return rng.random(shape, dtype=np.float32)


def normal(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return rng.standard_normal(shape, dtype=np.float32)


def occurrence_among_points(points: np.ndarray, rows: int = 1000) -> np.ndarray:
    """Return N_5 of random points, computed a thousand rows of 2⟨x, y⟩ − |y|² = |x|² − |x − y|² at a time."""
    squares, total = (points**2).sum(axis=1), np.zeros(len(points), dtype=np.int64)
    for start in range(0, len(points), rows):
        scores = 2 * points[start : start + rows] @ points.T - squares
        i = np.arange(len(scores))
        scores[i, start + i] = -1e30
        total += k_occurrence(scores, K)
    return total


def exact_occurrence(points: np.ndarray) -> np.ndarray:
    """Return N_k from a k-d tree, which is fast in few dimensions."""
    neighbours = cKDTree(points).query(points, K + 1)[1][:, 1:]
    return np.bincount(neighbours.ravel(), minlength=len(points))


@pytest.mark.parametrize("draw", [uniform, normal])
def test_occurrence_is_that_of_exact_neighbours(draw: Draw) -> None:
    points = draw(np.random.default_rng(0), (2000, 3)).astype(np.float64)
    assert (occurrence_among_points(points) == exact_occurrence(points)).all()


@pytest.mark.slow
@pytest.mark.parametrize(("draw", "published"), [(uniform, 1.541), (normal, 2.055)])
def test_skewness_of_20_dimensions_is_the_published_one(draw: Draw, published: float) -> None:
    """One draw has a standard deviation of 4 % (uniform) and 2 % (normal)."""
    points = draw(np.random.default_rng(0), (N, 20))
    assert skewness(occurrence_among_points(points)) == pytest.approx(published, rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("draw", "published"),
    [
        pytest.param(
            uniform,
            0.121,
            marks=pytest.mark.xfail(
                reason="exact neighbours give 0.162 (mean of 300 draws, standard deviation 0.023); the published value "
                "looks like one draw from the lowest 5 %"
            ),
        ),
        (normal, 0.118),
    ],
)
def test_mean_skewness_of_3_dimensions_is_the_published_one(draw: Draw, published: float) -> None:
    """One draw has a standard deviation of 15 to 20 %: the mean of thirty is compared."""
    draws = (draw(np.random.default_rng(seed), (N, 3)) for seed in range(30))
    assert np.mean([skewness(exact_occurrence(points)) for points in draws]) == pytest.approx(published, rel=0.1)
