"""Plot of real and synthetic features of a few classes in two principal components of the real ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from matplotlib.figure import Figure
from numpy import ndarray as Array

from zsl.files.escaping import drawn
from zsl.reporting.drawing import image, style
from zsl.reporting.robust_limits import Limits, note

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

    Each class has a colour. Points that lie far out are drawn at the border, and counted in the title. Equal features
    give identical bytes.

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
    kinds = ((real, labels), (synthetic, synthetic_labels))
    drawn_points = [
        [(points[of == label][:MOST] - centre) @ plane for points, of in kinds] for label in range(len(names))
    ]
    every = np.concatenate([points for pair in drawn_points for points in pair])
    limits = Limits.of(every)
    far = note(int(limits.beyond(every).sum()))
    with style():
        page = Figure(figsize=(7.0, 5.0), layout="constrained")
        panel = page.subplots()
        for label in range(len(names)):
            colour = f"C{label % 10}"
            for points, (marker, alpha) in zip(drawn_points[label], (("o", 0.35), ("x", 0.9)), strict=True):
                a, b = limits.clipped(points).T
                panel.scatter(a, b, s=14, c=colour, marker=marker, alpha=alpha, linewidths=0.8, edgecolors=None)
            panel.scatter([], [], c=colour, label=str(label))
        title = f"dots real, crosses synthetic; {share:.0%} of the variance of the real features"
        panel.set_title(f"{title}\n{far}" if far else title)
        legend = panel.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
        for shown, name in zip(legend.get_texts(), names, strict=True):
            shown.set_text(drawn(name))  # a label that begins with "_" would be left out
        return image(page, form)
