"""Resampling over images and classes: invariances, an independent slow implementation, and error rates."""

from __future__ import annotations

import itertools
import random
from statistics import fmean, quantiles

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy import ndarray as Array

from zsl.reporting.comparison import resampling
from zsl.reporting.comparison.resampling import Accuracies, Hits, over_classes, over_images


def hits(seed: int, classes: int = 6, n: int = 12, a: float = 0.5, b: float = 0.5, seeds: int = 1) -> Hits:
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), n)
    difficulty = generator.random(len(labels))
    own = [difficulty + generator.normal(0, 0.2, (seeds, len(labels))) < share for share in (a, b)]
    return Hits(labels, *own)


def by_class(found: Hits) -> Accuracies:
    own = [
        np.array([[100 * row[found.labels == label].mean() for label in np.unique(found.labels)] for row in method])
        for method in (found.a, found.b)
    ]
    return Accuracies(*own)


def harmonic(u: float, s: float) -> float:
    return 2 * u * s / (u + s) if u + s else 0.0


@given(st.integers(0, 99), st.booleans(), st.integers(1, 3))
def test_a_method_against_itself_has_no_difference_and_p_of_1(seed: int, h: bool, seeds: int) -> None:
    names = ["u", "s"] if h else ["T1"]
    parts = {name: hits(seed + i, seeds=seeds) for i, name in enumerate(names)}
    parts = {name: Hits(part.labels, part.a, part.a) for name, part in parts.items()}
    for found in (over_images(parts, 200), over_classes({name: by_class(part) for name, part in parts.items()}, 200)):
        assert (found.difference, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 1.0)


@given(st.integers(0, 99), st.integers(0, 99))
def test_the_order_of_images_changes_nothing(seed: int, order_seed: int) -> None:
    found = hits(seed, b=0.6, seeds=2)
    order = np.random.default_rng(order_seed).permutation(len(found.labels))
    other = Hits(found.labels[order], found.a[:, order], found.b[:, order])
    assert over_images({"T1": found}, 200) == over_images({"T1": other}, 200)


@given(st.integers(0, 99))
def test_exchanged_methods_have_the_opposite_difference_and_the_same_p_over_classes(seed: int) -> None:
    found = by_class(hits(seed, b=0.7))
    one, other = over_classes({"T1": found}), over_classes({"T1": Accuracies(found.b, found.a)})
    assert one.difference == pytest.approx(-other.difference)
    assert one.p == pytest.approx(other.p)


def slow(parts: dict[str, Hits], draws: int, seed: int) -> list[float]:
    """Resample image by image and class by class, with another generator."""
    generator, drawn = random.Random(seed), []
    for _ in range(draws):
        means: list[dict[str, list[float]]] = [{}, {}]
        for name, part in parts.items():
            chosen = []
            for label in sorted(set(part.labels.tolist())):
                own = [i for i, other in enumerate(part.labels.tolist()) if other == label]
                chosen.append([generator.choice(own) for _ in own])
            for place, method in enumerate((part.a, part.b)):
                means[place][name] = [fmean(fmean(100.0 * row[i] for i in own) for own in chosen) for row in method]
        values = []
        for of in means:
            seeds = list(zip(*of.values(), strict=True))
            values.append(fmean(harmonic(*each) if len(each) == 2 else each[0] for each in seeds))
        drawn.append(values[0] - values[1])
    return drawn


@pytest.mark.parametrize("names", [["T1"], ["u", "s"]])
def test_images_agree_with_a_slow_implementation(names: list[str]) -> None:
    parts = {name: hits(i, classes=4, n=8 + 3 * i, b=0.6, seeds=2) for i, name in enumerate(names)}
    found, drawn = over_images(parts), slow(parts, 1500, 1)
    cuts = quantiles(drawn, n=40)
    assert (found.low, found.high) == pytest.approx((cuts[0], cuts[-1]), abs=2.0)
    tail = 2 * min(fmean(d <= 1e-9 for d in drawn), fmean(d >= -1e-9 for d in drawn))
    assert found.p == pytest.approx(min(1.0, tail), abs=0.05)


@pytest.mark.parametrize("names", [["T1"], ["u", "s"]])
def test_exchanges_of_few_classes_are_counted_as_a_loop_counts_them(names: list[str]) -> None:
    parts = {name: by_class(hits(3 + i, classes=4, b=0.6)) for i, name in enumerate(names)}

    def value(swapped: tuple[bool, ...]) -> float:
        methods: list[list[float]] = [[], []]
        flags = iter(swapped)
        for part in parts.values():
            columns = [(x, y) if not next(flags) else (y, x) for x, y in zip(part.a[0], part.b[0], strict=True)]
            for place in range(2):
                methods[place].append(fmean(column[place] for column in columns))
        one, other = (harmonic(*own) if len(own) == 2 else own[0] for own in methods)
        return abs(one - other)

    every = [value(swapped) for swapped in itertools.product([False, True], repeat=4 * len(parts))]
    expected = fmean(each >= every[0] - 1e-9 for each in every)
    assert over_classes(parts).p == pytest.approx(expected)


def rejected(make: Array, kind: str) -> float:
    over = {
        "images": lambda f: over_images({"T1": f}, 400),
        "classes": lambda f: over_classes({"T1": by_class(f)}, 400),
    }
    return float(np.mean([over[kind](found).p < 0.05 for found in make]))


def test_where_there_is_no_difference_few_are_found() -> None:
    same = [hits(seed, classes=20, n=30) for seed in range(250)]
    assert 0.01 <= rejected(same, "images") <= 0.1
    assert 0.01 <= rejected(same, "classes") <= 0.1


def test_a_large_difference_is_found() -> None:
    other = [hits(seed, classes=20, n=30, b=0.6) for seed in range(20)]
    assert rejected(other, "images") == 1.0
    assert rejected(other, "classes") == 1.0


def test_classes_that_differ_more_than_images_widen_the_interval() -> None:
    """Gain one whole class and lose half of another: significant for these classes, not for new ones."""
    labels = np.repeat(np.arange(4), 50)
    a, b = np.zeros((1, 200), bool), np.zeros((1, 200), bool)
    a[0, :50], b[0, 50:75] = True, True
    found = Hits(labels, a, b)
    images, classes = over_images({"T1": found}), over_classes({"T1": by_class(found)})
    assert images.p < 0.01 < 0.5 < classes.p
    assert classes.high - classes.low > 3 * (images.high - images.low)


def test_drawing_in_parts_draws_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {"u": by_class(hits(0, classes=9, b=0.6)), "s": by_class(hits(1, classes=8, b=0.6))}
    whole = over_classes(parts)
    monkeypatch.setattr(resampling, "CELLS", 1000)
    assert over_classes(parts) == whole
