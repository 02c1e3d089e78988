"""Hierarchical precision@k: predictions near the true class in the hierarchy count as right [Frome2013]."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64
from numpy import ndarray as Array

from zsl.data.hierarchy import Hierarchy
from zsl.evaluation.statistics import ScoreStatistics


def hierarchical_precision(
    images: ScoreStatistics, hierarchy: Hierarchy, nodes: Int64[Array, " c"], ks: Sequence[int]
) -> Float64[Array, "ks n"]:
    """Return hp@k of every image, in [0, 1].

        hp@k(x, y) = |top_k(x) ∩ C_k(y)| / k,   C_k(y) = {y' : δ(y, y') ≤ R_k(y)},
        R_k(y) = min {R : at least k candidate classes y' have δ(y, y') ≤ R}

    with δ the number of is-a edges between two classes, over any synsets of the hierarchy, candidates or not. This is
    the list of [Frome2013] (``hCorrectSet``), which grows by whole radii, so that it may hold more than k classes; hp@1
    is flat hit@1. [Norouzi2014] and [Changpinyo2016] describe it as the k closest classes, which leaves open which of
    the equally distant ones; numbers for lists cut to k would be lower. Candidates are the classes of the scores:
    unseen ones alone, or seen and unseen ones. Where fewer than k can be reached, C_k are all of these.

    One search begins at each class that has images, and ends where the largest list is complete. Memory is O(nodes).

    Args:
        images: statistics with at least max(ks) best classes gathered.
        hierarchy: of all candidates.
        nodes: node of every candidate.
        ks: each at most the number of candidates.
    """
    column = np.full(len(hierarchy.starts) - 1, -1)
    column[nodes] = np.arange(len(nodes))
    visited, position = np.full(len(column), -1), np.full(len(nodes), len(nodes))
    found = np.empty((len(ks), len(images.labels)))
    order = np.argsort(images.labels, kind="stable")
    classes, first = np.unique(images.labels[order], return_index=True)
    for label, rows in zip(classes.tolist(), np.split(order, first[1:]), strict=True):
        near: list[Array] = []
        sizes = [0]
        for ring in hierarchy.rings(nodes[label : label + 1], visited, label):
            here = column[ring]
            near.append(here[here >= 0])
            sizes.append(sizes[-1] + len(near[-1]))
            if sizes[-1] >= max(ks, default=0):
                break
        ordered = np.concatenate(near)
        position[ordered] = np.arange(len(ordered))
        at = position[images.top[rows]]
        position[ordered] = len(nodes)
        for i, k in enumerate(ks):
            size = next((size for size in sizes if size >= k), sizes[-1])
            found[i, rows] = (at[:, :k] < size).mean(axis=1)
    return found
