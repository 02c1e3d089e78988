"""No correction."""

from __future__ import annotations

import numpy as np

from zsl.evaluation.corrections.none import Uncorrected


def test_scores_are_left_as_they_are() -> None:
    scores = np.random.default_rng(0).standard_normal((5, 3))
    assert (Uncorrected()(scores, np.zeros(3, dtype=bool)) == scores).all()
