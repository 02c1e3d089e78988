"""Evaluation: every metric, from two score matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy import ndarray as Array

from zsl.errors import InputError
from zsl.evaluation.accuracy import class_accuracies, hits, mean_class_accuracy, ranks, sample_accuracy
from zsl.evaluation.calibration import best_temperature, checked_temperature, ece
from zsl.evaluation.curve import SeenUnseenCurve, best_gamma, seen_unseen_curve
from zsl.evaluation.gzsl import seen_unseen_auroc, stacked, u_s_H
from zsl.evaluation.hubness import k_occurrence, skewness
from zsl.evaluation.scored_images import ScoredImages

__all__ = ["Calibration", "Evaluation", "ScoredImages", "calibrate", "evaluate", "oracle"]


@dataclass(frozen=True)
class Calibration:
    """Bias γ of calibrated stacking and temperature T, chosen on validation scores.

    Scores become (F(x, y) − γ [y seen]) / T.

    Raises:
        InputError: γ is not finite, or T not positive and finite.
    """

    gamma: float
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not math.isfinite(self.gamma):
            raise InputError(f"calibration: gamma = {self.gamma}; it must be finite")
        checked_temperature(self.temperature)


@dataclass(frozen=True)
class Evaluation:
    """Every metric of one model on one protocol.

    ``metrics`` holds finite floats. Percent: ``T1`` and ``T<k>`` (ZSL), ``u``, ``s``, ``H`` and ``u_calibrated``,
    ``s_calibrated``, ``H_calibrated`` (GZSL), all of them means over classes, and ``T1_per_sample``,
    ``u_per_sample``, ``s_per_sample``, ``H_per_sample``. In [0, 1]: ``AUSUC``, ``AUSUC_per_sample``, ``AUROC``,
    ``ECE_ZSL``, ``ECE_GZSL``, ``ECE_calibrated`` (GZSL scores after γ and T). ``N1_skewness`` (ZSL) has no unit. What
    is not defined, such as s where no test image is of a seen class, is absent.

    ``per_class`` holds top-1 accuracies in percent: ``T1`` by column of the ZSL scores, ``u`` by unseen and ``s`` by
    seen column of the GZSL scores, NaN for a class without images. ``curve`` is that of ``AUSUC``.
    """

    metrics: dict[str, float]
    per_class: dict[str, Float64[Array, " classes"]]
    curve: SeenUnseenCurve | None = None


def evaluate(
    zsl: ScoredImages,
    gzsl: ScoredImages | None = None,
    *,
    calibration: Calibration | None = None,
    top_k: Sequence[int] = (5,),
) -> Evaluation:
    """Return every metric of ``zsl`` (unseen images × unseen classes) and ``gzsl`` (all test images × all classes).

    ``calibration`` must come from validation (:func:`calibrate`). T<k> is 100 where there are no more than k classes.
    Without ``gzsl`` only ZSL metrics are given; without seen test images all that needs them is left out.

    Raises:
        InputError: a column of ``zsl`` is of a seen class, ``zsl`` and ``gzsl`` do not hold as many unseen classes
            and images, some k < 1, or a calibration without ``gzsl``.
    """
    _check(zsl, gzsl, calibration, top_k)
    metrics, per_class = _zsl(zsl, top_k)
    if gzsl is None:
        return Evaluation(metrics, per_class)

    metrics |= u_s_H(gzsl.scores, gzsl.labels, gzsl.seen)
    metrics |= _suffixed("_per_sample", u_s_H(gzsl.scores, gzsl.labels, gzsl.seen, per_class=False))
    metrics["ECE_GZSL"] = ece(gzsl.scores, gzsl.labels)
    accuracies = class_accuracies(hits(gzsl.scores, gzsl.labels), gzsl.labels, len(gzsl.seen))
    per_class |= {name: accuracies[group] for name, group in (("u", ~gzsl.seen), ("s", gzsl.seen)) if name in metrics}

    curve = None
    if "H" in metrics:
        curve = seen_unseen_curve(gzsl.scores, gzsl.labels, gzsl.seen)
        by_sample = seen_unseen_curve(gzsl.scores, gzsl.labels, gzsl.seen, per_class=False)
        metrics |= {"AUSUC": curve.AUSUC, "AUSUC_per_sample": by_sample.AUSUC}
        metrics["AUROC"] = seen_unseen_auroc(gzsl.scores, gzsl.labels, gzsl.seen)
    if calibration is not None:
        scores = stacked(gzsl.scores, gzsl.seen, calibration.gamma)
        metrics |= _suffixed("_calibrated", u_s_H(scores, gzsl.labels, gzsl.seen))
        metrics["ECE_calibrated"] = ece(scores, gzsl.labels, calibration.temperature)
    return Evaluation(metrics, per_class, curve)


def calibrate(validation: ScoredImages) -> Calibration:
    """Return the γ that maximises H on validation scores (all images × all classes), and T for γ-biased scores.

    "Seen" are the classes trained on, "unseen" the validation classes; no test image may be among ``validation``.

    Raises:
        InputError: seen or unseen images, or classes, are missing.
    """
    gamma = best_gamma(validation.scores, validation.labels, validation.seen)
    scores = stacked(validation.scores, validation.seen, gamma)
    return Calibration(gamma, best_temperature(scores, validation.labels))


def oracle(gzsl: ScoredImages) -> dict[str, float]:
    """Return ``u†``, ``s†``, ``H†`` in percent: calibrated stacking with the γ that is best on the TEST scores.

    An upper bound on what a bias can reach, not a result: † marks numbers that were chosen on the test set.

    Raises:
        InputError: seen or unseen images, or classes, are missing.
    """
    best = seen_unseen_curve(gzsl.scores, gzsl.labels, gzsl.seen).best()
    return {"u†": best.u, "s†": best.s, "H†": best.H}


def _zsl(zsl: ScoredImages, top_k: Sequence[int]) -> tuple[dict[str, float], dict[str, Array]]:
    rank = ranks(zsl.scores, zsl.labels)
    right = rank < 1
    metrics = {"T1": mean_class_accuracy(right, zsl.labels), "T1_per_sample": sample_accuracy(right)}
    metrics |= {f"T{k}": mean_class_accuracy(rank < k, zsl.labels) for k in top_k}
    metrics["N1_skewness"] = skewness(k_occurrence(zsl.scores, 1))
    metrics["ECE_ZSL"] = ece(zsl.scores, zsl.labels)
    return metrics, {"T1": class_accuracies(right, zsl.labels, len(zsl.seen))}


def _suffixed(suffix: str, metrics: dict[str, float]) -> dict[str, float]:
    return {f"{name}{suffix}": value for name, value in metrics.items()}


def _check(zsl: ScoredImages, gzsl: ScoredImages | None, calibration: Calibration | None, top_k: Sequence[int]) -> None:
    if zsl.seen.any():
        raise InputError(
            f"ZSL scores: {np.count_nonzero(zsl.seen)} of {len(zsl.seen)} columns are of seen classes; "
            "T1 is among the unseen ones: score those alone"
        )
    if any(k < 1 for k in top_k):
        raise InputError(f"top_k: {tuple(top_k)}; every k must be at least 1")
    if gzsl is None:
        if calibration is not None:
            raise InputError("calibration: there are no GZSL scores to apply it to; give them, or no calibration")
        return
    classes, images = np.count_nonzero(~gzsl.seen), np.count_nonzero(~gzsl.of_seen_class)
    if zsl.scores.shape != (images, classes):
        raise InputError(
            f"scores: ZSL has {zsl.scores.shape[0]} images and {zsl.scores.shape[1]} classes, but GZSL {images} images "
            f"and {classes} classes that are unseen; score the same ones"
        )
