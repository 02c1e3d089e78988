"""Distribution shift: accuracy on several test sets of one label space, and robustness beyond what it predicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool
from numpy import ndarray as Array

from zsl.errors import InputError

LEVEL = 0.995
"""of the intervals of accuracies [Taori2020]"""
Row = dict[str, str | float | int | None]


@dataclass(frozen=True)
class Line:
    """β(x) = σ(slope · logit(x) + intercept): the accuracy on shifted images that accuracy x without shift predicts.

    With ``after`` and a knee, accuracies above the knee follow the second line.
    """

    slope: float
    intercept: float
    models: int
    """number of models that it was fitted on"""
    knee: float | None = None
    """percent"""
    after: Line | None = None

    def __call__(self, accuracy: float) -> float:
        """Return the predicted accuracy in percent, for an accuracy in percent."""
        if self.after is not None and self.knee is not None and accuracy > self.knee:
            return self.after(accuracy)
        z = self.slope * _logit(accuracy) + self.intercept
        return float(100 * np.exp(-np.logaddexp(0, -z)))


BASELINES = {
    "imagenet-v2": Line(0.9232, -0.4977, 85),
    "imagenet-sketch": Line(1.0709, -2.3701, 85),
    "imagenet-r": Line(0.6368, -2.1077, 80),
    "objectnet": Line(0.9809, -1.9283, 85),
    "imagenet-a": Line(0.6894, -5.14, 33, knee=91.86, after=Line(2.956, -10.28, 51)),
}
"""Lines of standard models, trained on ImageNet without extra data or robustness training, fitted on the published
table of [Taori2020]; for imagenet-r, imagenet-a and objectnet, x is accuracy on the matching classes of ImageNet."""


@dataclass(frozen=True)
class Accuracy:
    """Accuracy in percent, with the ends of its Clopper–Pearson interval where the number of images is known."""

    percent: float
    images: int | None = None
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, right: Bool[Array, " n"]) -> Accuracy:
        """Return the share of right answers.

        Raises:
            InputError: there is no answer.
        """
        n = len(right)
        if not n:
            raise InputError("accuracy: no image; every test set needs one of the classes that are asked about")
        hits = int(np.count_nonzero(right))
        return cls(100 * hits / n, n, *clopper_pearson(hits, n))


def clopper_pearson(hits: int, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Return the exact interval of a share, hits out of n, in percent [ClopperPearson1934]."""
    from scipy.stats import beta

    tail = (1 - level) / 2
    low = beta.ppf(tail, hits, n - hits + 1) if hits else 0.0
    high = beta.ppf(1 - tail, hits + 1, n - hits) if hits < n else 1.0
    return 100 * float(low), 100 * float(high)


def fitted_line(x: Sequence[float], y: Sequence[float]) -> Line:
    """Return the least-squares line of logit(y) on logit(x), accuracies in percent of models of one kind.

    Raises:
        InputError: there are fewer than two different accuracies x.
    """
    if len(set(x)) < 2:
        raise InputError("baseline: fitted on fewer than two different accuracies; give more models of one kind")
    slope, intercept = np.polyfit([_logit(value) for value in x], [_logit(value) for value in y], 1)
    return Line(float(slope), float(intercept), len(x))


def robustness(
    models: Mapping[str, Mapping[str, Accuracy]],
    reference: str,
    lines: Mapping[str, Line] | None = None,
    references: Mapping[str, str] | None = None,
) -> list[Row]:
    """Return one row for every model and test set.

    ``drop`` is acc_ref(f) − acc(f), ``relative`` is acc(f) − acc(f₀) with f₀ the first model, and ``effective`` is
    acc(f) − β(acc_ref(f)) where the test set has a line β, all in points.

    Args:
        models: model -> test set -> accuracy; a model may lack a test set.
        reference: name of the test set without a shift.
        lines: test set -> line.
        references: test set -> name of its own reference, such as accuracy on the matching classes.

    Raises:
        InputError: a model has no accuracy on a reference.
    """
    rows: list[Row] = []
    first = next(iter(models.values()))
    for model, accuracies in models.items():
        for test, accuracy in accuracies.items():
            own = (references or {}).get(test, reference)
            if own not in accuracies:
                raise InputError(f"reference={own}: {model} has no such test set; it has {', '.join(accuracies)}")
            row: Row = {"model": model, "test set": test, "accuracy": accuracy.percent}
            if accuracy.images is not None:
                row |= {"low": accuracy.low, "high": accuracy.high, "images": accuracy.images}
            if test != own:
                base = accuracies[own].percent
                row["drop"] = base - accuracy.percent
                if lines and test in lines:
                    row["effective"] = accuracy.percent - lines[test](base)
            if accuracies is not first and test in first:
                row["relative"] = accuracy.percent - first[test].percent
            rows.append(row)
    return rows


def _logit(percent: float) -> float:
    share = min(max(percent / 100, 1e-6), 1 - 1e-6)
    return float(np.log(share / (1 - share)))
