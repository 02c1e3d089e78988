"""Calibrated stacking: what it changes, what it leaves alone, and where γ comes from."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.gathered import best_gamma, seen_unseen_curve, u_s_H
from zsl.errors import InputError
from zsl.evaluation.corrections.calibrated_stacking import CalibratedStacking
from zsl.evaluation.scored_images import ScoredImages


def gaussian(seed: int, n: int = 120, classes: int = 9) -> ScoredImages:
    rng = np.random.default_rng(seed)
    seen, labels = np.arange(classes) < 6, np.arange(n) % classes
    return ScoredImages(rng.standard_normal((n, classes)) + 1.5 * np.eye(classes)[labels] + seen, labels, seen)


@given(st.integers(0, 50), st.floats(-3, 3))
def test_seen_columns_pay_and_nothing_else_changes(seed: int, gamma: float) -> None:
    images = gaussian(seed)
    found = CalibratedStacking(gamma)(images.scores, images.seen)
    assert (found[:, ~images.seen] == images.scores[:, ~images.seen]).all()
    for column in np.flatnonzero(images.seen):
        assert found[:, column].tolist() == [score - gamma for score in images.scores[:, column]]


@given(st.integers(0, 50), st.floats(-3, 3))
def test_AUSUC_is_unchanged(seed: int, gamma: float) -> None:
    images = gaussian(seed)
    found = CalibratedStacking(gamma)(images.scores, images.seen)
    before = seen_unseen_curve(images.scores, images.labels, images.seen)
    after = seen_unseen_curve(found, images.labels, images.seen)
    assert abs(after.AUSUC - before.AUSUC) < 1e-12
    assert abs(after.best().H - before.best().H) < 1e-9


def test_gamma_is_chosen_on_validation_and_leaves_nothing_to_be_gained_there() -> None:
    validation = gaussian(1)
    chosen = CalibratedStacking().chosen_on(validation)
    assert chosen.gamma == best_gamma(validation.scores, validation.labels, validation.seen)
    scores = chosen(validation.scores, validation.seen)
    best = seen_unseen_curve(validation.scores, validation.labels, validation.seen).best()
    assert u_s_H(scores, validation.labels, validation.seen)["H"] == pytest.approx(best.H)
    assert best_gamma(scores, validation.labels, validation.seen) == pytest.approx(0, abs=1e-9)
    assert CalibratedStacking(0.3).chosen_on(validation) == CalibratedStacking(0.3)


def test_a_gamma_that_was_not_chosen_is_refused_with_the_cure() -> None:
    images = gaussian(0)
    with pytest.raises(InputError, match=r"correction.gamma=null: is chosen by selection=validation; add it, or give"):
        CalibratedStacking()(images.scores, images.seen)
    for gamma in (math.nan, math.inf):
        with pytest.raises(InputError, match=rf"correction.gamma={gamma}: must be a finite number or null"):
            CalibratedStacking(gamma)
