"""Sufficient statistics of scores: what all metrics need to know of every image, gathered in one pass."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int, Int64
from numpy import ndarray as Array
from torch import Tensor

from zsl.errors import InputError
from zsl.evaluation.confidence import Probabilities, probabilities
from zsl.evaluation.scored_images import LARGEST, ScoreStream, checked_gamma

TOP = 10
"""best classes of every image that are gathered unless more are asked for"""
SAMPLE = 1 << 22
"""scores that are kept where a sample is asked for"""


@dataclass(frozen=True)
class ScoreStatistics:
    """Statistics of n images with c candidate classes; memory O(n top + c), and not O(n c)."""

    labels: Int64[Array, " n"]
    seen: Bool[Array, " c"]
    top: Int64[Array, "n top"]
    """the classes of the highest scores, the best first, and of equal scores the lowest column first, as with argmax"""
    best_seen: Int64[Array, " n"]
    """the best seen class; -1 where no class is seen"""
    best_unseen: Int64[Array, " n"]
    seen_score: Float64[Array, " n"]
    """the highest score of a seen class; -inf where no class is seen"""
    unseen_score: Float64[Array, " n"]
    probabilities: Probabilities
    """of softmax(F(x, ·)), or of σ(F(x, ·))"""
    calibrated: Probabilities | None
    """the same of (F(x, ·) - γ [y seen]) / T, where a calibration was given"""
    sample: Float[Tensor, "m c"] | None = None
    """scores of the images ``sampled``, where a sample was asked for"""
    sampled: Int64[Array, " m"] | None = None

    @property
    def of_seen_class(self) -> Bool[Array, " n"]:
        """Mask of the images that belong to a seen class."""
        return np.asarray(self.seen[self.labels])

    @property
    def margin(self) -> Float64[Array, " n"]:
        """max over seen y of F(x, y) - max over unseen y of F(x, y): the γ at which the answer changes groups.

        Raises:
            InputError: all classes are seen, or none.
        """
        if self.seen.all() or not self.seen.any():
            raise InputError(
                f"margins: all {len(self.seen)} classes are {'seen' if self.seen.all() else 'unseen'}; "
                "seen against unseen needs columns of both kinds"
            )
        return np.asarray(self.seen_score - self.unseen_score)

    def images(self, of: Bool[Array, " n"]) -> ScoreStatistics:
        """Return the statistics of the images in a mask, without a sample."""
        names = ("labels", "top", "best_seen", "best_unseen", "seen_score", "unseen_score")
        parts = {name: getattr(self, name)[of] for name in names}
        calibrated = None if self.calibrated is None else self.calibrated.images(of)
        here = self.probabilities.images(of)
        return replace(self, **parts, probabilities=here, calibrated=calibrated, sample=None, sampled=None)

    def hits(self, k: int = 1) -> Bool[Array, " n"]:
        """Return whether the true class is among the k highest scores; always with k ≥ c.

        Raises:
            InputError: k < 1, or k is more than were gathered.
        """
        self._require_gathered(k)
        return np.asarray((self.top[:, :k] == self.labels[:, None]).any(axis=1))

    def answers(self, gamma: float = 0.0) -> Int64[Array, " n"]:
        """Return argmax over y of F(x, y) - γ [y seen], calibrated stacking, for every image.

        Raises:
            InputError: γ is not finite.
        """
        checked_gamma(gamma)
        if not self.seen.any() or self.seen.all():
            return self.top[:, 0]
        stacked = self.seen_score - gamma
        first_seen = self.best_seen < self.best_unseen
        take_seen = (stacked > self.unseen_score) | ((stacked == self.unseen_score) & first_seen)
        return np.where(take_seen, self.best_seen, self.best_unseen)

    def occurrences(self, k: int) -> tuple[Int64[Array, " c"], Int64[Array, " c"]]:
        """Return N_k and BN_k [Radovanovic2010].

        N_k(y) is the number of images with class y among the k highest scores, so that Σ_y N_k(y) = n k; BN_k(y)
        counts those images of them that are of other classes.

        Raises:
            InputError: k < 1, or k is more than the number of classes, or than were gathered.
        """
        if not 1 <= k <= len(self.seen):
            raise InputError(f"k-occurrence: k = {k} with {len(self.seen)} classes; give 1 ≤ k ≤ {len(self.seen)}")
        right = self.labels[self.hits(k)]
        N = np.bincount(self.top[:, :k].ravel(), minlength=len(self.seen))
        return N, N - np.bincount(right, minlength=len(N))

    @property
    def complete(self) -> bool:
        """Whether the sample holds the scores of every image."""
        return self.sampled is not None and len(self.sampled) == len(self.labels)

    def _require_gathered(self, k: int) -> None:
        if k < 1:
            raise InputError(f"top-k: k = {k}; it must be at least 1")
        if k > self.top.shape[1] < len(self.seen):
            raise InputError(f"top-k: k = {k}, but the {self.top.shape[1]} best classes were gathered; gather more")


def gather(
    scores: ScoreStream, *, top: int = TOP, gamma: float = 0.0, temperature: float | None = None, sample: bool = False
) -> ScoreStatistics:
    """Read all scores once, block by block, and return their statistics.

    Args:
        scores: of n images for c classes.
        top: best classes of every image to gather.
        gamma: bias γ of the calibrated probabilities.
        temperature: T of the calibrated probabilities; without it there are none.
        sample: keep the scores of evenly spaced images, :data:`SAMPLE` scores or all if there are fewer.

    Raises:
        InputError: a score is NaN, infinite or beyond ±1e300, or T is not positive and finite.
    """
    if temperature is not None and not 0 < temperature < math.inf:
        raise InputError(f"temperature: {temperature}; it must be positive and finite")
    n, classes = len(scores.labels), len(scores.seen)
    k, seen = min(top, classes), torch.from_numpy(scores.seen)
    columns = [torch.from_numpy(np.flatnonzero(group)) for group in (scores.seen, ~scores.seen)]
    kept = _evenly(n, max(1, SAMPLE // classes)) if sample else np.zeros(0, np.int64)
    ids, best, highest = np.empty((n, k), np.int64), np.empty((2, n), np.int64), np.empty((2, n))
    plain, calibrated = np.empty((3, n)), None if temperature is None else np.empty((3, n))
    parts: list[Tensor] = []
    stop = 0
    for block in scores.blocks():
        start, stop = stop, stop + len(block)
        values, found = best_classes(block, k)
        _require_finite(block, values[:, 0], start, n)
        here = seen.to(block.device)
        ids[start:stop] = found.numpy(force=True)
        for place, group in enumerate(columns):
            of_group, score = _best_of(block, found, here if place == 0 else ~here, group.to(block.device))
            best[place, start:stop] = of_group.numpy(force=True)
            highest[place, start:stop] = score.numpy(force=True)
        own = block.gather(1, torch.from_numpy(scores.labels[start:stop, None]).to(block.device))[:, 0].double()
        plain[:, start:stop] = probabilities(block, own, values[:, 0].double(), sigmoid=scores.sigmoid)
        if calibrated is not None and temperature is not None:
            top_score = np.maximum(highest[0, start:stop] - gamma, highest[1, start:stop])
            after = torch.from_numpy(top_score).to(block.device)
            bias = gamma * here.double()
            biased = own - bias[torch.from_numpy(scores.labels[start:stop]).to(block.device)]
            calibrated[:, start:stop] = probabilities(block, biased, after, bias, temperature, sigmoid=scores.sigmoid)
        inside = kept[(kept >= start) & (kept < stop)] - start
        if len(inside):
            parts.append(block[torch.from_numpy(inside).to(block.device)].cpu())
    assert stop == n
    return ScoreStatistics(
        scores.labels,
        scores.seen,
        ids,
        best[0],
        best[1],
        highest[0],
        highest[1],
        Probabilities(*plain),
        None if calibrated is None else Probabilities(*calibrated),
        torch.cat(parts) if sample else None,
        kept if sample else None,
    )


def best_classes(block: Float[Tensor, "rows classes"], k: int) -> tuple[Float[Tensor, "rows k"], Int[Tensor, "rows k"]]:
    """Return the k highest scores of every row and their columns, the lowest column first among equal scores."""
    values, ids = block.topk(min(k + 1, block.shape[1]), dim=1)
    tied = (values[:, 1:] == values[:, :-1]).any(dim=1)
    if tied.any():
        stable = block[tied].sort(dim=1, descending=True, stable=True)
        ids[tied] = stable.indices[:, : ids.shape[1]]
    return values[:, :k], ids[:, :k]


def _best_of(
    block: Float[Tensor, "rows classes"],
    found: Int[Tensor, "rows k"],
    group: Bool[Tensor, " classes"],
    columns: Int[Tensor, " group"],
) -> tuple[Int[Tensor, " rows"], Float64[Tensor, " rows"]]:
    """Return the best class of a group of classes and its score, from the best of all classes where one is of it."""
    if not len(columns):
        none = found.new_full((len(block),), -1)
        return none, torch.full_like(none, -torch.inf, dtype=torch.float64)
    of_group = group[found]
    best = found.gather(1, of_group.int().argmax(dim=1, keepdim=True))[:, 0]
    missing = ~of_group.any(dim=1)
    if missing.any():
        best[missing] = columns[block[missing].index_select(1, columns).argmax(dim=1)]
    return best, block.gather(1, best[:, None])[:, 0].double()


def _require_finite(block: Float[Tensor, "rows c"], highest: Float[Tensor, " rows"], start: int, n: int) -> None:
    if not (bool((highest <= LARGEST).all()) and float(block.amin()) >= -LARGEST):  # topk ranks NaN above all
        row = start + int((~(block.double().abs() <= LARGEST).all(dim=1)).nonzero()[0])
        raise InputError(
            f"scores: row {row} of {n} holds NaN or a value beyond ±{LARGEST:g}; look for a division by zero or a "
            "training run that diverged"
        )


def _evenly(n: int, m: int) -> Int64[Array, " m"]:
    """Return m evenly spaced positions among n, or all of them."""
    return np.arange(n) if m >= n else (np.arange(m) * n) // m
