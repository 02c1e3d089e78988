"""Calibrated refusal: confidence by group of images, seen, unseen and off-list, and what a threshold refuses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int64
from numpy import ndarray as Array
from torch import Tensor

from zsl.errors import InputError
from zsl.evaluation.calibration import Calibration
from zsl.evaluation.confidence import RiskCoverage, risk_coverage, threshold
from zsl.evaluation.scored_images import ScoreStream, checked_seen
from zsl.evaluation.statistics import ScoreStatistics, gather


@dataclass(frozen=True)
class Listed(ScoreStream):
    """Scores of all images for the classes of a list; images of other classes are off-list.

    Their label is 0, which means nothing: of those images only confidence is known.
    """

    scores: ScoreStream
    listed: Bool[Array, " classes"]

    @property
    def labels(self) -> Int64[Array, " n"]:  # type: ignore[override]
        """Columns among the listed classes."""
        return np.where(self.off_list, 0, (np.cumsum(self.listed) - 1)[self.scores.labels])

    @property
    def seen(self) -> Bool[Array, " listed"]:  # type: ignore[override]
        """Mask of the seen classes among the listed ones."""
        return np.asarray(self.scores.seen[self.listed])

    @property
    def off_list(self) -> Bool[Array, " n"]:
        """Mask of the images whose class is not listed."""
        return np.asarray(~self.listed[self.scores.labels])

    @property
    def sigmoid(self) -> bool:  # type: ignore[override]
        """Whether probabilities are sigmoids."""
        return self.scores.sigmoid

    def blocks(self) -> Iterator[Float[Tensor, "rows listed"]]:
        """Yield the columns of the listed classes."""
        import torch

        columns = torch.from_numpy(np.flatnonzero(self.listed))
        for block in self.scores.blocks():
            yield block.index_select(1, columns.to(block.device))


@dataclass(frozen=True)
class Refusal:
    """Confidence in the answers to all images among the listed classes, after a bias γ and a temperature T."""

    images: ScoreStatistics
    right: Bool[Array, " n"]
    """whether the answer is right; never for an image that is off-list"""
    off_list: Bool[Array, " n"]

    @property
    def groups(self) -> dict[str, Bool[Array, " n"]]:
        """Masks of the images by group; every image is in ``all`` and in one other group."""
        seen = self.images.of_seen_class & ~self.off_list
        return {
            "all": np.ones_like(seen),
            "seen": seen,
            "unseen": ~seen & ~self.off_list,
            "off-list": self.off_list,
        }

    def threshold(self, risk: float) -> float:
        """Return the least confidence to answer at for a risk, as :func:`~zsl.evaluation.confidence.threshold` does."""
        assert self.images.calibrated is not None
        return threshold(self.images.calibrated.confidence, self.right, risk)

    def curves(self) -> dict[str, RiskCoverage]:
        """Return selective risk by coverage of every group with images; among off-list ones every answer is wrong."""
        assert self.images.calibrated is not None
        confidence = self.images.calibrated.confidence
        found = {name: group for name, group in self.groups.items() if group.any()}
        return {name: risk_coverage(confidence[group], self.right[group]) for name, group in found.items()}

    def metrics(self, least: float = 0.0) -> dict[str, dict[str, float]]:
        """Return, for every group with images, their number, ECE, NLL, Brier, AURC, coverage and risk.

        Coverage is the share of the group's images that are answered, with a confidence of at least ``least``, and risk
        the share of wrong answers among these, absent where all are refused. NLL and Brier are absent where images are
        off-list; the ECE of these is their mean confidence, since every answer is wrong.
        """
        assert self.images.calibrated is not None
        found = {}
        for name, group in self.groups.items():
            if not group.any():
                continue
            p, right = self.images.calibrated.images(group), self.right[group]
            metrics = {"images": float(len(right))} | p.metrics("", right)
            if self.off_list[group].any():
                metrics = {key: value for key, value in metrics.items() if key not in ("NLL", "Brier")}
            answered = p.confidence >= least
            metrics["coverage"] = float(answered.mean())
            found[name] = metrics | ({"risk": float((~right[answered]).mean())} if answered.any() else {})
        return found


def refusal(scores: ScoreStream, listed: Bool[Array, " classes"], calibration: Calibration) -> Refusal:
    """Ask about the listed classes alone, and gather the confidence in every answer in one pass.

    Args:
        scores: of all images for all classes.
        listed: the classes that may be answered; images of others are off-list.
        calibration: bias γ and temperature T, chosen on validation classes.

    Raises:
        InputError: the mask has another shape, or no class is listed.
    """
    listed = checked_seen(listed, len(scores.seen))
    if not listed.any():
        raise InputError("refusal: no class is listed; list one at least")
    asked = Listed(scores, listed)
    images = gather(asked, gamma=calibration.gamma, temperature=calibration.temperature)
    right = (images.answers(calibration.gamma) == images.labels) & ~asked.off_list
    return Refusal(images, right, asked.off_list)
