"""``zsl.Scores``: a score matrix and all that is measured on it; ``zsl.evaluate``: every metric of a predictor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64, Shaped
from numpy import ndarray as Array
from torch import Tensor

from zsl.config.corrections import correction_of
from zsl.errors import InputError
from zsl.evaluation import gzsl, hubness
from zsl.evaluation.accuracy import mean_class_accuracy
from zsl.evaluation.curve import SeenUnseenCurve, seen_unseen_curve
from zsl.evaluation.evaluate import Calibration, Evaluation, ScoredImages, calibrate
from zsl.evaluation.evaluate import evaluate as evaluate_scores
from zsl.evaluation.refusal import Refusal, refusal
from zsl.evaluation.statistics import TOP, ScoreStatistics, gather
from zsl.prediction.arrays import array_of, features_of, labels_of, require_one_each
from zsl.prediction.predictor import Labels, Predictor


@dataclass(frozen=True, eq=False)
class Hubness:
    """Hubness of a score matrix: how often each class is among the k best of an image.

    Attributes:
        occurrence: N_k, the number of images that have the class among their k best.
        bad_occurrence: the number of such images that are of other classes.
    """

    occurrence: Int64[Array, " classes"]
    bad_occurrence: Int64[Array, " classes"]

    @property
    def skewness(self) -> float:
        """E[(N_k - μ)³] / σ³ over the classes: 0 without hubs, large with few strong ones."""
        return hubness.skewness(self.occurrence)

    @property
    def robin_hood(self) -> float:
        """Share of all occurrences, in [0, 1), that would have to move for all classes to have equally many."""
        return hubness.robin_hood(self.occurrence)

    @property
    def hubs(self) -> Bool[Array, " classes"]:
        """Mask of the hubs: classes with more than twice the mean occurrence."""
        return hubness.hubs(self.occurrence)

    @property
    def antihubs(self) -> Bool[Array, " classes"]:
        """Mask of the antihubs: classes among the k best of no image."""
        return hubness.antihubs(self.occurrence)


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores F(x, y) of n images for every candidate class, with the true classes.

    Attributes:
        matrix: shape (n, classes); the greatest score of a row is the answer.
        labels: the true class of every image: names, or columns of ``matrix``. They are kept as columns.
        names: of the classes.
        seen: whether a class had images in training; by default none had.

    Raises:
        InputError: the parts do not fit together, a score is not finite, or a label is no class.
    """

    matrix: Float64[Array, "n classes"]
    labels: Int64[Array, " n"]
    names: Sequence[str] = ()
    seen: Bool[Array, " classes"] | None = None

    def __post_init__(self) -> None:
        matrix = array_of("matrix", self.matrix)
        names = tuple(self.names) or tuple(map(str, range(matrix.shape[-1] if matrix.ndim else 0)))
        if matrix.ndim == 2 and len(names) != matrix.shape[1]:
            raise InputError(f"names: {len(names)} for {matrix.shape[1]} columns of scores; give one for every column")
        seen = np.zeros(len(names), dtype=bool) if self.seen is None else array_of("seen", self.seen)
        images = ScoredImages(matrix, labels_of("labels", self.labels, names), seen)
        found = {"matrix": images.scores, "labels": images.labels, "names": names, "seen": images.seen}
        for name, value in found.items():
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"Scores({len(self)} images × {len(self.names)} classes, of which {int(self.images.seen.sum())} seen)"

    @cached_property
    def images(self) -> ScoredImages:
        """The matrix, the labels and the mask of seen classes, without names."""
        assert self.seen is not None
        return ScoredImages(self.matrix, self.labels, self.seen)

    @cached_property
    def _statistics(self) -> ScoreStatistics:
        return gather(self.images)

    @property
    def of_seen(self) -> Bool[Array, " n"]:
        """Mask of the images that are of a seen class."""
        return self.images.of_seen_class

    @property
    def accuracy(self) -> float:
        """Mean over classes of the accuracy of the best class, in percent; among unseen classes alone this is T1."""
        return mean_class_accuracy(self._statistics.hits(), self.labels)

    def take(self, index: Shaped[Array, " m"] | Sequence[int]) -> Scores:
        """Return the scores of the images at ``index``, in that order, or of those that a mask chooses."""
        return replace(self, matrix=self.matrix[index], labels=self.labels[index])

    def u_s_H(self, gamma: float = 0.0) -> dict[str, float]:
        """Return u, s and H in percent, with the bias ``gamma`` taken off the scores of seen classes.

        What is not defined, such as s where no image is of a seen class, is absent.
        """
        return gzsl.u_s_H(self._statistics, gamma)

    def margins(self) -> Float64[Array, " n"]:
        """Return the best score among seen classes minus the best among unseen classes, of every image.

        Raises:
            InputError: all classes are seen, or none is.
        """
        return self._statistics.margin

    def auroc(self) -> float:
        """Return the area under the ROC curve of the margin, in [0, 1]: how well it tells seen from unseen images.

        Raises:
            InputError: seen or unseen images, or classes, are missing.
        """
        return gzsl.seen_unseen_auroc(self._statistics)

    def curve(self) -> SeenUnseenCurve:
        """Return u and s as exact step functions of the bias γ of seen classes.

        Raises:
            InputError: seen or unseen images, or classes, are missing.
        """
        return seen_unseen_curve(self._statistics)

    def hubness(self, k: int = 1) -> Hubness:
        """Return how often each class is among the k best of an image.

        Raises:
            InputError: k is not between 1 and the number of classes.
        """
        statistics = self._statistics if k <= TOP else gather(self.images, top=k)
        return Hubness(*statistics.occurrences(k))

    def refusal(self, listed: Sequence[str] | None = None, *, gamma: float = 0.0, temperature: float = 1.0) -> Refusal:
        """Return the confidence in answers among the listed classes, of seen, unseen and off-list images.

        ``threshold(risk)`` of validation scores gives the least confidence to answer at, and ``metrics(threshold)`` of
        test scores ECE, NLL, Brier, AURC, coverage and risk of every group; ``curves()`` gives risk at every coverage.

        Args:
            listed: names of the classes that may be answered, all by default; images of other classes are off-list.
            gamma: bias γ of seen classes, chosen on validation classes.
            temperature: T, chosen on validation classes.

        Raises:
            InputError: a name is no class, or γ or T is out of range.
        """
        asked = labels_of("listed", list(self.names if listed is None else listed), self.names)
        mask = np.isin(np.arange(len(self.names)), asked)
        return refusal(self.images, mask, Calibration(gamma, temperature))

    def calibration(self) -> Calibration:
        """Return the γ that is best for H, and the temperature that is best for the likelihood, on VALIDATION scores.

        Raises:
            InputError: seen or unseen images, or classes, are missing.
        """
        return calibrate(self.images)

    def corrected(self, name: str, **hyperparameters: Any) -> Scores:
        """Return the scores corrected together as one batch, by a correction that ``correction=NAME`` chooses in runs.

        Args:
            name: one of ``zsl.choices("correction")``, such as ``"csls"``.
            **hyperparameters: of the correction, such as ``k=10``.

        Raises:
            InputError: there is no such correction, or a hyperparameter is unknown, out of range or still to be chosen.
        """
        correction = correction_of(name, hyperparameters)
        return replace(self, matrix=correction(self.images.scores, self.images.seen))


