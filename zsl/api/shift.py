"""``zsl.shift``: one or several models on several test sets of one label space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zsl.errors import InputError
from zsl.evaluation.shift import Accuracy, Line, Row, robustness
from zsl.prediction.arrays import array_of, require_one_each
from zsl.prediction.predictor import Predictor


def shift(
    models: Mapping[str, Predictor],
    tests: Mapping[str, tuple[Any, Sequence[str]]],
    reference: str,
    *,
    labels: Sequence[str] | None = None,
    lines: Mapping[str, Line] | None = None,
) -> list[Row]:
    """Return accuracy, drop, relative and effective robustness of every model on every test set, in percent.

    Args:
        models: name -> model.
        tests: name -> features of images and the names of their classes; the same label space for all.
        reference: name of the test set without a shift.
        labels: classes that are asked about, such as 200 of 1,000: images of other classes are left out of every test
            set, the reference too, and only these classes are answered. By default all classes of a model.
        lines: test set -> line of standard models, for effective robustness; see
            :data:`~zsl.evaluation.shift.BASELINES` and :func:`~zsl.evaluation.shift.fitted_line`.

    Raises:
        InputError: there is no model or no such reference, arrays do not fit together, or a class is none of a model's.
    """
    if not models:
        raise InputError("models: there is none; give one at least")
    if reference not in tests:
        raise InputError(f"reference={reference}: is no test set; choose one of {', '.join(tests)}")
    found: dict[str, dict[str, Accuracy]] = {name: {} for name in models}
    for name, model in models.items():
        space = model.label_space(None if labels is None else list(labels))
        for test, (x, y) in tests.items():
            features, own = array_of(f"tests[{test!r}]", x), np.asarray(list(y), dtype=object)
            require_one_each(features, own)
            kept = np.isin(own, space.names)
            if labels is None and not kept.all():
                raise InputError(f"tests[{test!r}]: {own[~kept][0]!r} is no class of {name}; give labels, or rename it")
            if not kept.any():
                raise InputError(f"tests[{test!r}]: holds no image of the labels; give names of its classes")
            answers = model.predict(features[kept], space).labels[:, 0]
            found[name][test] = Accuracy.of(answers == own[kept])
    return robustness(found, reference, lines)
