"""u, s, H, the curve and the best γ against loops over biases, scikit-learn, and their laws."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import hmean
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from tests.gathered import best_gamma, margins, seen_unseen_auroc, seen_unseen_curve, statistics, u_s_H
from zsl.errors import InputError
from zsl.evaluation import gzsl
from zsl.evaluation.gzsl import harmonic_mean, split_u_s_H, stacked


class World(NamedTuple):
    scores: np.ndarray
    labels: np.ndarray
    seen: np.ndarray


@st.composite
def worlds(draw: st.DrawFn, distinct: bool = False) -> World:
    """Both kinds of classes and images; scores are small integers full of ties, or all distinct."""
    n, more = draw(st.integers(2, 20)), draw(st.lists(st.booleans(), max_size=6))
    seen = np.array(draw(st.permutations([True, False, *more])))
    classes = len(seen)
    if distinct:
        scores = np.array(draw(st.permutations(range(n * classes))), dtype=float).reshape(n, classes)
    else:
        scores = draw(arrays(np.float64, (n, classes), elements=st.integers(-3, 3)))
    labels = draw(arrays(np.int64, n, elements=st.integers(0, classes - 1)))
    labels[:2] = np.argmax(seen), np.argmin(seen)
    return World(scores, labels, seen)


def gaussian(seed: int, n: int = 200, classes: int = 12) -> World:
    """Informative scores with a bias towards seen classes and unequal class sizes."""
    rng = np.random.default_rng(seed)
    seen = rng.permutation(np.arange(classes) < 2 * classes // 3)
    labels = np.minimum(rng.geometric(0.15, n) - 1, classes - 1)
    scores = rng.standard_normal((n, classes)) + 2 * np.eye(classes)[labels] + 1.5 * seen
    return World(scores, labels, seen)


def by_argmax(world: World, gamma: float, per_class: bool) -> tuple[float, float]:
    """u and s in percent, counted image by image."""
    biased = world.scores - gamma * world.seen
    means = []
    for group in (False, True):
        right: dict[int, list[bool]] = {}
        for row, y in zip(biased, world.labels, strict=True):
            if world.seen[y] == group:
                right.setdefault(int(y) if per_class else 0, []).append(int(np.argmax(row)) == y)
        means.append(100 * float(np.mean([np.mean(answers) for answers in right.values()])))
    return means[0], means[1]


def brute_force(world: World, per_class: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Biases below, between and above all margins, and u and s there."""
    m = np.unique(margins(world.scores, world.seen))
    biases = np.concatenate([[m[0] - 1], (m[:-1] + m[1:]) / 2, [m[-1] + 1]])
    u, s = zip(*(by_argmax(world, gamma, per_class) for gamma in biases), strict=True)
    return biases, np.array(u), np.array(s)


@given(worlds(), st.integers(-4, 4))
def test_split_label_spaces_are_never_harder_than_their_union(world: World, gamma: int) -> None:
    """Base and new accuracy, counted image by image among the classes of its group; the union is no better at any γ."""
    images = statistics(*world)
    found, union = split_u_s_H(images), gzsl.u_s_H(images, float(gamma))
    for name, group in (("u", False), ("s", True)):
        columns = np.flatnonzero(world.seen == group)
        right: dict[int, list[bool]] = {}
        for row, y in zip(world.scores, world.labels, strict=True):
            if world.seen[y] == group:
                right.setdefault(int(y), []).append(columns[np.argmax(row[columns])] == y)
        assert found[name] == pytest.approx(100 * np.mean([np.mean(answers) for answers in right.values()]))
        assert found[name] >= union[name]
    assert found["H"] == pytest.approx(hmean([found["u"], found["s"]]) if found["u"] * found["s"] else 0)


def agrees_with_brute_force(world: World, per_class: bool) -> None:
    biases, u, s = brute_force(world, per_class)
    curve = seen_unseen_curve(*world, per_class=per_class)
    ausuc, best = curve.AUSUC, curve.best()
    area = sum((u[i + 1] - u[i]) * (s[i + 1] + s[i]) / 2 for i in range(len(u) - 1)) / 1e4
    assert ausuc == pytest.approx(area, abs=1e-12)
    at_u, at_s, at_H = curve.at(biases)
    np.testing.assert_allclose(at_u, u, atol=1e-10)
    np.testing.assert_allclose(at_s, s, atol=1e-10)
    np.testing.assert_allclose(
        at_H, [2 * a * b / (a + b) if a + b else 0 for a, b in zip(u, s, strict=True)], atol=1e-10
    )
    assert at_H.max() == pytest.approx(best.H, abs=1e-10)


