"""u, s and H of F1@k and their bootstrap, against loops and exact laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evaluation.test_multilabel import worlds
from zsl.errors import InputError
from zsl.evaluation import multilabel
from zsl.evaluation.f1_at_k import u_s_H_at, u_s_H_draws
from zsl.evaluation.multilabel import LabelledScores, interval


@given(worlds(), st.integers(1, 5), st.floats(-2, 2), st.integers(0, 31))
def test_u_and_s_of_F1_at_k_by_loops(world: LabelledScores, k: int, gamma: float, mask: int) -> None:
    n, c = world.scores.shape
    k, seen = min(k, c), np.array([mask >> j & 1 for j in range(c)], bool)
    found = u_s_H_at(world, seen, k, gamma)
    for name, group in (("u", ~seen), ("s", seen)):
        tp = given_ = positive = 0
        for i in range(n):
            best = sorted(range(c), key=lambda j: (-(world.scores[i, j] - gamma * seen[j]), j))[:k]
            tp += sum(world.labels[i, j] for j in best if group[j])
            given_ += sum(group[j] for j in best)
            positive += sum(world.labels[i, j] for j in range(c) if group[j])
        assert (name in found) == (given_ + positive > 0)
        if name in found:
            assert found[name] == pytest.approx(200 * tp / (given_ + positive))
    if "H" in found:
        u, s = found["u"], found["s"]
        assert found["H"] == pytest.approx(2 * u * s / (u + s) if u + s else 0)


@given(worlds(), st.integers(1, 5), st.integers(0, 31), st.integers(0, 100))
def test_a_draw_is_u_s_H_of_the_images_drawn(world: LabelledScores, k: int, mask: int, seed: int) -> None:
    n, c = world.scores.shape
    k, seen = min(k, c), np.array([mask >> j & 1 for j in range(c)], bool)
    drawn = u_s_H_draws(world, seen, k, 0.5, draws=3, seed=seed)
    assert drawn.keys() == u_s_H_at(world, seen, k, 0.5).keys()
    for i, count in enumerate(np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), 3)):
        rows = np.repeat(np.arange(n), count)
        sample = u_s_H_at(LabelledScores(world.scores[rows], world.labels[rows]), seen, k, 0.5)
        for name, values in drawn.items():
            assert values[i] == pytest.approx(sample.get(name, np.nan), nan_ok=True)


@given(worlds(), st.integers(1, 4), st.integers(2, 6), st.integers(0, 31))
def test_images_that_are_all_alike_have_intervals_without_width(
    world: LabelledScores, k: int, copies: int, mask: int
) -> None:
    c = world.scores.shape[1]
    k, seen = min(k, c), np.array([mask >> j & 1 for j in range(c)], bool)
    alike = LabelledScores(np.repeat(world.scores[:1], copies, axis=0), np.repeat(world.labels[:1], copies, axis=0))
    value = u_s_H_at(alike, seen, k)
    for name, draws in u_s_H_draws(alike, seen, k, draws=5).items():
        np.testing.assert_allclose(interval(draws), value[name])


@given(worlds(), st.permutations(range(5)), st.integers(0, 31))
def test_the_order_of_classes_changes_no_draw(world: LabelledScores, order: list[int], mask: int) -> None:
    """Without ties, of which the lowest column comes first."""
    c = world.scores.shape[1]
    scores = world.scores + np.arange(c) / 100
    seen, columns = np.array([mask >> j & 1 for j in range(c)], bool), [j for j in order if j < c]
    found = u_s_H_draws(LabelledScores(scores, world.labels), seen, 1, draws=4)
    other = u_s_H_draws(LabelledScores(scores[:, columns], world.labels[:, columns]), seen[columns], 1, draws=4)
    for name, values in found.items():
        np.testing.assert_allclose(other[name], values)


def world_of(n: int, seed: int) -> tuple[LabelledScores, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.random((n, 6)) < 0.3
    return LabelledScores(labels + rng.normal(size=(n, 6)), labels), np.arange(6) < 3


def test_draws_of_F1_do_not_depend_on_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    images, seen = world_of(40, 0)
    whole = u_s_H_draws(images, seen, 2, draws=20)
    monkeypatch.setattr(multilabel, "DRAWS", 3 * 40)
    for name, values in u_s_H_draws(images, seen, 2, draws=20).items():
        np.testing.assert_array_equal(values, whole[name])


def test_u_s_and_H_are_of_the_same_images() -> None:
    """H of every draw is that of its u and s, and the intervals of more images are narrower, around the value."""
    widths = {}
    for n in (50, 800):
        images, seen = world_of(n, 1)
        drawn, value = u_s_H_draws(images, seen, 2, draws=300), u_s_H_at(images, seen, 2)
        np.testing.assert_allclose(drawn["H"], 2 * drawn["u"] * drawn["s"] / (drawn["u"] + drawn["s"]))
        for name, draws in drawn.items():
            low, high = interval(draws)
            assert low < value[name] < high
            widths[name, n] = high - low
    assert all(2 < widths[name, 50] / widths[name, 800] < 8 for name in "usH")  # √(800/50) = 4


def test_intervals_cover_the_value_of_many_images() -> None:
    """95 % intervals of 60 samples of 200 images cover u, s and H of 200,000 images 51 times or more."""
    many = u_s_H_at(*world_of(200_000, 2), 2)
    covered = dict.fromkeys("usH", 0)
    for seed in range(60):
        for name, draws in u_s_H_draws(*world_of(200, 100 + seed), 2, draws=200).items():
            low, high = interval(draws)
            covered[name] += bool(low <= many[name] <= high)
    assert min(covered.values()) >= 51


def test_k_is_at_most_the_number_of_classes() -> None:
    with pytest.raises(InputError, match="F1@k: k = 3"):
        u_s_H_at(LabelledScores(np.zeros((1, 2)), np.zeros((1, 2))), np.ones(2, bool), 3)
