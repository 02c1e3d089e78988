"""Confidence in answers: how well probabilities fit outcomes, and what it costs to answer at all."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Float64
from numpy import ndarray as Array

from zsl.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

CACHED = 1 << 17
"""scores in float64 that the cache of a processor holds"""


@dataclass(frozen=True)
class Probabilities:
    """What metrics need to know of p = softmax(F(x, ·)) or σ(F(x, ·)) for every image, with true class y.

    Sigmoids are probabilities of c separate outcomes, which need not add up to 1: their NLL is that of all of them.
    """

    confidence: Float64[Array, " n"]
    """max_y p_y"""
    nll: Float64[Array, " n"]
    """−log p_y; with sigmoids −log p_y − Σ_{y' ≠ y} log(1 − p_y')"""
    brier: Float64[Array, " n"]
    """Σ_y' (p_y' − [y' = y])² [Brier1950], in [0, 2], with sigmoids in [0, c]"""

    def images(self, of: Bool[Array, " n"]) -> Probabilities:
        """Return those of the images in a mask."""
        return Probabilities(*(getattr(self, field.name)[of] for field in fields(self)))

    def metrics(self, suffix: str, right: Bool[Array, " n"]) -> dict[str, float]:
        """Return ``ECE``, ``NLL``, ``Brier`` and ``AURC`` with a suffix, means over images; nothing without images.

        Args:
            suffix: added to every name, such as ``_u``.
            right: whether the answer is right.
        """
        n = len(right)
        if not n:
            return {}
        found = {
            "ECE": ece(self.confidence, right),
            "NLL": float((self.nll / n).sum()),
            "Brier": float(self.brier.mean()),
            "AURC": aurc(self.confidence, right),
        }
        return {f"{name}{suffix}": value for name, value in found.items()}


def ece(confidence: Float64[Array, " n"], right: Bool[Array, " n"], bins: int = 15) -> float:
    """Return the expected calibration error Σ_b (n_b / n) |accuracy_b − confidence_b| in [0, 1] [Naeini2015, Guo2017].

    Bin b holds the images whose confidence is in ((b−1)/bins, b/bins]. Every image counts the same.

    Args:
        confidence: of the answer for every image, max_y p_y.
        right: whether the answer is right.
        bins: number of bins.

    Raises:
        InputError: bins < 1.
    """
    if bins < 1:
        raise InputError(f"ECE: {bins} bins; give at least 1")
    b = np.searchsorted(np.arange(1, bins) / bins, confidence, side="left")
    return float(np.abs(np.bincount(b, weights=right - confidence, minlength=bins)).sum() / len(confidence))


@dataclass(frozen=True)
class RiskCoverage:
    """Selective risk of a classifier that answers only the i most confident images, for i = 1 … n [ElYaniv2010]."""

    risk: Float64[Array, " n"]
    """share of wrong answers among the i most confident ones, as :func:`risks` has it"""

    @property
    def coverage(self) -> Float64[Array, " n"]:
        """i / n, the share of images that are answered."""
        return np.arange(1, len(self.risk) + 1) / len(self.risk)

    @property
    def area(self) -> float:
        """Mean of the risk over all coverages, in [0, 1]: AURC [Geifman2017]."""
        return float(self.risk.mean())

    def at(self, coverage: Float64[Array, " m"] | float) -> Float64[Array, " m"]:
        """Return the risk at the least coverage of the curve that is not below the one asked for.

        Raises:
            InputError: a coverage is not in (0, 1].
        """
        asked = np.asarray(coverage, np.float64)
        if not np.all((asked > 0) & (asked <= 1)):
            raise InputError(f"coverage: {coverage} is not in (0, 1]; give the share of images to answer")
        n = len(self.risk)
        return np.asarray(self.risk[np.clip(np.ceil(asked * n - 1e-9).astype(np.int64), 1, n) - 1])


def risk_coverage(confidence: Float64[Array, " n"], right: Bool[Array, " n"]) -> RiskCoverage:
    """Return the risk–coverage curve of answers with their confidence.

    Raises:
        InputError: there is no image.
    """
    if not len(right):
        raise InputError("risk–coverage: there is no image; give one at least")
    return RiskCoverage(risks(confidence, right))


def risks(confidence: Float64[Array, " n"], right: Bool[Array, " n"]) -> Float64[Array, " n"]:
    """Return the share of wrong answers among the i most confident ones, for i = 1 … n [ElYaniv2010].

    Images of equal confidence come in random order: the share is its expectation over their orders.
    """
    _, group, counts = np.unique(-confidence, return_inverse=True, return_counts=True)
    wrong = np.repeat(np.bincount(group, weights=~right) / counts, counts)
    return np.asarray(np.cumsum(wrong) / np.arange(1, len(wrong) + 1))


def aurc(confidence: Float64[Array, " n"], right: Bool[Array, " n"]) -> float:
    """Return the area under the risk–coverage curve in [0, 1], the mean of :func:`risks` [Geifman2017]."""
    return float(risks(confidence, right).mean())


def threshold(confidence: Float64[Array, " n"], right: Bool[Array, " n"], risk: float) -> float:
    """Return the least confidence to answer at, so that at most a share ``risk`` of the answers is wrong.

    The images must be VALIDATION images. Of all confidences that occur it is the least one with such a risk; where
    there is none, it is infinite and every image is refused.

    Raises:
        InputError: there is no image, or the risk is not in [0, 1].
    """
    if not len(confidence) or not 0 <= risk <= 1:
        raise InputError(f"threshold: risk = {risk} on {len(confidence)} images; give a risk in [0, 1] and some images")
    values, group, counts = np.unique(-confidence, return_inverse=True, return_counts=True)
    answered = np.cumsum(counts)
    wrong = np.cumsum(np.bincount(group, weights=~right))
    allowed = np.flatnonzero(wrong <= risk * answered)
    return float(-values[allowed[-1]]) if len(allowed) else np.inf


def probabilities(
    block: Float[Tensor, "rows classes"],
    own: Float64[Tensor, " rows"],
    highest: Float64[Tensor, " rows"],
    bias: Float64[Tensor, " classes"] | None = None,
    temperature: float = 1.0,
    *,
    sigmoid: bool = False,
) -> Float64[Array, "3 rows"]:
    """Return confidence, NLL and Brier score of p_y = exp((F(x, y) - bias_y - highest) / T) / Z, from Z and Σ_y p_y².

    ``own`` is F(x, y) - bias_y of the true class, and ``highest`` the largest of any: the confidence is 1 / Z. With
    ``sigmoid`` p_y = σ((F(x, y) - bias_y) / T), and the confidence is σ(highest / T).

    In main memory by NumPy, a few rows at a time: its exponential is several times as fast as PyTorch's, and what it
    writes stays in the cache of the processor.
    """
    if sigmoid:
        return _of_sigmoids(block, own / temperature, highest / temperature, bias, temperature)
    below_highest = ((own - highest) / temperature).numpy(force=True)
    if block.device.type != "cpu":
        shifted = block.double() if bias is None else block.double() - bias
        p = ((shifted - highest[:, None]) / temperature).exp_()
        return _of_sums(p.sum(dim=1).numpy(force=True), p.square_().sum(dim=1).numpy(force=True), below_highest)
    scores, top = block.numpy(), highest.numpy()[:, None]
    shift = None if bias is None else bias.numpy()
    Z, squares = np.empty((2, len(scores)))
    step = max(1, CACHED // scores.shape[1])
    with np.errstate(over="ignore", under="ignore"):
        for i in range(0, len(scores), step):
            below = scores[i : i + step].astype(np.float64)
            if shift is not None:
                below -= shift
            below -= top[i : i + step]
            if temperature != 1.0:
                below /= temperature
            np.exp(below, out=below).sum(axis=1, out=Z[i : i + step])
            np.einsum("ij,ij->i", below, below, out=squares[i : i + step])
    return _of_sums(Z, squares, below_highest)


def _of_sigmoids(
    block: Float[Tensor, "rows classes"],
    own: Float64[Tensor, " rows"],
    highest: Float64[Tensor, " rows"],
    bias: Float64[Tensor, " classes"] | None,
    temperature: float,
) -> Float64[Array, "3 rows"]:
    """Return confidence, Σ_y softplus(F_y) − F of the true class, and Σ_y p_y² − 2 p + 1 with its p."""
    from torch.nn.functional import softplus

    logits = (block.double() if bias is None else block.double() - bias) / temperature
    nll = softplus(logits).sum(dim=1) - own
    brier = logits.sigmoid().square().sum(dim=1) - 2 * own.sigmoid() + 1
    return np.stack([part.numpy(force=True) for part in (highest.sigmoid(), nll, brier)])


def _of_sums(
    Z: Float64[Array, " rows"], squares: Float64[Array, " rows"], below_highest: Float64[Array, " rows"]
) -> Float64[Array, "3 rows"]:
    nll = np.log(Z) - below_highest
    return np.stack([1 / Z, nll, squares / Z**2 - 2 * np.exp(-nll) + 1])
