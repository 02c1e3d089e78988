"""Hierarchical precision@k, rederived image by image from all path lengths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy import ndarray as Array

from tests.data.test_hierarchy import graphs, path_lengths
from zsl.data.hierarchy import Hierarchy
from zsl.evaluation.evaluate import ScoredImages, evaluate
from zsl.evaluation.hierarchical import hierarchical_precision
from zsl.evaluation.statistics import gather


def by_definition(lengths: Array, nodes: Array, label: int, top: Array, k: int) -> float:
    """The loop of [Frome2013], with lists that grow by whole radii."""
    correct: set[int] = set()
    for radius in range(len(lengths)):
        correct |= {c for c, node in enumerate(nodes) if lengths[nodes[label], node] == radius}
        if len(correct) >= k:
            break
    return len(correct & set(top[:k].tolist())) / k


@st.composite
def worlds(draw: st.DrawFn) -> tuple[tuple[int, Array, Array], Array, ScoredImages]:
    graph = draw(graphs())
    nodes = np.array(draw(st.lists(st.integers(0, graph[0] - 1), min_size=1, unique=True)))
    n = draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scores = rng.integers(0, 4, (n, len(nodes))).astype(float)  # with ties
    return graph, nodes, ScoredImages(scores, rng.integers(0, len(nodes), n), np.zeros(len(nodes), dtype=bool))


@given(worlds())
def test_it_is_the_overlap_with_the_classes_within_the_radius(
    world: tuple[tuple[int, Array, Array], Array, ScoredImages],
) -> None:
    graph, nodes, images = world
    ks = list(range(1, len(nodes) + 1))
    statistics, lengths = gather(images, top=len(nodes)), path_lengths(*graph)
    found = hierarchical_precision(statistics, Hierarchy.of_edges(*graph, {}), nodes, ks)
    for i, (label, top) in enumerate(zip(statistics.labels, statistics.top, strict=True)):
        expected = [by_definition(lengths, nodes, label, top, k) for k in ks]
        np.testing.assert_allclose(found[:, i], expected)
    np.testing.assert_array_equal(found[0], statistics.hits())
    assert ((found >= 0) & (found <= 1)).all()


def test_answers_in_the_order_of_distance_are_perfect() -> None:
    """On a path 0 - 1 - … - 6 of which the even nodes are classes; cut lists would give less: 2 of 3 at k = 2."""
    child = np.arange(1, 7)
    hierarchy, nodes = Hierarchy.of_edges(7, child, child - 1, {}), np.arange(0, 7, 2)
    scores = -np.abs(np.subtract.outer(nodes, nodes)).astype(float)
    images = ScoredImages(scores, np.arange(4), np.zeros(4, dtype=bool))
    np.testing.assert_array_equal(hierarchical_precision(gather(images), hierarchy, nodes, (1, 2, 3, 4)), 1)
    # the list of class 1 (node 2) for k = 2 is {0, 1, 2}: both neighbours are at the same distance
    for second in (0, 2):
        top = np.array([[1, second, 3, 2 - second]])
        one = replace(gather(images).images(np.arange(4) == 1), top=top)
        assert hierarchical_precision(one, hierarchy, nodes, (2,))[0, 0] == 1


def test_it_is_evaluated_among_unseen_and_among_all_classes() -> None:
    rng = np.random.default_rng(0)
    child = np.arange(1, 9)
    names = [f"class {i}" for i in range(9)]
    hierarchy = Hierarchy.of_edges(9, child, (child - 1) // 2, {name: i for i, name in enumerate(names)})
    seen, labels = np.arange(9) % 2 == 0, np.arange(27) % 9
    gzsl = ScoredImages(rng.standard_normal((27, 9)), labels, seen)
    rows, columns = ~seen[labels], np.flatnonzero(~seen)
    zsl = ScoredImages(gzsl.scores[rows][:, columns], np.searchsorted(columns, labels[rows]), seen[columns])
    metrics = evaluate(zsl, gzsl, top_k=(2, 3, 8), hierarchy=hierarchy, classes=names).metrics
    assert {name for name in metrics if "hp" in name} == {
        f"{prefix}hp{k}{suffix}"
        for prefix, ks in (("", (2, 3)), ("u_", (2, 3, 8)))
        for k in ks
        for suffix in ("", "_per_sample")
    }
    lengths = path_lengths(9, child, (child - 1) // 2)
    for name, images, nodes in (("hp3", zsl, columns), ("u_hp3", gzsl, np.arange(9))):
        own = np.flatnonzero(rows) if name == "u_hp3" else np.arange(len(zsl.labels))
        each = [
            by_definition(lengths, nodes, images.labels[i], np.argsort(-images.scores[i], kind="stable"), 3)
            for i in own
        ]
        assert metrics[f"{name}_per_sample"] == pytest.approx(100 * np.mean(each))
        of_class = [
            np.mean([e for e, i in zip(each, own, strict=True) if images.labels[i] == c]) for c in {*images.labels[own]}
        ]
        assert metrics[name] == pytest.approx(100 * np.mean(of_class))


def test_top_k_of_generalized_scores_are_those_of_each_group() -> None:
    rng = np.random.default_rng(1)
    labels, seen = rng.integers(0, 8, 60), np.arange(8) < 5
    gzsl = ScoredImages(rng.standard_normal((60, 8)) + np.eye(8)[labels], labels, seen)
    rows = ~seen[labels]
    zsl = ScoredImages(gzsl.scores[rows][:, 5:], labels[rows] - 5, seen[5:])
    metrics = evaluate(zsl, gzsl, top_k=(1, 2, 7)).metrics
    rank = (gzsl.scores > gzsl.scores[np.arange(60), labels][:, None]).sum(axis=1)
    for k in (1, 2, 7):
        for name, group in (("u", rows), ("s", ~rows)):
            hit = rank[group] < k
            assert metrics[f"{name}_top{k}_per_sample"] == pytest.approx(100 * hit.mean())
            per_class = [hit[labels[group] == c].mean() for c in np.unique(labels[group])]
            assert metrics[f"{name}_top{k}"] == pytest.approx(100 * np.mean(per_class))
    assert metrics["u_top1"] == metrics["u"]
