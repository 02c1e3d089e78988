"""Pairs of true and predicted class of test images that were classified wrongly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zsl.reporting.comparison.predictions import Predicted

AMONG = ("unseen", "seen", "all")
"""groups of test images, by their true class"""


@dataclass(frozen=True)
class ConfusedPair:
    """Pair of true and predicted class, with the number of images that were confused."""

    true: str
    predicted: str
    count: int
    share: float
    """share of the test images of the true class"""
    images: tuple[str, ...]
    """paths of the images, each once; empty where they are not known"""


def confusions(runs: Sequence[Predicted], among: str) -> list[ConfusedPair]:
    """Return the confusions of images of a group over all runs, the most frequent first."""
    counts: Counter[tuple[str, str]] = Counter()
    totals: Counter[str] = Counter()
    images: dict[tuple[str, str], dict[str, None]] = {}
    for run in runs:
        for i, (label, answer, unseen) in enumerate(zip(run.labels, run.predicted, run.unseen, strict=True)):
            if among != "all" and unseen != (among == "unseen"):
                continue
            totals[run.classes[label]] += 1
            if label != answer:
                pair = run.classes[label], run.classes[answer]
                counts[pair] += 1
                images.setdefault(pair, {}).update({run.images[i]: None} if run.images else {})
    made = [ConfusedPair(*pair, n, n / totals[pair[0]], tuple(images[pair])) for pair, n in counts.items()]
    return sorted(made, key=lambda it: (-it.count, -it.share, it.true, it.predicted))
