"""Verdict on the numbers of an experiment beside a claim: the worst outcome of all published metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from zsl.outputs.claims import METRICS, Claim, tolerance
from zsl.outputs.result import Result
from zsl.outputs.schema import scale
from zsl.reporting.comparability import caveats, reasons
from zsl.reporting.equivalence import MAX_SEEDS, Difference, Outcome, difference
from zsl.reporting.table import Row
from zsl.reporting.wording import DECIMALS

ORDER: tuple[Outcome, ...] = ("worse", "inconclusive", "better", "reproduced")
"""outcomes from the worst to the best"""
Verdict: TypeAlias = Literal["reproduced", "better", "worse", "inconclusive", "not comparable"]


@dataclass(frozen=True)
class Comparison:
    """Comparison of the numbers of a row with those of a claim."""

    claim: Claim
    differences: Mapping[str, Difference]
    """metric -> ours - theirs"""
    reasons: tuple[str, ...]
    """reasons why the two cannot be compared"""
    caveats: tuple[str, ...] = ()
    """conditions of the claim that are not known"""

    @property
    def verdict(self) -> Verdict:
        """Verdict: *not comparable* where there is a reason, or no metric in common; else the worst outcome."""
        if self.reasons or not self.differences:
            return "not comparable"
        outcomes = {found.outcome for found in self.differences.values()}
        return next(outcome for outcome in ORDER if outcome in outcomes)

    @property
    def deciding(self) -> str:
        """Deciding metrics with their differences; for an inconclusive verdict also the number of seeds needed."""
        verdict = self.verdict
        if verdict in ("not comparable", "reproduced"):
            return ""
        decisive = {name: found for name, found in self.differences.items() if found.outcome == verdict}
        words = ", ".join(f"{name} {signed(name, found)}" for name, found in decisive.items())
        if verdict != "inconclusive":
            return words
        needed = [found.seeds for found in decisive.values()]
        if None not in needed:
            return f"{words}; about {max(seeds for seeds in needed if seeds is not None)} seeds would tell"
        return f"{words}; no number of seeds up to {MAX_SEEDS} would tell"

    def __str__(self) -> str:
        grounds = self.reasons or (() if self.differences else ("no number in common",))
        return ": ".join([self.verdict, *filter(None, ["; ".join(grounds) or self.deciding])])


def compare(
    result: Result,
    row: Row,
    claim: Claim,
    others: Sequence[Claim] = (),
    differences: Sequence[str] | None = None,
) -> Comparison:
    """Compare the means of a row with a claim on the same data set.

    Args:
        result: one run of the row.
        row: the row.
        claim: the published number.
        others: all claims of the experiment, whose known fingerprints identify features.
        differences: where the run was started without the experiment, in what its configuration differs from it.
    """
    shared = [name for name in METRICS if name in claim.metrics and name in row.metrics]
    return Comparison(
        claim,
        {
            name: difference(row.metrics[name], claim.metrics[name], tolerance(claim, name), row.deterministic)
            for name in shared
        },
        tuple(reasons(result, claim, others, differences)),
        tuple(caveats(claim)),
    )


def signed(name: str, found: Difference) -> str:
    """Return a difference as ``+1.2 ± 0.4``; without ± where the interval has no width, ``± ?`` where there is none."""
    digits = DECIMALS[scale(name)]
    half = " ± ?" if found.half is None else f" ± {found.half:.{digits}f}" if found.half else ""
    return f"{found.mean:+.{digits}f}{half}"
