"""Evaluation: every metric, from two streams of scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped
from numpy import ndarray as Array

from zsl.data.hierarchy import Hierarchy
from zsl.errors import InputError
from zsl.evaluation.accuracy import class_accuracies, mean_class_accuracy, sample_accuracy
from zsl.evaluation.calibration import Calibration, best_temperature
from zsl.evaluation.confidence import Probabilities
from zsl.evaluation.curve import SeenUnseenCurve, best_gamma, seen_unseen_curve
from zsl.evaluation.gzsl import seen_unseen_auroc, split_u_s_H, u_s_H
from zsl.evaluation.hierarchical import hierarchical_precision
from zsl.evaluation.hubness import skewness
from zsl.evaluation.scored_images import ScoredImages, ScoreStream
from zsl.evaluation.statistics import TOP, ScoreStatistics, gather

__all__ = ["Calibration", "Evaluation", "ScoredImages", "calibrate", "evaluate", "oracle"]


@dataclass(frozen=True)
class Evaluation:
    """Every metric of one model on one protocol.

    ``metrics`` holds finite floats. Percent: ``T1`` and ``T<k>`` (ZSL), ``u``, ``s``, ``H`` and ``u_calibrated``,
    ``s_calibrated``, ``H_calibrated`` (GZSL), ``u_top<k>`` and ``s_top<k>`` (GZSL, the true class among the k best of
    all classes), ``u_split``, ``s_split`` and ``H_split`` (unseen images among unseen classes alone, seen ones among
    seen classes alone: new and base of the base-to-new protocol), all of them means over classes, and
    ``T1_per_sample``, ``T<k>_per_sample``, ``u_per_sample``, ``s_per_sample``, ``H_per_sample``,
    ``u_top<k>_per_sample``, ``s_top<k>_per_sample``. With a hierarchy, ``hp<k>`` (ZSL) and ``u_hp<k>`` (GZSL),
    :func:`~zsl.evaluation.hierarchical.hierarchical_precision` in percent, over classes and ``_per_sample``. In [0, 1]:
    ``AUSUC``, ``AUSUC_per_sample``, ``AUROC``, ``ECE_ZSL``, ``ECE_GZSL``, ``ECE_u``, ``ECE_s`` (images of unseen or
    seen classes, among all classes), and ``ECE_calibrated``, ``ECE_u_calibrated``, ``ECE_s_calibrated`` (GZSL scores
    after γ and T); for each of them ``NLL`` (nats), ``Brier`` (in [0, 2] with softmax) and ``AURC`` (area under the
    risk–coverage curve, in [0, 1]), means over images.
    ``N1_skewness`` (ZSL) has no unit. What is not defined, such as s where no test image is of a seen class, is absent.

    ``per_class`` holds top-1 accuracies in percent: ``T1`` by column of the ZSL scores, ``u`` by unseen and ``s`` by
    seen column of the GZSL scores, NaN for a class without images. ``curve`` is that of ``AUSUC``.
    """

    metrics: dict[str, float]
    per_class: dict[str, Float64[Array, " classes"]]
    zsl: ScoreStatistics
    gzsl: ScoreStatistics | None = None
    curve: SeenUnseenCurve | None = None


def evaluate(
    zsl: ScoreStream,
    gzsl: ScoreStream | None = None,
    *,
    calibration: Calibration | None = None,
    top_k: Sequence[int] = (5,),
    hierarchy: Hierarchy | None = None,
    classes: Sequence[str] = (),
) -> Evaluation:
    """Return every metric of ``zsl`` (unseen images × unseen classes) and ``gzsl`` (all test images × all classes).

    Every score is made once and is not kept. ``calibration`` must come from validation (:func:`calibrate`). T<k> is 100
    where there are no more than k classes. Without ``gzsl`` only ZSL metrics are given; without seen test images all
    that needs them is left out. ``hierarchy`` is that of ``classes``, the names of the columns of ``gzsl``, or of
    ``zsl`` where there is no ``gzsl``; its metrics are given for every k of ``top_k`` up to the number of classes.

    Raises:
        InputError: a column of ``zsl`` is of a seen class, ``zsl`` and ``gzsl`` do not hold as many unseen classes
            and images, some k < 1, a calibration without ``gzsl``, or a score that is not finite.
    """
    _check(zsl, gzsl, calibration, top_k)
    nodes = None if hierarchy is None else hierarchy.nodes(classes)
    unseen = gather(zsl, top=max(TOP, *top_k))
    metrics, per_class = _zsl(unseen, top_k)
    if hierarchy is not None and nodes is not None:
        of_zsl = nodes if gzsl is None else nodes[~gzsl.seen]
        metrics |= _hierarchical("hp", unseen, hierarchy, of_zsl, top_k)
    if gzsl is None:
        return Evaluation(metrics, per_class, unseen)

    gamma, temperature = (0.0, None) if calibration is None else (calibration.gamma, calibration.temperature)
    every = gather(gzsl, top=max(TOP, *top_k), gamma=gamma, temperature=temperature)
    hit = every.hits()
    metrics |= u_s_H(every) | _suffixed("_per_sample", u_s_H(every, per_class=False))
    metrics |= _suffixed("_split", split_u_s_H(every))
    for name, of_group in (("u", ~every.of_seen_class), ("s", every.of_seen_class)):
        if of_group.any():
            for k in top_k:
                metrics |= _averages(f"{name}_top{k}", every.hits(k)[of_group], every.labels[of_group])
    if hierarchy is not None and nodes is not None:
        metrics |= _hierarchical("u_hp", every.images(~every.of_seen_class), hierarchy, nodes, top_k)
    metrics |= _confidence(every, every.probabilities, hit, "_GZSL", "")
    accuracies = class_accuracies(hit, every.labels, len(every.seen))
    per_class |= {name: accuracies[group] for name, group in (("u", ~every.seen), ("s", every.seen)) if name in metrics}

    curve = None
    if "H" in metrics:
        curve = seen_unseen_curve(every)
        metrics |= {"AUSUC": curve.AUSUC, "AUSUC_per_sample": seen_unseen_curve(every, per_class=False).AUSUC}
        metrics["AUROC"] = seen_unseen_auroc(every)
    if every.calibrated is not None:
        metrics |= _suffixed("_calibrated", u_s_H(every, gamma))
        right = every.answers(gamma) == every.labels
        metrics |= _confidence(every, every.calibrated, right, "_calibrated", "_calibrated")
    return Evaluation(metrics, per_class, unseen, every, curve)


def calibrate(validation: ScoreStream, statistics: ScoreStatistics | None = None) -> Calibration:
    """Return the γ that maximises H on validation scores (all images × all classes), and T for γ-biased scores.

    "Seen" are the classes trained on, "unseen" the validation classes; no test image may be among ``validation``.

    Args:
        validation: the scores.
        statistics: of these scores, with a sample, if they were gathered already.

    Raises:
        InputError: seen or unseen images, or classes, are missing.
    """
    statistics = statistics or gather(validation, sample=True)
    gamma = best_gamma(statistics)
    return Calibration(gamma, best_temperature(statistics, validation, gamma))


def oracle(gzsl: ScoreStream) -> dict[str, float]:
    """Return ``u†``, ``s†``, ``H†`` in percent: calibrated stacking with the γ that is best on the TEST scores.

    An upper bound on what a bias can reach, not a result: † marks numbers that were chosen on the test set.

    Raises:
        InputError: seen or unseen images, or classes, are missing.
    """
    best = seen_unseen_curve(gather(gzsl)).best()
    return {"u†": best.u, "s†": best.s, "H†": best.H}


def _zsl(zsl: ScoreStatistics, top_k: Sequence[int]) -> tuple[dict[str, float], dict[str, Array]]:
    right = zsl.hits()
    metrics = _averages("T1", right, zsl.labels)
    for k in top_k:
        metrics |= _averages(f"T{k}", zsl.hits(k), zsl.labels)
    metrics["N1_skewness"] = skewness(zsl.occurrences(1)[0])
    metrics |= zsl.probabilities.metrics("_ZSL", right)
    return metrics, {"T1": class_accuracies(right, zsl.labels, len(zsl.seen))}


def _confidence(
    every: ScoreStatistics, of: Probabilities, right: Bool[Array, " n"], all_images: str, suffix: str
) -> dict[str, float]:
    """Return the metrics of confidence of all images, and of those of unseen and of seen classes apart."""
    groups = {all_images: np.ones_like(right), f"_u{suffix}": ~every.of_seen_class, f"_s{suffix}": every.of_seen_class}
    return {k: v for name, group in groups.items() for k, v in of.images(group).metrics(name, right[group]).items()}


def _hierarchical(
    name: str, images: ScoreStatistics, hierarchy: Hierarchy, nodes: Int64[Array, " c"], top_k: Sequence[int]
) -> dict[str, float]:
    ks = [k for k in top_k if k <= len(nodes)]
    precision = hierarchical_precision(images, hierarchy, nodes, ks)
    return {
        key: value
        for k, of_images in zip(ks, precision, strict=True)
        for key, value in _averages(f"{name}{k}", of_images, images.labels).items()
    }


def _averages(name: str, hit: Shaped[Array, " n"], labels: Int64[Array, " n"]) -> dict[str, float]:
    return {name: mean_class_accuracy(hit, labels), f"{name}_per_sample": sample_accuracy(hit)}


def _suffixed(suffix: str, metrics: dict[str, float]) -> dict[str, float]:
    return {f"{name}{suffix}": value for name, value in metrics.items()}


def _check(zsl: ScoreStream, gzsl: ScoreStream | None, calibration: Calibration | None, top_k: Sequence[int]) -> None:
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
    classes, images = int(np.count_nonzero(~gzsl.seen)), int(np.count_nonzero(~gzsl.of_seen_class))
    if (len(zsl.labels), len(zsl.seen)) != (images, classes):
        raise InputError(
            f"scores: ZSL has {len(zsl.labels)} images and {len(zsl.seen)} classes, but GZSL {images} images "
            f"and {classes} classes that are unseen; score the same ones"
        )
