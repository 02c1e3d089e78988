"""The oracle gap: what choosing on the test set adds to choosing on validation classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from zsl.reporting.schema import DAGGER
from zsl.reporting.table import Identity, Row

GAPS = ("T1", "H")
"""metrics whose oracle gap is shown"""


@dataclass(frozen=True)
class OracleGap:
    """What choosing on the test set, as ``row`` did, adds to choosing on validation classes."""

    row: Row
    of: Mapping[str, tuple[float, float]]
    """metric -> its mean as chosen on the test set (†), and as chosen on validation classes"""


def oracle_gaps(rows: Sequence[Row]) -> list[OracleGap]:
    """Every row whose choices were made on the test set, wherever the same was also chosen on validation classes."""
    honest = {_but_for_selection(row.identity): row for row in rows if row.identity.policy == "validation"}
    pairs = [(row, honest.get(_but_for_selection(row.identity))) for row in rows if row.identity.policy == "test"]
    return [
        OracleGap(
            row,
            {
                name: (row.metrics[name + DAGGER].mean, other.metrics[name].mean)
                for name in GAPS
                if name + DAGGER in row.metrics and name in other.metrics
            },
        )
        for row, other in pairs
        if other is not None
    ]


def in_words(gap: OracleGap) -> str:
    """The gap as a note under a table."""
    of = gap.row.identity
    gaps = (
        f"{name} {best:.1f}{DAGGER} - {honest:.1f} = {best - honest:+.1f}" for name, (best, honest) in gap.of.items()
    )
    return f"oracle gap of {of.method}, {of.data_title}: {', '.join(gaps)}"


def _but_for_selection(of: Identity) -> Identity:
    return replace(of, policy="", config=tuple(pair for pair in of.config if pair[0] != "selection.policy"))
