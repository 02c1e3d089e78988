"""Notes on the card of a data set: its backbone, what this was trained on, and unseen classes among that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jaxtyping import Bool
from numpy import ndarray as Array

from zsl.data.class_names import normalised

PREFIX = "pretraining: "
"""beginning of the notes on pretraining"""
MEANING = "; unseen means unseen by the mapping, not by the backbone"
"""end of the statement of pretraining"""
OVERLAP = "are among the labels of the backbone's pretraining"
"""words of the note on unseen classes that the backbone has seen; reports warn of it"""
NAMED = 12
"""classes that the note names before it counts the others"""
BACKBONE = "backbone: "
"""beginning of the note that names the backbone"""
LONGEST = 300
"""characters of name and transform that the note shows"""


def named_backbone(identity: Mapping[str, Any]) -> str:
    """Return ``NAME; TRANSFORM`` of a backbone, given its :func:`zsl.backbones.backbone.identity`."""
    return f"{identity['name']}; {identity['transform']}"


def backbone_note(backbone: str) -> str:
    """Return the note that names a backbone; a long transform is cut off."""
    line = " ".join(backbone.split())
    return BACKBONE + (line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…")


def pretraining_notes(
    identity: Mapping[str, Any], names: Sequence[str], seen: Bool[Array, " classes"]
) -> tuple[str, ...]:
    """Return notes for the card of a data set: the statement of pretraining, and unseen classes that it contains.

    Classes are compared by name; a label, and the name of a class, may be several names with commas between them.

    Args:
        identity: of the backbone (:func:`zsl.backbones.backbone.identity`).
        names: of all classes.
        seen: whether each class has training images.
    """
    known = {variant for label in identity.get("labels", ()) for variant in _variants(label)}
    unseen = [name for name, is_seen in zip(names, seen.tolist(), strict=True) if not is_seen]
    among = [name for name in unseen if _variants(name) & known]
    stated = f"{PREFIX}{identity.get('pretraining')}{MEANING}"
    if not among:
        return (stated,)
    more = f" and {len(among) - NAMED} more" if len(among) > NAMED else ""
    return stated, f"{PREFIX}{len(among)} of {len(unseen)} unseen classes {OVERLAP}: {', '.join(among[:NAMED])}{more}"


def on_pretraining(notes: Iterable[str]) -> tuple[str, ...]:
    """Return the notes of a card that are on pretraining."""
    return tuple(note for note in notes if note.startswith(PREFIX))


def brief(notes: Iterable[str]) -> str:
    """Return notes on pretraining as a text for one cell: ``imagenet1k``, and unseen classes among it."""
    return "; ".join(note.removeprefix(PREFIX).removesuffix(MEANING) for note in notes)


def _variants(label: str) -> set[str]:
    """Return the names in a label: ``crane, bird`` and ``kite (bird of prey)`` are two names, and one with a remark."""
    given = (label, label.partition("(")[0], *label.split(","))
    return {variant for name in given if (variant := normalised(name))}
