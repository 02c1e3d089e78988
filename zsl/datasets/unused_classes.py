"""Classes without an image in any split: removed, or kept as candidate labels (distractors)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64
from numpy import ndarray as Array

from zsl.data.dataset import ClassDescriptions
from zsl.files.named_arrays import listed

NAMED = 100
"""classes that the note names before it counts the others"""


def without_unused(
    classes: ClassDescriptions, labels: Int64[Array, " n"], used: Int64[Array, " c"], keep: bool
) -> tuple[ClassDescriptions, Int64[Array, " n"], list[str]]:
    """Return classes and labels without the classes that no split uses, and a list of at most one note on them.

    Args:
        classes: all classes.
        labels: positions in ``classes``, or -1; images of a removed class get -1.
        used: positions of the classes that have an image in some split, in ascending order.
        keep: keep the unused classes as candidate labels (``data.distractors``) and only add the note.
    """
    unused = np.setdiff1d(np.arange(len(classes.names)), used)
    if not len(unused):
        return classes, labels, []
    what = "kept as further answers" if keep else "left out (data.distractors=true keeps them as answers)"
    names = listed((classes.names[i] for i in unused), NAMED)
    note = f"{len(unused)} classes have no image in any split, {what}: {names}"
    if keep:
        return classes, labels, [note]
    position = np.full(len(classes.names) + 1, -1)
    position[used] = np.arange(len(used))
    return classes.take(used.tolist()), position[labels], [note]
