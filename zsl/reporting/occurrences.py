"""Statistics of k-occurrences of classes: hubs, antihubs, skewness, histograms."""

from __future__ import annotations

MATRICES = {"unseen": "ZSL", "all": "GZSL"}
"""candidate classes -> score matrix"""
EDGES = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
BINS = ("N = 0", "≤ μ/2", "≤ μ", "≤ 2μ", "≤ 4μ", "≤ 8μ", "> 8μ")
"""bins of a histogram of the k-occurrence N, with μ its mean over classes"""


def measures(k: int, occurrence: list[int], bad: list[int]) -> dict[str, float]:
    """Return all statistics of the k-occurrences and bad k-occurrences of classes; shares lie in [0, 1]."""
    import numpy as np

    from zsl.evaluation import hubness

    N, bad_N = np.array(occurrence), np.array(bad)
    return {
        f"N{k}_skewness": hubness.skewness(N),
        "Robin_Hood": hubness.robin_hood(N),
        "hubs": float(hubness.hubs(N).mean()),
        "bad_hubs": float(hubness.bad_hubs(N, bad_N).mean()),
        "antihubs": float(hubness.antihubs(N).mean()),
        "bad_occurrences": float(bad_N.sum() / N.sum()),
    }


def histogram(occurrence: list[int]) -> dict[str, float]:
    """Return the number of classes in each of `BINS`."""
    import numpy as np

    N = np.array(occurrence)
    bins = np.searchsorted(np.array(EDGES) * N.mean(), N, side="left")
    return dict(zip(BINS, np.bincount(bins, minlength=len(BINS)).astype(float).tolist(), strict=True))
