"""Construction of the correction that a configuration names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from zsl.config.checking import check, instantiate, plain
from zsl.config.compose import compose
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


def correction_of(name: str, hyperparameters: Hyperparameters) -> Correction:
    """Build the correction that ``correction=NAME`` chooses, with nothing left to be chosen on validation images.

    Raises:
        InputError: there is no such correction, or a hyperparameter is unknown, out of range or still to be chosen.
    """
    correction = build_correction(_node(name), hyperparameters) if hyperparameters else _default(name)
    correction.require_chosen()
    return correction


def composed_correction(overrides: Sequence[str]) -> Correction:
    """Build the correction of overrides such as ``correction=csls correction.k=5``; without any, there is none.

    Raises:
        InputError: an override is of something else, or as for :func:`correction_of`.
    """
    for word in overrides:
        if not word.startswith(("correction=", "correction.")):
            raise InputError(f"{word}: is no override of the correction; give correction=NAME or correction.KEY=VALUE")
    chosen = [word for word in overrides if word.startswith("correction=")]
    if len(chosen) > 1:
        raise InputError(f"{chosen[1]}: a correction is chosen already, {chosen[0]}; give one")
    correction = build_correction(plain(compose(overrides), "correction", CorrectionKeys), {})
    correction.require_chosen()
    return correction


@cache
def _node(name: str) -> dict[str, Any]:
    """Return the node of a correction."""
    return plain(compose([f"correction={name}"]), "correction", CorrectionKeys)


@cache
def _default(name: str) -> Correction:
    """Return a correction with its default hyperparameters, built once: a notebook may correct batch by batch."""
    return build_correction(_node(name), {})
