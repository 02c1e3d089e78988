"""Numbers about how often classes are among the best answers: hubs, antihubs, skewness, histograms."""

from __future__ import annotations

MATRICES = {"unseen": "ZSL", "all": "GZSL"}
"""answers to choose among -> score matrix"""
EDGES = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
BINS = ("N = 0", "≤ μ/2", "≤ μ", "≤ 2μ", "≤ 4μ", "≤ 8μ", "> 8μ")
"""how many classes occur not at all, up to half as often as the mean, …"""


def measures(k: int, occurrence: list[int], bad: list[int]) -> dict[str, float]:
    """Every number about the occurrences N_k of the classes and those of them that are bad; shares in [0, 1]."""
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
    """How many classes fall into each of `BINS`."""
    import numpy as np

    N = np.array(occurrence)
    bins = np.searchsorted(np.array(EDGES) * N.mean(), N, side="left")
    return dict(zip(BINS, np.bincount(bins, minlength=len(BINS)).astype(float).tolist(), strict=True))
