"""Globally corrected retrieval against sorting, class by class."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from zsl.evaluation.corrections.globally_corrected_retrieval import GloballyCorrectedRetrieval

matrices = arrays(np.float64, st.tuples(st.integers(1, 9), st.integers(1, 7)), elements=st.integers(-8, 8))
GC = GloballyCorrectedRetrieval()


def rank(x: int, y: int, scores: np.ndarray) -> int:
    return 1 + sum(scores[other, y] > scores[x, y] for other in range(len(scores)))


@given(matrices)
def test_the_answer_ranks_the_image_highest_and_scores_decide_among_equal_ranks(scores: np.ndarray) -> None:
    found = GC(scores, np.zeros(scores.shape[1], dtype=bool))
    for x in range(len(scores)):
        expected = sorted(range(scores.shape[1]), key=lambda y, x=x: (rank(x, y, scores), -scores[x, y]))
        assert np.argsort(-found[x], kind="stable").tolist() == expected


@given(matrices)
def test_the_whole_part_is_the_rank(scores: np.ndarray) -> None:
    found = GC(scores, np.zeros(scores.shape[1], dtype=bool))
    ranks = [[rank(x, y, scores) for y in range(scores.shape[1])] for x in range(len(scores))]
    assert (np.ceil(-found) == ranks).all()
    assert (found + ranks <= 0.5).all()


def test_on_cosines_it_answers_as_the_papers_formula() -> None:
    """argmin of rank - cos: differences of cosines are below 1 here, as whenever they do not outweigh a rank."""
    rng = np.random.default_rng(0)
    cosines = 0.4 * rng.random((60, 8))
    ranks = np.array([[rank(x, y, cosines) for y in range(8)] for x in range(60)])
    found = GC(cosines, np.zeros(8, dtype=bool)).argmax(axis=1)
    assert found.tolist() == (ranks - cosines).argmin(axis=1).tolist()
