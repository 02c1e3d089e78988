"""Statements of what a backbone was trained on, and of unseen classes among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jaxtyping import Bool
from numpy import ndarray as Array

from zsl.data.class_names import normalised

PREFIX = "pretraining: "
"""beginning of these notes on a card"""
OVERLAP = "are among the labels of the backbone's pretraining"
"""words of the note on unseen classes that the backbone has seen; reports warn of it"""
NAMED = 12
"""classes that the note names before it counts the others"""


def pretraining_notes(
    identity: Mapping[str, Any], names: Sequence[str], seen: Bool[Array, " classes"]
) -> tuple[str, ...]:
    """Return notes for the card of a data set: the statement of pretraining, and unseen classes that it contains.

    Classes are compared by name; a label may be several names with commas between them.

    Args:
        identity: of the backbone (:func:`zsl.backbones.backbone.identity`).
        names: of all classes.
        seen: whether each class has training images.
    """
    known = {normalised(name) for label in identity.get("labels", ()) for name in _variants(label)}
    unseen = [name for name, is_seen in zip(names, seen.tolist(), strict=True) if not is_seen]
    among = [name for name in unseen if normalised(name) in known]
    stated = f"{PREFIX}{identity.get('pretraining')}; unseen means unseen by the mapping, not by the backbone"
    if not among:
        return (stated,)
    more = f" and {len(among) - NAMED} more" if len(among) > NAMED else ""
    return stated, f"{PREFIX}{len(among)} of {len(unseen)} unseen classes {OVERLAP}: {', '.join(among[:NAMED])}{more}"


def _variants(label: str) -> tuple[str, ...]:
    """Return the names in a label: ``crane, bird`` and ``kite (bird of prey)`` are two names, and one with a remark."""
    return label, label.partition("(")[0], *label.split(",")
