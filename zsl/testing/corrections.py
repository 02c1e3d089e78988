"""The contract of corrections."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from zsl.evaluation.corrections.correction import Blocks, Correction
from zsl.evaluation.scored_images import ScoredImages
from zsl.testing.hyperparameters import LAWS as HYPERPARAMETERS
from zsl.testing.hyperparameters import Hyperparameters
from zsl.testing.law import hold_all, require

AFFINE = ((1e-3, 1.0), (40.0, -900.0), (1.0, -5.0))
"""pairs (a, b): cosines in a narrow band, logits, negative distances"""
FEW = (np.zeros((4, 3)), np.ones((1, 1)), np.ones((1, 3)), np.arange(4.0)[:, None])
"""score matrices of few images, few classes, and ties"""


def scored_images(seed: int = 0, n: int = 60, classes: int = 12) -> ScoredImages:
    """Draw scores with hubs and with a bias towards seen classes; a third of the classes is unseen."""
    rng = np.random.default_rng(seed)
    seen = rng.permutation(np.arange(classes) < 2 * classes // 3)
    labels = rng.permutation(np.arange(n) % classes)
    scores = rng.standard_normal((n, classes)) + 1.5 * np.eye(classes)[labels] + seen + rng.standard_normal(classes)
    return ScoredImages(scores, labels, seen)


@dataclass(frozen=True)
class CorrectionUnderTest:
    """A correction with its hyperparameters, some of which may be left open."""

    correction: Correction

    def __str__(self) -> str:
        return type(self.correction).__name__

    def chosen(self, validation: ScoredImages | None = None) -> Correction:
        """Return the correction with what is open chosen on validation images."""
        return self.correction.chosen_on(validation or scored_images(seed=1))


def check_correction(correction: Correction, *, accepted: Collection[tuple[str, Any]] = ()) -> None:
    """Hold a correction to every law of its contract.

    Args:
        correction: a dataclass, with its hyperparameters.
        accepted: pairs of a hyperparameter and a value, such as ``("gamma", -1.0)``, that makes sense for it although
            it makes none for most.

    Raises:
        AssertionError: a law does not hold; the message names the law.
    """
    kind = type(correction)
    hold_all(HYPERPARAMETERS, Hyperparameters(kind, lambda new: replace(correction, **new), "correction", accepted))  # type: ignore[type-var]
    hold_all(LAWS, CorrectionUnderTest(correction))


def scores_come_out_as_they_went_in(given: CorrectionUnderTest) -> None:
    """Require that scores are finite, of the same shape, the same each time, and that what was given is not changed."""
    images = scored_images()
    before = images.scores.copy()
    found = given.chosen()(images.scores, images.seen)
    require(found.shape == before.shape, f"shape {found.shape} in place of {before.shape}")
    require(found.dtype == np.float64 and bool(np.isfinite(found).all()), f"scores are {found.dtype}, or not finite")
    require(bool((images.scores == before).all()), "the scores that were given are changed")
    require(bool((given.chosen()(images.scores, images.seen) == found).all()), "scores differ the second time")


def the_order_of_classes_does_not_matter(given: CorrectionUnderTest) -> None:
    """Require that classes in another order have the same scores, in that order."""
    images, order = scored_images(), np.random.default_rng(2).permutation(12)
    correct = given.chosen()
    expected = correct(images.scores, images.seen)[:, order]
    np.testing.assert_allclose(correct(images.scores[:, order], images.seen[order]), expected, atol=1e-10)


def the_order_of_images_does_not_matter(given: CorrectionUnderTest) -> None:
    """Require that images in another order have the same scores, in that order."""
    images, order = scored_images(), np.random.default_rng(2).permutation(60)
    correct = given.chosen()
    expected = correct(images.scores, images.seen)[order]
    np.testing.assert_allclose(correct(images.scores[order], images.seen), expected, atol=1e-10)


def blocks_do_not_matter(given: CorrectionUnderTest) -> None:
    """Require that scores that are made in blocks of any size are corrected as the whole matrix is."""
    images, correct = scored_images(), given.chosen()
    expected = correct(images.scores, images.seen)
    for rows in (1, 7, 60):
        parts = Blocks(images.scores.shape, lambda rows=rows: iter(np.split(images.scores, range(rows, 60, rows))))  # type: ignore[misc]
        fitted = correct.fitted(parts, images.seen)
        starts = range(0, 60, rows)
        found = np.concatenate([fitted(block, start) for start, block in zip(starts, parts, strict=True)])
        np.testing.assert_allclose(found, expected, atol=1e-9, err_msg=f"blocks of {rows} images")


def what_is_declared_holds_in_both_directions(given: CorrectionUnderTest) -> None:
    """Require that other images change how the classes of an image compare if and only if it declares transductive."""
    images, correct = scored_images(), given.chosen()
    found = correct(images.scores, images.seen)
    alone = np.concatenate([correct(row[None], images.seen) for row in images.scores])
    other = images.scores.copy()
    other[1:] = scored_images(seed=5).scores[1:]
    in_other_company = correct(other, images.seen)[0]
    if not correct.transductive:
        require(bool((alone == found).all()), "it declares transductive = False, but an image alone scores otherwise")
        require(bool((in_other_company == found[0]).all()), "it declares transductive = False, but other images matter")
    else:
        near = np.allclose(alone - alone[:, :1], found - found[:, :1])
        same = np.allclose(in_other_company - in_other_company[0], found[0] - found[0, 0])
        require(not near and not same, "it declares transductive = True, but other images change nothing")


def scores_of_any_kind_are_taken(given: CorrectionUnderTest) -> None:
    """Require that scores F and aF + b, a > 0, order classes alike, with what is open chosen on scores of that kind."""
    images, validation = scored_images(), scored_images(seed=1)
    expected = np.argsort(given.chosen(validation)(images.scores, images.seen), axis=1)
    for scale, shift in AFFINE:
        moved = ScoredImages(scale * validation.scores + shift, validation.labels, validation.seen)
        found = given.chosen(moved)(scale * images.scores + shift, images.seen)
        require(bool((np.argsort(found, axis=1) == expected).all()), f"a = {scale}, b = {shift}: another order")


def few_images_few_classes_and_ties_are_taken(given: CorrectionUnderTest) -> None:
    """Require that few images, few classes and ties are corrected; equal scores stay equal."""
    for scores in FEW:
        found = given.chosen()(scores, np.zeros(scores.shape[1], dtype=bool))
        require(found.shape == scores.shape and bool(np.isfinite(found).all()), f"{scores.tolist()}: {found.tolist()}")
        require(np.ptp(scores) > 0 or np.ptp(found) == 0, f"{scores.tolist()}: ties become {found.tolist()}")


LAWS = (
    scores_come_out_as_they_went_in,
    the_order_of_classes_does_not_matter,
    the_order_of_images_does_not_matter,
    blocks_do_not_matter,
    what_is_declared_holds_in_both_directions,
    scores_of_any_kind_are_taken,
    few_images_few_classes_and_ties_are_taken,
)
