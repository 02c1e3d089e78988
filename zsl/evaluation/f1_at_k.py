"""Generalized F1@k of several labels an image: u over unseen classes, s over seen ones, H, and their bootstrap."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64, Int64
from numpy import ndarray as Array

from zsl.errors import InputError
from zsl.evaluation.gzsl import harmonic_mean
from zsl.evaluation.multilabel import LabelledScores, drawn_images
from zsl.evaluation.scored_images import checked_gamma, checked_seen


def u_s_H_at(images: LabelledScores, seen: Bool[Array, " classes"], k: int, gamma: float = 0.0) -> dict[str, float]:
    """Return u, s and H of F1@k in percent: every image is given the k best classes of all, seen ones less γ.

    u is the F1 over all (image, unseen class) pairs, s over all (image, seen class) pairs, and H their harmonic mean.
    Of equal scores the lowest column comes first. A group without a label and without an answer has no F1.

    Raises:
        InputError: k is not between 1 and the number of classes.
    """
    pairs = _pairs_at(images, seen, k, gamma)
    found = _u_s_H(pairs, np.ones((1, len(images.scores)), np.int64))
    return {name: float(value[0]) for name, value in found.items()}


def u_s_H_draws(
    images: LabelledScores,
    seen: Bool[Array, " classes"],
    k: int,
    gamma: float = 0.0,
    draws: int = 1000,
    seed: int = 0,
) -> dict[str, Float64[Array, " draws"]]:
    """Return u, s and H of F1@k in the samples of images that :meth:`LabelledScores.bootstrap` draws.

    A draw has the same images in u, in s and in H, which is that of its u and s. NaN where a draw holds no label and no
    answer of a group; a group that has none in any image is absent, as in :func:`u_s_H_at`.

    Raises:
        InputError: k is not between 1 and the number of classes.
    """
    pairs = _pairs_at(images, seen, k, gamma)
    parts = [_u_s_H(pairs, counts) for counts in drawn_images(len(images.scores), draws, seed)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _pairs_at(
    images: LabelledScores, seen: Bool[Array, " classes"], k: int, gamma: float
) -> dict[str, Int64[Array, "2 n"]]:
    """Return for u and s, of every image, TP and 2 TP + FP + FN; nothing of a group that has no label and no answer."""
    n, classes = images.scores.shape
    if not 1 <= k <= classes:
        raise InputError(f"F1@k: k = {k} with {classes} classes; give 1 ≤ k ≤ {classes}")
    stacked = images.scores - checked_gamma(gamma) * checked_seen(seen, classes)
    answers = np.zeros((n, classes), dtype=bool)
    np.put_along_axis(answers, np.argsort(-stacked, axis=1, kind="stable")[:, :k], values=True, axis=1)
    found = {}
    for name, group in (("u", ~seen), ("s", seen)):
        given, labels = answers[:, group], images.labels[:, group]
        if given.any() or labels.any():
            found[name] = np.stack([(given & labels).sum(axis=1), given.sum(axis=1) + labels.sum(axis=1)])
    return found


def _u_s_H(
    pairs: dict[str, Int64[Array, "2 n"]], counts: Int64[Array, "draws n"]
) -> dict[str, Float64[Array, " draws"]]:
    """Return u and s in percent, and H where there are both, of samples in which image i occurs counts[·, i] times."""
    with np.errstate(invalid="ignore"):
        found = {name: 200 * (counts @ of[0]) / (counts @ of[1]) for name, of in pairs.items()}
    if len(found) == 2:
        u, s = found["u"], found["s"]
        both = ~np.isnan(u + s)
        H = np.full(len(counts), np.nan)
        H[both] = harmonic_mean(u[both], s[both])
        found["H"] = H
    return found
