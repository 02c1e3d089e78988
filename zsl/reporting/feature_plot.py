"""Plot of real and synthetic features of a few classes in two principal components of the real ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from matplotlib.figure import Figure
from numpy import ndarray as Array

from zsl.files.escaping import drawn
from zsl.reporting.drawing import image, style

MOST = 100
"""points per class that are drawn, real and synthetic each"""


def draw(
    real: Float[Array, "n d"],
    labels: Int[Array, " n"],
    synthetic: Float[Array, "m d"],
    synthetic_labels: Int[Array, " m"],
    names: Sequence[str],
    form: str,
) -> bytes:
    """Draw features in the first two principal components of the real ones: real dots, synthetic crosses.

    Each class has a colour. Equal features give identical bytes.

    Args:
        real: real features.
        labels: their classes, as positions in ``names``.
        synthetic: synthetic features.
        synthetic_labels: their classes, as positions in ``names``.
        names: names of classes.
        form: format of the image, one of :data:`zsl.reporting.drawing.UNDATED`.
    """
    centre = real.mean(axis=0)
    _, lengths, axes = np.linalg.svd(real - centre, full_matrices=False)
    plane, share = axes[:2].T, (lengths[:2] ** 2).sum() / (lengths**2).sum()
    with style():
        page = Figure(figsize=(7.0, 5.0), layout="constrained")
        panel = page.subplots()
        for label in range(len(names)):
            colour = f"C{label % 10}"
            for points, of, marker, alpha in ((real, labels, "o", 0.35), (synthetic, synthetic_labels, "x", 0.9)):
                a, b = ((points[of == label][:MOST] - centre) @ plane).T
                panel.scatter(a, b, s=14, c=colour, marker=marker, alpha=alpha, linewidths=0.8, edgecolors=None)
            panel.scatter([], [], c=colour, label=str(label))
        panel.set_title(f"dots real, crosses synthetic; {share:.0%} of the variance of the real features")
        legend = panel.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
        for shown, name in zip(legend.get_texts(), names, strict=True):
            shown.set_text(drawn(name))  # a label that begins with "_" would be left out
        return image(page, form)
