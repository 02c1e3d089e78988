"""Construction of the correction that a configuration names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zsl.config.checking import check, instantiate
from zsl.config.settings import CorrectionKeys
from zsl.errors import InputError
from zsl.evaluation.corrections.correction import Correction
from zsl.selection.space import Hyperparameters


def build_correction(correction: Mapping[str, Any], hyperparameters: Hyperparameters) -> Correction:
    """Build the correction of a ``correction`` node, with some of its hyperparameters replaced.

    Hyperparameters that the node leaves open are still to be chosen.

    Raises:
        InputError: a hyperparameter is unknown or out of range.
    """
    own = [name for name in correction if name != "_target_"]
    for name in sorted(set(hyperparameters) - set(own)):
        has = f"it has {', '.join(own)}" if own else "it has none"
        raise InputError(f"sweep.correction.{name}: the correction has no such hyperparameter; {has}")
    node = {**correction, **hyperparameters}
    check("correction", node, CorrectionKeys)
    return instantiate(node, "correction", Correction)  # type: ignore[type-abstract]
