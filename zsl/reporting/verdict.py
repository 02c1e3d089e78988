"""What is said of an experiment's numbers beside a claim: every published metric counts, and the worst decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from zsl.outputs.claims import METRICS, Claim, tolerance
from zsl.outputs.result import Result
from zsl.outputs.schema import scale
from zsl.reporting.comparability import caveats, reasons
from zsl.reporting.equivalence import Difference, Outcome, difference
from zsl.reporting.table import Row
from zsl.reporting.wording import DECIMALS

ORDER: tuple[Outcome, ...] = ("worse", "inconclusive", "better", "reproduced")
"""from the worst to the best"""
Verdict: TypeAlias = Literal["reproduced", "better", "worse", "inconclusive", "not comparable"]


@dataclass(frozen=True)
class Comparison:
    """Numbers found here beside those of a claim."""

    claim: Claim
    differences: Mapping[str, Difference]
    """metric -> ours - theirs"""
    reasons: tuple[str, ...]
    """why the two cannot be compared"""
    caveats: tuple[str, ...] = ()
    """what is not known of the claim"""

    @property
    def verdict(self) -> Verdict:
        """*Not comparable* where there is a reason, or no number in common; else the worst outcome of any metric."""
        if self.reasons or not self.differences:
            return "not comparable"
        outcomes = {found.outcome for found in self.differences.values()}
        return next(outcome for outcome in ORDER if outcome in outcomes)

    @property
    def deciding(self) -> str:
        """The metrics that decide, with their differences; of an inconclusive verdict how many seeds it would take."""
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
        return f"{words}; no number of seeds up to 1000 would tell"

    def __str__(self) -> str:
        grounds = self.reasons or (() if self.differences else ("no number in common",))
        return ": ".join([self.verdict, *filter(None, ["; ".join(grounds) or self.deciding])])


def compare(result: Result, row: Row, claim: Claim, others: Sequence[Claim] = ()) -> Comparison:
    """The means of ``row``, of which ``result`` is one run, beside what was claimed of the same data set.

    ``others`` are claims whose known features may unmask a file by its content.
    """
    shared = [name for name in METRICS if name in claim.metrics and name in row.metrics]
    return Comparison(
        claim,
        {
            name: difference(row.metrics[name], claim.metrics[name], tolerance(claim, name), row.deterministic)
            for name in shared
        },
        tuple(reasons(result, claim, others)),
        tuple(caveats(claim)),
    )


def signed(name: str, found: Difference) -> str:
    """``+1.2 ± 0.4``; without ± where the interval has no width, ``± ?`` where there is none."""
    digits = DECIMALS[scale(name)]
    half = " ± ?" if found.half is None else f" ± {found.half:.{digits}f}" if found.half else ""
    return f"{found.mean:+.{digits}f}{half}"