both_weightings = pytest.mark.parametrize("per_class", [True, False], ids=["per class", "per sample"])


@both_weightings
@given(worlds())
def test_curve_and_ausuc_are_those_of_all_biases_with_ties(per_class, world) -> None:
    agrees_with_brute_force(world, per_class)


@both_weightings
@pytest.mark.parametrize("seed", range(5))
def test_curve_and_ausuc_are_those_of_all_biases(per_class, seed) -> None:
    agrees_with_brute_force(gaussian(seed), per_class)


@given(worlds())
def test_ausuc_is_the_probability_that_a_right_seen_image_has_the_larger_margin(world) -> None:
    """AUSUC = Σ_i Σ_j w_i w_j ([m_j > m_i] + ½ [m_j = m_i]) over unseen i and seen j, both right within their group."""
    scores, labels, seen = world
    m, pairs = margins(scores, seen), []
    for i in np.flatnonzero(~seen[labels]):
        for j in np.flatnonzero(seen[labels]):
            right = all(
                np.where(seen == seen[y], row, -np.inf).argmax() == y
                for row, y in ((scores[i], labels[i]), (scores[j], labels[j]))
            )
            pairs.append(right * ((m[j] > m[i]) + (m[j] == m[i]) / 2))
    ausuc = seen_unseen_curve(*world, per_class=False).AUSUC
    assert ausuc == pytest.approx(np.mean(pairs), abs=1e-12)


@both_weightings
@given(world=worlds())
def test_u_s_H_by_counting(per_class, world) -> None:
    u, s = by_argmax(world, 0.0, per_class)
    ours = u_s_H(*world, per_class=per_class)
    assert (ours["u"], ours["s"]) == (pytest.approx(u, abs=1e-10), pytest.approx(s, abs=1e-10))
    assert ours["H"] == pytest.approx(2 * u * s / (u + s) if u + s else 0, abs=1e-10)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.parametrize("seed", range(3))
def test_u_and_s_are_scikit_learns_balanced_accuracies(seed) -> None:
    scores, labels, seen = gaussian(seed)
    answers, of_seen, ours = scores.argmax(axis=1), seen[labels], u_s_H(scores, labels, seen)
    assert ours["u"] == pytest.approx(100 * balanced_accuracy_score(labels[~of_seen], answers[~of_seen]), abs=1e-10)
    assert ours["s"] == pytest.approx(100 * balanced_accuracy_score(labels[of_seen], answers[of_seen]), abs=1e-10)


@given(worlds())
def test_auroc_is_scikit_learns(world) -> None:
    scores, labels, seen = world
    theirs = roc_auc_score(seen[labels], margins(scores, seen))
    assert seen_unseen_auroc(*world) == pytest.approx(theirs, abs=1e-12)


@given(worlds())
def test_curve_goes_from_all_seen_to_all_unseen(world) -> None:
    curve = seen_unseen_curve(*world)
    assert len(curve.u) == len(curve.s) == len(curve.breakpoints) + 1
    assert curve.u[0] == curve.s[-1] == 0
    assert (np.diff(curve.breakpoints) > 0).all()
    assert (np.diff(curve.u) >= 0).all()
    assert (np.diff(curve.s) <= 0).all()
    assert curve.u[-1] <= 100
    assert curve.s[0] <= 100
    assert 0 <= curve.AUSUC <= 1


@given(worlds())
def test_corners_draw_the_same_curve(world) -> None:
    curve = seen_unseen_curve(*world)
    u, s, _ = curve.corners()
    area = np.trapezoid(s, u) / 1e4
    assert area == pytest.approx(curve.AUSUC, abs=1e-12)
    assert harmonic_mean(u, s).max() == curve.H.max()
    assert len(u) <= len(curve.u)
    assert (u[0], s[0], u[-1], s[-1]) == (curve.u[0], curve.s[0], curve.u[-1], curve.s[-1])
    for along, across in ((u, s), (s, u)):
        inner = np.flatnonzero((np.diff(across)[1:] == 0) & (np.diff(across)[:-1] == 0)) + 1
        assert all(int(along[i]) != int(along[i - 1]) for i in inner), "a point in a straight run that nobody misses"


