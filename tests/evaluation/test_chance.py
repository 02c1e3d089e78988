"""Chance: against exact enumeration, simulated guesses, and runs whose descriptions were permuted."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy import ndarray as Array

from zsl.evaluation.chance import COUNTED, ConfusionMatrix, assigned, chance, guessed
from zsl.evaluation.evaluate import evaluate
from zsl.evaluation.scored_images import ScoredImages
from zsl.evaluation.statistics import gather


def world(seed: int, unseen: int, seen: int, per_class: int, signal: float) -> tuple[ScoredImages, ScoredImages]:
    """Scores with ``signal`` on the true class, seen classes first."""
    generator = np.random.default_rng(seed)
    classes = seen + unseen
    labels = np.repeat(np.arange(classes), per_class)
    scores = generator.standard_normal((len(labels), classes))
    scores[np.arange(len(labels)), labels] += signal
    mask = np.arange(classes) < seen
    own = labels >= seen
    zsl = ScoredImages(scores[own][:, seen:], labels[own] - seen, np.zeros(unseen, bool))
    return zsl, ScoredImages(scores, labels, mask)


def confusion(shares: Array) -> ConfusionMatrix:
    """Every class taken for every class."""
    return ConfusionMatrix(np.ones(len(shares), np.int64), len(shares), np.arange(shares.size), shares.ravel())


def chance_of(zsl: ScoredImages, gzsl: ScoredImages) -> dict[str, dict[str, float]]:
    return chance(gather(zsl), gather(gzsl))


@given(st.integers(5, COUNTED), st.integers(0, 99))
def test_the_limit_is_the_quantile_over_all_assignments(classes: int, seed: int) -> None:
    shares = np.random.default_rng(seed).dirichlet(np.ones(classes), classes) * 100
    every = sorted(
        sum(shares[c, order[c]] for c in range(classes)) / classes for order in itertools.permutations(range(classes))
    )
    high = assigned(confusion(shares))
    assert sum(value > high + 1e-9 for value in every) <= 0.025 * len(every)
    assert sum(value >= high - 1e-9 for value in every) > 0.025 * len(every)


@pytest.mark.parametrize("classes", [2, 3, 4])
def test_of_few_classes_the_best_assignment_alone_is_above_chance(classes: int) -> None:
    shares = np.random.default_rng(0).dirichlet(np.ones(classes), classes) * 100
    every = sorted(
        float(np.mean(shares[np.arange(classes), order])) for order in itertools.permutations(range(classes))
    )
    assert every[-2] <= assigned(confusion(shares)) + 1e-9 < every[-1]


def test_drawn_assignments_agree_with_their_exact_mean_and_variance() -> None:
    """Hoeffding 1951: variance of Σ_c shares[c, π(c)] is the sum of squared doubly centred shares over C - 1."""
    shares = np.random.default_rng(1).dirichlet(0.3 * np.ones(60), 60) * 100
    centred = shares - shares.mean(0) - shares.mean(1, keepdims=True) + shares.mean()
    std = math.sqrt((centred**2).sum() / 59) / 60
    assert assigned(confusion(shares)) == pytest.approx(shares.mean() + 1.96 * std, rel=0.05)


def test_guesses_exceed_the_limit_in_a_fortieth_of_the_cases() -> None:
    generator, counts = np.random.default_rng(0), np.array([30, 50, 80, 200])
    reached = (generator.binomial(counts, 0.25, (20_000, 4)) / counts).mean(axis=1) * 100
    assert np.mean(reached > guessed(25.0, counts)) == pytest.approx(0.025, abs=0.005)


@pytest.mark.parametrize(("unseen", "seen"), [(2, 3), (6, 4), (20, 30)])
def test_what_is_known_is_above_chance(unseen: int, seen: int) -> None:
    images = world(0, unseen, seen, 40, 4.0)
    found, metrics = chance_of(*images), evaluate(*images).metrics
    assert found["T1"]["level"] == pytest.approx(100 / unseen)
    assert found["u"]["level"] == found["s"]["level"] == pytest.approx(100 / (unseen + seen))
    assert all(metrics[name] > found[name]["high"] >= found[name]["level"] for name in ("T1", "u", "s"))


def test_classes_taken_for_each_other_whole_are_chance_whichever_are_hit_by_luck() -> None:
    """Every class is taken for one class with all its images: by permuted descriptions few fall into place."""
    generator = np.random.default_rng(0)
    marked = 0
    for _ in range(40):
        order = generator.permutation(50)
        labels = np.repeat(np.arange(50), 60)
        scores = np.eye(50)[order[labels]]
        zsl = ScoredImages(scores, labels, np.zeros(50, bool))
        mask = np.arange(51) == 50
        gzsl = ScoredImages(np.pad(scores, ((0, 0), (0, 1)), constant_values=-1.0), labels, mask)
        marked += evaluate(zsl, gzsl).metrics["T1"] <= chance_of(zsl, gzsl)["T1"]["high"]
    assert marked >= 36


def test_without_images_of_seen_classes_there_is_no_chance_of_theirs() -> None:
    zsl, gzsl = world(0, 5, 5, 10, 1.0)
    own = gzsl.labels >= 5
    assert set(chance_of(zsl, ScoredImages(gzsl.scores[own], gzsl.labels[own], gzsl.seen))) == {"T1", "u"}


def test_the_same_answers_have_the_same_chance_whatever_the_order_of_the_images() -> None:
    zsl, gzsl = world(3, 8, 4, 10, 1.0)
    order: Array = np.random.default_rng(0).permutation(len(gzsl.labels))
    other = ScoredImages(gzsl.scores[order], gzsl.labels[order], gzsl.seen)
    assert chance_of(zsl, other) == chance_of(zsl, gzsl)
