"""Several labels an image: AUROC, average precision, F1 and MCC by class, thresholds and bootstrap."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float64, Int64
from numpy import ndarray as Array

from zsl.errors import InputError
from zsl.evaluation.scored_images import checked_scores, checked_seen

DRAWS = 1 << 22
"""counts of images in a block of bootstrap draws"""
Criterion = Literal["mcc", "f1"]


@dataclass(frozen=True)
class LabelledScores:
    """Scores of n images for every class, and whether the image has the class as one of its labels.

    Raises:
        InputError: shapes differ, a score is not finite, or labels are not boolean or 0 and 1.
    """

    scores: Float64[Array, "n classes"]
    labels: Bool[Array, "n classes"]

    def __post_init__(self) -> None:
        scores, labels = checked_scores(self.scores).astype(np.float64), np.asarray(self.labels)
        if labels.shape != scores.shape:
            raise InputError(f"labels: shape {labels.shape} for scores of shape {scores.shape}; give 0 or 1 for each")
        if labels.dtype != np.bool_ and not np.isin(labels, (0, 1)).all():
            raise InputError("labels: hold other values than 0 and 1; give 1 for every label that an image has, else 0")
        object.__setattr__(self, "scores", scores)
        object.__setattr__(self, "labels", labels.astype(bool))

    def metrics(self, thresholds: Float64[Array, " classes"] | None = None) -> dict[str, Float64[Array, " classes"]]:
        """Return ``AUROC``, ``AP``, and with thresholds ``F1`` and ``MCC`` of every class, NaN where not defined."""
        ones = np.ones((1, len(self.scores)), np.int64)
        return {name: values[0] for name, values in self._weighted(ones, thresholds).items()}

    def bootstrap(
        self, thresholds: Float64[Array, " classes"] | None = None, draws: int = 1000, seed: int = 0
    ) -> dict[str, Float64[Array, "draws classes"]]:
        """Return the metrics of ``draws`` samples of n images with replacement, the same images for every class."""
        parts = [self._weighted(counts, thresholds) for counts in drawn_images(len(self.scores), draws, seed)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _weighted(
        self, counts: Int64[Array, "draws n"], thresholds: Float64[Array, " classes"] | None
    ) -> dict[str, Float64[Array, "draws classes"]]:
        """Return the metrics of samples in which image i occurs ``counts[·, i]`` times."""
        columns = [ranking_metrics(s, y, counts) for s, y in zip(self.scores.T, self.labels.T, strict=True)]
        found = {name: np.stack([column[i] for column in columns], axis=1) for i, name in enumerate(("AUROC", "AP"))}
        if thresholds is not None:
            answers = self.scores >= thresholds
            cells = (answers & self.labels, answers & ~self.labels, ~answers & self.labels, ~answers & ~self.labels)
            table = [(counts @ cell.astype(np.int64)).astype(np.float64) for cell in cells]
            found |= {"F1": f1(*table[:3]), "MCC": mcc(*table)}
        return found


def drawn_images(n: int, draws: int, seed: int) -> Iterator[Int64[Array, "block n"]]:
    """Yield, block by block, how often each of n images occurs in samples of n images with replacement."""
    rng, step = np.random.default_rng(seed), max(1, DRAWS // n)
    for start in range(0, draws, step):
        yield rng.multinomial(n, np.full(n, 1 / n), min(step, draws - start))


def ranking_metrics(
    scores: Float64[Array, " n"], labels: Bool[Array, " n"], counts: Int64[Array, "draws n"]
) -> tuple[Float64[Array, " draws"], Float64[Array, " draws"]]:
    """Return AUROC, P(F⁺ > F⁻) + ½ P(F⁺ = F⁻), and average precision, Σ_t (R_t − R_{t−1}) P_t over distinct scores t.

    AUROC is NaN without positive or negative images, and average precision without positive ones.
    """
    order = np.argsort(-scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=np.inf))
    weights = counts[:, order]
    positive = np.add.reduceat(weights * labels[order], starts, axis=1).astype(np.float64)
    negative = np.add.reduceat(weights * ~labels[order], starts, axis=1).astype(np.float64)
    P, N = np.cumsum(positive, axis=1), np.cumsum(negative, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        auroc = (negative * (P - positive / 2)).sum(axis=1) / (P[:, -1] * N[:, -1])
        precision = np.where(P + N > 0, P / (P + N), 0)
        return auroc, (positive * precision).sum(axis=1) / P[:, -1]


def f1(tp: Array, fp: Array, fn: Array) -> Array:
    """Return 2 TP / (2 TP + FP + FN); NaN where nothing is a label and nothing is answered."""
    with np.errstate(invalid="ignore"):
        return np.asarray(2 * tp / (2 * tp + fp + fn))


def mcc(tp: Array, fp: Array, fn: Array, tn: Array) -> Array:
    """Return the correlation of answers and labels [Matthews1975]; NaN where one of them is constant."""
    with np.errstate(invalid="ignore", divide="ignore"):
        product = np.sqrt(tp + fp) * np.sqrt(tp + fn) * np.sqrt(tn + fp) * np.sqrt(tn + fn)
        return np.asarray(np.where(product > 0, (tp * tn - fp * fn) / product, np.nan))


def best_threshold(scores: Float64[Array, " n"], labels: Bool[Array, " n"], criterion: Criterion = "mcc") -> float:
    """Return the score from which on to answer yes, so that MCC or F1 is largest on VALIDATION images.

    Of several the highest; where the criterion is defined for none, as without positive images, +inf: never.
    """
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.diff(scores[order], append=-np.inf))
    tp = np.cumsum(labels[order])[last].astype(np.float64)
    fp = last + 1 - tp
    fn, tn = tp[-1] - tp, fp[-1] - fp
    value = f1(tp, fp, fn) if criterion == "f1" else mcc(tp, fp, fn, tn)
    if not labels.any() or np.isnan(value).all():
        return np.inf
    return float(scores[order][last[np.nanargmax(value)]])


def thresholds_of(
    validation: LabelledScores, seen: Bool[Array, " classes"], criterion: Criterion = "mcc"
) -> Float64[Array, " classes"]:
    """Return a threshold for every class: its own for a seen class, one pooled over seen classes for unseen ones.

    Labels of unseen classes are not read.

    Raises:
        InputError: no class is seen.
    """
    if not checked_seen(seen, validation.scores.shape[1]).any():
        raise InputError("thresholds: no class is seen; thresholds come from validation labels of seen classes")
    pooled = best_threshold(validation.scores[:, seen].ravel(), validation.labels[:, seen].ravel(), criterion)
    own = [
        best_threshold(scores, labels, criterion)
        for scores, labels in zip(validation.scores[:, seen].T, validation.labels[:, seen].T, strict=True)
    ]
    found = np.full(len(seen), pooled)
    found[seen] = own
    return found


def interval(draws: Float64[Array, "draws ..."], level: float = 0.95) -> Float64[Array, "2 ..."]:
    """Return the percentile interval over the draws in which a metric is defined; NaN where it never is."""
    tail = 50 * (1 - level)
    return np.asarray(_quiet(lambda: np.nanpercentile(draws, [tail, 100 - tail], axis=0)))


def mean_of_defined(values: Float64[Array, "... classes"]) -> Float64[Array, "..."]:
    """Return the mean over the classes for which a metric is defined; NaN where it is for none."""
    return np.asarray(_quiet(lambda: np.nanmean(values, axis=-1)))


def _quiet(compute: Callable[[], Array]) -> Array:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # "All-NaN slice": the answer is NaN
        return compute()


def pair_log_odds(
    images: Float64[Array, "n d"],
    positive: Float64[Array, "classes d"],
    negative: Float64[Array, "classes d"],
    scale: float = 1.0,
) -> Float64[Array, "n classes"]:
    """Return log p / (1 − p), p = e^{s cos(x, "y")} / (e^{s cos(x, "y")} + e^{s cos(x, "no y")}), for unit vectors.

    s = 1 is the rule of [Tiu2022], without a temperature, which keeps p near ½; s = exp(logit scale) is the model's.
    The order of images within a class is the same for every s > 0, and so are AUROC and average precision.
    """
    return sigmoid_log_odds(images, positive - negative, scale)


def sigmoid_log_odds(
    images: Float64[Array, "n d"], texts: Float64[Array, "classes d"], scale: float, bias: float = 0.0
) -> Float64[Array, "n classes"]:
    """Return log p / (1 − p) = s x·t + b, where p, of each class alone, need not sum to 1 [Zhai2023]."""
    return np.asarray(scale * (images @ texts.T) + bias)


def probability(log_odds: Float64[Array, "..."]) -> Float64[Array, "..."]:
    """Return p = 1 / (1 + e^{−z}) of log-odds z, infinite ones too."""
    return np.asarray(np.exp(-np.logaddexp(0, -np.asarray(log_odds, np.float64))))