def test_between_corners_neither_accuracy_drifts_by_a_point() -> None:
    """Seen and unseen images well apart: the curve is two long straight runs."""
    scores, labels, seen = gaussian(0, n=2000)
    curve = seen_unseen_curve(scores + 9 * seen * seen[labels][:, None], labels, seen)
    u, s, gamma = curve.corners()
    assert len(u) < len(curve.u) / 3
    near = np.searchsorted(gamma, curve.gamma, side="right") - 1
    assert np.abs(u[near] - curve.u).max() < 1
    assert np.abs(s[near] - curve.s).max() < 1


@given(worlds(distinct=True))
def test_the_gamma_of_a_corner_leads_there(world) -> None:
    """By answers counted one by one; the ends hold beyond the outermost breakpoints."""
    curve = seen_unseen_curve(*world)
    u, s, gamma = curve.corners()
    beyond = np.concatenate([gamma[:1] - 1, gamma[1:-1], gamma[-1:] + 1]) if len(gamma) > 1 else gamma
    for at, *accuracies in zip(beyond, u, s, strict=True):
        assert by_argmax(world, at, per_class=True) == pytest.approx(accuracies)
    assert (np.diff(gamma) >= 0).all()


@given(worlds(), st.integers(-5, 5))
def test_ausuc_and_best_H_do_not_depend_on_stacking(world, gamma) -> None:
    """Integer scores and biases: the margins move by γ exactly."""
    scores, labels, seen = world
    before = seen_unseen_curve(*world)
    after = seen_unseen_curve(stacked(scores, seen, gamma), labels, seen)
    np.testing.assert_array_equal(after.breakpoints, before.breakpoints - gamma)
    assert after.AUSUC == before.AUSUC
    assert after.best().H == before.best().H
    assert seen_unseen_auroc(stacked(scores, seen, gamma), labels, seen) == seen_unseen_auroc(*world)


@given(worlds(), st.integers(-1000, 1000), st.sampled_from([0.25, 8.0]))
def test_shifting_and_scaling_scores_changes_no_accuracy_and_scales_gamma(world, shift, scale) -> None:
    scores, labels, seen = world
    moved = World(scale * scores + shift, labels, seen)
    assert u_s_H(*moved) == u_s_H(*world)
    assert seen_unseen_curve(*moved).AUSUC == seen_unseen_curve(*world).AUSUC
    assert best_gamma(*moved) == scale * best_gamma(*world)


@given(worlds(distinct=True), st.data())
def test_order_of_images_and_classes_changes_nothing_without_ties(world, data) -> None:
    scores, labels, seen = world
    rows, columns = (np.array(data.draw(st.permutations(range(size)))) for size in scores.shape)
    moved = World(scores[rows][:, columns], np.argsort(columns)[labels[rows]], seen[columns])
    assert u_s_H(*moved) == pytest.approx(u_s_H(*world), abs=1e-10)
    ausuc = seen_unseen_curve(*moved).AUSUC
    assert ausuc == pytest.approx(seen_unseen_curve(*world).AUSUC, abs=1e-12)
    assert seen_unseen_auroc(*moved) == pytest.approx(seen_unseen_auroc(*world), abs=1e-12)
    assert best_gamma(*moved) == best_gamma(*world)


@given(worlds())
def test_gamma_keeps_its_promise_and_no_grid_beats_it(world) -> None:
    """The grid is off the integers: at a breakpoint itself the order of the columns decides."""
    scores, labels, seen = world
    best = seen_unseen_curve(*world).best()
    assert best.gamma == best_gamma(*world)
    if best.H > 0:
        at_gamma = u_s_H(stacked(scores, seen, best.gamma), labels, seen)
        assert at_gamma == pytest.approx({"u": best.u, "s": best.s, "H": best.H}, abs=1e-10)
    for gamma in np.arange(-7.75, 8, 0.5):
        assert u_s_H(stacked(scores, seen, gamma), labels, seen)["H"] <= best.H + 1e-10


@pytest.mark.parametrize("seed", range(3))
def test_no_dense_grid_beats_gamma(seed) -> None:
    scores, labels, seen = gaussian(seed)
    chosen = u_s_H(stacked(scores, seen, best_gamma(scores, labels, seen)), labels, seen)["H"]
    grid = [u_s_H(stacked(scores, seen, gamma), labels, seen)["H"] for gamma in np.linspace(-8, 8, 1001)]
    assert chosen > u_s_H(scores, labels, seen)["H"]
    assert max(grid) <= chosen + 1e-10


