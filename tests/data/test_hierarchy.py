"""Distances in a hierarchy against SciPy's shortest paths."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy import ndarray as Array
from scipy.sparse.csgraph import shortest_path

from zsl.data.hierarchy import Hierarchy


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, Array, Array]:
    """Nodes and is-a edges, among them double ones; several parents, and parts without a path between them."""
    nodes = draw(st.integers(1, 12))
    node = st.integers(0, nodes - 1)
    edges = draw(st.lists(st.tuples(node, node).filter(lambda edge: edge[0] != edge[1]), max_size=20))
    child, parent = np.array(edges, dtype=np.int64).reshape(-1, 2).T
    return nodes, child, parent


def path_lengths(nodes: int, child: Array, parent: Array) -> Array:
    """δ between all pairs of nodes, infinite where there is no path."""
    matrix = np.zeros((nodes, nodes))
    matrix[child, parent] = 1
    return shortest_path(matrix, directed=False, unweighted=True)


@given(graphs(), st.data())
def test_distances_are_the_shortest_paths_to_the_nearest(graph: tuple[int, Array, Array], data: st.DataObject) -> None:
    nodes, child, parent = graph
    origin = np.array(data.draw(st.lists(st.integers(0, nodes - 1), min_size=1)))
    nearest = path_lengths(nodes, child, parent)[origin].min(axis=0)
    found = Hierarchy.of_edges(nodes, child, parent, {}).distances(origin)
    np.testing.assert_array_equal(found, np.where(np.isfinite(nearest), nearest, -1))


@given(graphs())
def test_scratch_memory_serves_one_search_after_the_other(graph: tuple[int, Array, Array]) -> None:
    nodes, child, parent = graph
    hierarchy, visited = Hierarchy.of_edges(nodes, child, parent, {}), np.full(nodes, -1)
    for origin in range(nodes):
        rings = list(hierarchy.rings(np.array([origin]), visited, origin))
        for distance, ring in enumerate(rings):
            assert (hierarchy.distances(np.array([origin]))[ring] == distance).all()
        assert len(np.unique(np.concatenate(rings))) == sum(map(len, rings))