def score(
    predictor: Predictor,
    x: Float[Array, "n d"] | Tensor,
    y: Sequence[str] | Shaped[Array, " n"] | Tensor,
    labels: Labels | None = None,
) -> Scores:
    """Return the scores of labelled images for the classes that are asked about.

    Args:
        predictor: trained.
        x: features, not scaled.
        y: the class of every image: names, or positions among the classes that are asked about.
        labels: classes to ask about, all classes of training where none are given.

    Raises:
        InputError: arrays do not fit together, or a label cannot be embedded.
    """
    space = _require_predictor(predictor).label_space(labels)
    own, features = labels_of("y", y, space.names), features_of("x", x, predictor.dims.features)
    require_one_each(features, own)
    return Scores(predictor.scores(features, space), own, space.names, space.seen.numpy())


def evaluate(
    predictor: Predictor, x: Float[Array, "n d"] | Tensor, y: Sequence[str] | Shaped[Array, " n"] | Tensor
) -> Evaluation:
    """Evaluate a predictor on test images: T1, u, s, H, AUSUC and all other metrics, as a run does.

    Which classes are seen is known from the predictor. ``metrics`` holds the numbers by name.

    Args:
        predictor: trained.
        x: features of test images of seen and of unseen classes, or of unseen classes alone.
        y: the class of every image: names, or positions in ``predictor.classes.names``.

    Raises:
        InputError: arrays do not fit together, or no image is of an unseen class.
    """
    space = _require_predictor(predictor).classes
    features, labels = features_of("x", x, predictor.dims.features), labels_of("y", y, space.names)
    require_one_each(features, labels)
    seen, ids = space.seen.numpy(), space.unseen_ids.numpy()
    unseen = ~seen[labels]
    if not unseen.any():
        raise InputError("y: no image is of an unseen class; zero-shot metrics are about these")
    own = np.searchsorted(ids, labels[unseen])
    zsl = predictor.stream(features[unseen], own, [space.names[i] for i in ids])
    if not seen.any() or unseen.all():
        return evaluate_scores(zsl)
    return evaluate_scores(zsl, predictor.stream(features, labels), calibration=predictor.calibration)


def _require_predictor(given: Predictor) -> Predictor:
    if not isinstance(given, Predictor):
        raise InputError(f"predictor: a {type(given).__name__} is none; give what zsl.fit or zsl.load returns")
    return given