def test_gamma_is_the_middle_of_the_widest_best_interval() -> None:
    """One image a class, each right within its group; margins 9 and 1 (seen), 4 and −1 (unseen)."""
    scores = np.array([[9.0, -9, 0, -9], [-9, 1, -9, 0], [4, -9, 0, -9], [-9, -1, -9, 0]])
    curve = seen_unseen_curve(scores, np.arange(4), np.array([True, True, False, False]))
    assert curve.breakpoints.tolist() == [-1, 1, 4, 9]
    assert curve.u.tolist() == [0, 50, 50, 100, 100]
    assert curve.s.tolist() == [100, 100, 50, 50, 0]
    assert curve.AUSUC == 0.75
    assert tuple(curve.best()) == pytest.approx((6.5, 100, 50, 200 / 3), abs=1e-12)


@pytest.mark.parametrize("right", ["none", "seen only", "unseen only"])
def test_H_is_0_and_gamma_is_0_where_a_group_is_never_right(right) -> None:
    scores = np.array([[3.0, 0, 1, 0], [0, 1, 0, 5]])
    seen = np.array([True, True, False, False])
    labels = {"none": [1, 2], "seen only": [0, 2], "unseen only": [1, 3]}[right]
    curve = seen_unseen_curve(scores, np.array(labels), seen)
    best = curve.best()
    assert (curve.AUSUC, best.H, best.gamma) == (0, 0, 0)
    assert u_s_H(scores, np.array(labels), seen)["H"] == 0
    np.testing.assert_array_equal(curve.H, 0)
    assert all(len(axis) >= 1 for axis in curve.corners())


def test_ausuc_is_1_for_perfect_scores_and_half_for_uninformative_margins() -> None:
    labels, seen = np.array([0, 1]), np.array([True, False])
    assert seen_unseen_curve(np.eye(2), labels, seen).AUSUC == 1
    assert seen_unseen_auroc(np.eye(2), labels, seen) == 1
    assert seen_unseen_curve(np.zeros((2, 2)), labels, seen).AUSUC == 0.5
    assert seen_unseen_auroc(np.zeros((2, 2)), labels, seen) == 0.5


def test_huge_scores_do_not_overflow() -> None:
    labels, seen = np.array([0, 1]), np.array([True, False])
    best = seen_unseen_curve(1e300 * (2 * np.eye(2) - 1), labels, seen).best()
    assert (best.gamma, best.H) == (0, 100)


def test_distractors_are_answers_without_weight() -> None:
    """Class 2 (seen) and class 3 (unseen) have no images."""
    scores = np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 9, 0], [0, 0, 0, 9]])
    labels, seen = np.array([0, 1, 0, 1]), np.array([True, False, True, False])
    assert u_s_H(scores, labels, seen) == {"u": 50, "s": 50, "H": 50}
    assert seen_unseen_curve(scores, labels, seen).u[-1] == 50


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_harmonic_mean_is_that_of_scipy(u, s) -> None:
    """scipy.stats.hmean is 0 where an argument is."""
    expected = hmean([u / 10, s / 10])
    assert float(harmonic_mean(u / 10, s / 10)) == pytest.approx(expected, abs=1e-12)


def test_harmonic_mean_of_nothing_is_0() -> None:
    np.testing.assert_array_equal(harmonic_mean(np.array([0.0, 50, 0]), np.array([0.0, 50, 10])), [0, 50, 0])


def test_a_group_without_images_has_no_accuracy() -> None:
    scores, seen = np.eye(2), np.array([True, False])
    assert u_s_H(scores[:1], np.array([0]), seen) == {"s": 100}
    assert u_s_H(scores[:1], np.array([1]), seen, per_class=False) == {"u": 0}
    assert u_s_H(scores, np.array([0, 1]), np.array([True, True])) == {"s": 100}
    assert u_s_H(scores, np.array([0, 1]), np.array([False, False])) == {"u": 100}


@pytest.mark.parametrize("metric", [seen_unseen_curve, best_gamma, seen_unseen_auroc])
@pytest.mark.parametrize(
    ("labels", "seen", "message"),
    [
        ([0, 0], [True, False], "all 2 are of seen classes"),
        ([1, 1], [True, False], "all 2 are of unseen classes"),
        ([0, 1], [True, True], "all 2 classes are seen"),
        ([0, 1], [False, False], "all 2 classes are unseen"),
    ],
)
def test_seen_against_unseen_needs_both(metric, labels, seen, message) -> None:
    with pytest.raises(InputError, match=message):
        metric(np.eye(2), np.array(labels), np.array(seen))
