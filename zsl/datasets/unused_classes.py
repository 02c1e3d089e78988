"""Classes without an image in any split: left out, or kept as further answers."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64
from numpy import ndarray as Array

from zsl.data.dataset import ClassDescriptions


def without_unused(
    classes: ClassDescriptions, labels: Int64[Array, " n"], used: Int64[Array, " c"], keep: bool
) -> tuple[ClassDescriptions, Int64[Array, " n"], list[str]]:
    """Return classes and labels without the classes that no split uses, or as they are, and a note on such classes.

    Args:
        classes: all classes.
        labels: positions in ``classes``, or -1; images of a class that is left out get -1.
        used: positions of the classes that have an image in some split, in ascending order.
        keep: keep the others as further answers (``data.distractors``).
    """
    idle = np.setdiff1d(np.arange(len(classes.names)), used)
    if not len(idle):
        return classes, labels, []
    what = "kept as further answers" if keep else "left out (data.distractors=true keeps them as answers)"
    note = f"{len(idle)} classes have no image in any split, {what}: " + ", ".join(classes.names[i] for i in idle)
    if keep:
        return classes, labels, [note]
    position = np.full(len(classes.names) + 1, -1)
    position[used] = np.arange(len(used))
    return classes.take(used.tolist()), position[labels], [note]
