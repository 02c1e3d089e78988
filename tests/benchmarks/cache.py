"""Opening a data set of AWA2's size: MATLAB's file against the memory-mapped cache."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import scipy.io

from tests.benchmarks.timing import Timing, measure
from zsl.datasets.synthetic import load as synthetic
from zsl.datasets.xlsa17 import load


def run() -> list[Timing]:
    """37,322 × 2,048 features in float64, compressed as released; then from the cache."""
    with tempfile.TemporaryDirectory() as folder:
        root, cache = Path(folder) / "AWA2", Path(folder) / "cache"
        root.mkdir()
        world = synthetic(name="awa2", shape="awa2")
        parts = {f"{name}_loc": rows[:, None] + 1.0 for name, rows in world.splits.parts().items()}
        names = np.array([[name] for name in world.classes.names], dtype=object)
        att = world.classes.matrices["att"].T
        scipy.io.savemat(root / "att_splits.mat", {"att": att, "allclasses_names": names, **parts})
        labels = world.labels[:, None] + 1.0
        x = np.asarray(world.features).T.astype(np.float64)
        scipy.io.savemat(root / "res101.mat", {"features": x, "labels": labels}, do_compression=True)
        del world, x
        matlab = measure("loadmat, AWA2 size, compressed", lambda: scipy.io.loadmat(root / "res101.mat"), runs=3)
        load(name="awa2", root=root, cache=cache)

        def open_again() -> float:
            return float(load(name="awa2", root=root, cache=cache).features[-1, -1])

        again = measure("second open, AWA2 size, checksums verified", open_again, beside=matlab, goal="< 0.3 s")
        return [matlab, again]
