"""Tests of paired differences, and reasons why a test cannot be made."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from zsl.errors import InputError
from zsl.outputs.statistics import summarize

ALPHA = 0.05
COUNTED = 13
"""greatest number of differences whose signs are enumerated where there are ties: 2¹³ = 8192"""
DIGITS = 9
"""decimals to which differences are rounded, so that the order of summation neither makes a difference nor breaks a tie
"""


@dataclass(frozen=True)
class Paired:
    """Tests of differences dᵢ = aᵢ - bᵢ of n pairs; ``remark`` gives the reason where a value is None."""

    n: int
    mean: float
    """d̄"""
    ci: float | None
    """half the width of the 95 % confidence interval of d̄, by Student's t"""
    d_z: float | None
    """Cohen's effect size of paired samples, d̄ / s with s the standard deviation of the dᵢ"""
    t_p: float | None
    """two-sided p of the paired t test"""
    wilcoxon_p: float | None
    """two-sided p of the signed-rank test"""
    zeros: int
    """number of pairs without a difference"""
    remark: str = ""

    @property
    def floor(self) -> float:
        """Smallest two-sided p, 2 · 2⁻ᵐ, that the signed-rank test of m differences other than zero can reach."""
        return min(1.0, 2.0 ** (1 - (self.n - self.zeros)))


def paired(a: Sequence[float], b: Sequence[float], commensurable: bool = True) -> Paired:
    """Return the paired t test and Wilcoxon's signed-rank test of H₀: no difference, and the effect size.

        t = d̄ √n / s,   d_z = d̄ / s,   s² = Σ (dᵢ - d̄)² / (n - 1)

    The signed-rank test leaves out zeros and gives ties their mean rank. Neither test is made where the dᵢ do not
    vary: one number repeated, as a deterministic method gives it with every seed, is one observation, not n. Where only
    one side is constant, the tests compare the other side with that constant.

    Args:
        a: one number per pair; pairs are independent of each other.
        b: the other number of each pair.
        commensurable: whether differences have the same scale in all pairs. Those of different data sets do not; for
            them only the signed-rank test is made.

    Sources: Student 1908; Wilcoxon 1945; Cohen 1988, § 2.3.5 (d_z); Demšar 2006, § 3.1 (between data sets).

    Raises:
        InputError: there are no pairs, or ``a`` and ``b`` have different lengths.
    """
    from scipy import stats

    if not a or len(a) != len(b):
        raise InputError(f"{len(a)} and {len(b)} numbers are no pairs; give equally many of both, at least 1")
    d = np.round(np.subtract(a, b, dtype=float), DIGITS)
    n, zeros = len(d), int((d == 0).sum())
    over = summarize(d.tolist())
    if remark := _undecidable(a, b, d):
        return Paired(n, over.mean, None, None, None, None, zeros, remark)
    wilcoxon = signed_rank(d[d != 0])
    if not commensurable:
        return Paired(n, over.mean, None, None, None, wilcoxon, zeros)
    d_z = over.mean / over.std if over.std else math.nan
    t = float(stats.ttest_1samp(d, 0.0).pvalue)
    return Paired(n, over.mean, over.ci, d_z, t, wilcoxon, zeros)


def signed_rank(d: Float[Array, " m"]) -> float:
    """Return the two-sided p of Wilcoxon's signed-rank test, with statistic Σ sign(dᵢ) rank |dᵢ| of dᵢ ≠ 0.

    Without ties p is exact up to m = 50. With ties all 2ᵐ signs are enumerated up to m = 13, a thousand times faster
    than by scipy.stats.wilcoxon; beyond these limits p is the normal approximation.
    """
    from scipy import stats

    ranks = stats.rankdata(np.abs(d))
    if len(set(ranks.tolist())) == len(d) or len(d) > COUNTED:
        return float(stats.wilcoxon(d).pvalue)
    counted = stats.permutation_test(
        (np.sign(d) * ranks,), np.sum, permutation_type="samples", vectorized=True, n_resamples=2**COUNTED
    )
    return float(counted.pvalue)


def _undecidable(a: Sequence[float], b: Sequence[float], d: Float[Array, " n"]) -> str:
    """Return the reason why these pairs cannot be tested, empty where they can."""
    if len(d) == 1:
        return "one pair"
    if not np.ptp(np.round(a, DIGITS)) and not np.ptp(np.round(b, DIGITS)):
        return "both are the same in every pair: one number repeated is one observation"
    if not d.any():
        return "no difference in any pair"
    return "" if np.ptp(d) else "the same difference in every pair: no variance to test against"


def holm(p: Sequence[float | None]) -> list[float | None]:
    """Correct the p values that are not None as one family by Holm's method, to control the family-wise error rate.

    A single p is not changed. Source: Holm 1979.

    Raises:
        InputError: statsmodels is not installed.
    """
    known = [value for value in p if value is not None]
    if len(known) < 2:
        return list(p)
    try:
        from statsmodels.stats.multitest import multipletests
    except ImportError as error:
        raise InputError("compare: Holm's correction needs statsmodels; pip install 'zsl[statistics]'") from error

    corrected = iter(multipletests(known, ALPHA, "holm")[1].tolist())
    return [None if value is None else next(corrected) for value in p]
